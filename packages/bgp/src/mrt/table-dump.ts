import {
  type Address,
  addressFromBytes,
  addressToBytes,
  type ByteReader,
  ByteWriter,
  bitsOf,
  type Family,
  familyOf,
  type Ipv4,
  ipv4,
  Prefix,
} from "@ocicat/net";
import { encodePrefix } from "../wire/nlri.ts";
import { decodeUtf8, encodeUtf8 } from "../wire/utf8.ts";
import { Mistake } from "./mistake.ts";

/** One of the peers that a table's paths came from; paths name it by its place in the list. */
export interface MrtPeer {
  readonly routerId: Ipv4;
  readonly address: Address;
  readonly as: number;
}

/** RFC 6396 §4.3.1: stands once, before the paths. */
export interface PeerIndex {
  readonly collector: Ipv4;
  readonly view: string;
  readonly peers: readonly MrtPeer[];
}

/** RFC 6396 §4.3.4. */
export interface RibEntry {
  readonly peer: number;
  /** Seconds since 1970. */
  readonly since: number;
  /** RFC 8050; undefined where the record has none. */
  readonly pathId: number | undefined;
  /** As entry-attributes.ts reads them. */
  readonly attributes: Uint8Array;
}

/** All paths to a prefix: RFC 6396 §4.3.2. */
export interface RibRow {
  readonly sequence: number;
  readonly prefix: Prefix;
  readonly entries: readonly RibEntry[];
}

const PEER_INDEX_TABLE = 1;

interface RibForm {
  readonly family: Family;
  readonly addPath: boolean;
}

/** RFC 6396 §4.3.2, RFC 8050 §4; unicast alone. */
const RIBS: ReadonlyMap<number, RibForm> = new Map([
  [2, { family: 4, addPath: false }],
  [4, { family: 6, addPath: false }],
  [8, { family: 4, addPath: true }],
  [10, { family: 6, addPath: true }],
]);

/** Undefined: a subtype that this reader does not know. Throws TruncatedError or Mistake. */
export function decodeTableDump(subtype: number, reader: ByteReader): PeerIndex | RibRow | undefined {
  if (subtype === PEER_INDEX_TABLE) return readPeerIndex(reader);
  const form = RIBS.get(subtype);
  return form === undefined ? undefined : readRow(reader, form);
}

/** Bits of a peer's type. */
const PEER_TYPE = { ipv6: 1, as4: 2 } as const;

/**
 *     +---------------------------------+
 *     | collector's BGP identifier, 4   |
 *     +---------------------------------+
 *     | length of the view's name, 2    |   name ...
 *     +---------------------------------+
 *     | peers, 2                        |
 *     +---------------------------------+
 *     | type, 1      6 4                |   each, `4` set: an AS number of four octets, `6` set: an IPv6 address
 *     | BGP identifier, 4               |
 *     | address, 4 or 16                |
 *     | AS number, 2 or 4               |
 *     +---------------------------------+
 */
function readPeerIndex(reader: ByteReader): PeerIndex {
  const collector = ipv4(reader.u32());
  const view = decodeUtf8(reader.bytes(reader.u16()));
  const count = reader.u16();
  return { collector, view, peers: Array.from({ length: count }, () => readPeer(reader)) };
}

function readPeer(reader: ByteReader): MrtPeer {
  const type = reader.u8();
  return {
    routerId: ipv4(reader.u32()),
    address: addressFromBytes(reader.bytes((type & PEER_TYPE.ipv6) === 0 ? 4 : 16)),
    as: (type & PEER_TYPE.as4) === 0 ? reader.u16() : reader.u32(),
  };
}

export function encodePeerIndex({ collector, view, peers }: PeerIndex) {
  const name = encodeUtf8(view);
  const writer = new ByteWriter().u32(collector).u16(name.length).bytes(name).u16(peers.length);
  for (const { routerId, address, as } of peers) {
    writer.u8(PEER_TYPE.as4 | (familyOf(address) === 6 ? PEER_TYPE.ipv6 : 0)).u32(routerId);
    writer.bytes(addressToBytes(address)).u32(as);
  }
  return { subtype: PEER_INDEX_TABLE, body: writer.finish() };
}

/**
 *     +------------------+-----------------------------+------------+
 *     | sequence, 4      | length, 1 │ prefix, 0 … 16  | entries, 2 |
 *     +------------------+-----------------------------+------------+
 *     | peer, 2 | since, 4 | path identifier, 4 | length, 2 | attributes ...     each; the identifier with RFC 8050
 *     +---------+----------+--------------------+-----------+
 */
function readRow(reader: ByteReader, { family, addPath }: RibForm): RibRow {
  const sequence = reader.u32();
  const prefix = readPrefix(reader, family);
  const count = reader.u16();
  const entries = Array.from({ length: count }, () => ({
    peer: reader.u16(),
    since: reader.u32(),
    pathId: addPath ? reader.u32() : undefined,
    attributes: reader.bytes(reader.u16()),
  }));
  return { sequence, prefix, entries };
}

function readPrefix(reader: ByteReader, family: Family): Prefix {
  const length = reader.u8();
  if (length > bitsOf(family)) throw new Mistake(`prefix length ${length} in IPv${family}`);
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  bytes.set(reader.bytes((length + 7) >>> 3));
  return Prefix.of(addressFromBytes(bytes), length);
}

/** With path identifiers if any entry has one. */
export function encodeRow({ sequence, prefix, entries }: RibRow) {
  const addPath = entries.some(({ pathId }) => pathId !== undefined);
  const form = [...RIBS].find(([, one]) => one.family === prefix.family && one.addPath === addPath);
  const writer = new ByteWriter(64).u32(sequence);
  encodePrefix(writer, prefix);
  writer.u16(entries.length);
  for (const { peer, since, pathId, attributes } of entries) {
    writer.u16(peer).u32(since);
    if (addPath) writer.u32(pathId ?? 0);
    writer.u16(attributes.length).bytes(attributes);
  }
  return { subtype: form?.[0] ?? 0, body: writer.finish() };
}
