import {
  type Address,
  addressFromBytes,
  addressToBytes,
  type ByteReader,
  type ByteWriter,
  type Family,
  formatAddress,
  type Ipv4,
  type Ipv6,
  ipv4,
  ipv6,
} from "@ocicat/net";
import type { CodecContext } from "../context.ts";
import { AFI, familyFrom, SAFI_UNICAST } from "../family.ts";
import { decodeNlri, encodePrefix, type Nlri, NlriError } from "../nlri.ts";
import { decodeAsPath, encodeAsPath, formatAsPath, hasConfederation, withoutConfederation } from "./as-path.ts";
import { formatCommunity, formatExtCommunity } from "./communities.ts";
import { type AttributeDescriptor, attribute, MalformedValue } from "./descriptor.ts";
import type { LargeCommunity, OriginCode } from "./types.ts";

const ORIGIN_NAMES = ["IGP", "EGP", "INCOMPLETE"] as const;

/**
 * Every path attribute this speaker knows, in ascending code: flags, codec, text, and what RFC 7606 §7 does with a
 * malformed one. A new attribute is a row here and a member of WireAttributes (and of PathAttributes, if paths carry it).
 */
export const ATTRIBUTES: readonly AttributeDescriptor[] = [
  attribute({
    key: "origin",
    code: 1,
    name: "ORIGIN",
    category: "mandatory",
    malformed: "withdraw",
    decode: (reader) => {
      const value = reader.u8();
      if (!isOrigin(value)) throw new MalformedValue("update/invalid-origin", `value ${value}`);
      return value;
    },
    encode: (writer, value) => writer.u8(value),
    format: (value) => ORIGIN_NAMES[value],
  }),
  attribute({
    key: "asPath",
    code: 2,
    name: "AS_PATH",
    category: "mandatory",
    malformed: "withdraw",
    decode: (reader, { as4, internal }) => {
      const path = decodeAsPath(reader, as4 ? 4 : 2);
      // RFC 5065 §5: not from outside the confederation, and this speaker is in none.
      if (!internal && hasConfederation(path)) throw new MalformedValue("update/malformed-as-path", "a confederation");
      return path;
    },
    encode: (writer, value, { as4 }) => encodeAsPath(writer, value, as4 ? 4 : 2),
    format: formatAsPath,
  }),
  attribute({
    // Mandatory with IPv4 NLRI only (RFC 4760 §3), which `requireMandatory` knows.
    key: "nextHop",
    code: 3,
    name: "NEXT_HOP",
    category: "mandatory",
    malformed: "withdraw",
    decode: readIpv4,
    encode: (writer, value) => writer.u32(value),
    format: formatAddress,
  }),
  attribute({
    key: "med",
    code: 4,
    name: "MULTI_EXIT_DISC",
    category: "optional non-transitive",
    malformed: "withdraw",
    decode: (reader) => reader.u32(),
    encode: (writer, value) => writer.u32(value),
    format: String,
  }),
  attribute({
    key: "localPref",
    code: 5,
    name: "LOCAL_PREF",
    category: "well-known",
    malformed: "withdraw",
    internalOnly: true,
    decode: (reader) => reader.u32(),
    encode: (writer, value) => writer.u32(value),
    format: String,
  }),
  attribute({
    key: "atomicAggregate",
    code: 6,
    name: "ATOMIC_AGGREGATE",
    category: "well-known",
    malformed: "discard",
    decode: () => true as const,
    encode: () => undefined,
    format: () => "set",
  }),
  attribute({
    key: "aggregator",
    code: 7,
    name: "AGGREGATOR",
    category: "optional transitive",
    malformed: "discard",
    decode: (reader, { as4 }) => readAggregator(reader, as4 ? reader.u32() : reader.u16()),
    encode: (writer, { as, address }, { as4 }) => (as4 ? writer.u32(as) : writer.u16(as)).u32(address),
    format: ({ as, address }) => `AS${as} ${formatAddress(address)}`,
  }),
  attribute({
    key: "communities",
    code: 8,
    name: "COMMUNITIES",
    category: "optional transitive",
    malformed: "withdraw",
    decode: (reader) => readWords(reader),
    encode: (writer, value) => writeWords(writer, value),
    format: (value) => value.map(formatCommunity).join(" "),
  }),
  attribute({
    key: "originatorId",
    code: 9,
    name: "ORIGINATOR_ID",
    category: "optional non-transitive",
    malformed: "withdraw",
    internalOnly: true,
    decode: readIpv4,
    encode: (writer, value) => writer.u32(value),
    format: formatAddress,
  }),
  attribute({
    key: "clusterList",
    code: 10,
    name: "CLUSTER_LIST",
    category: "optional non-transitive",
    malformed: "withdraw",
    internalOnly: true,
    decode: (reader) => readWords(reader).map(ipv4),
    encode: (writer, value) => writeWords(writer, value),
    format: (value) => value.map(formatAddress).join(" "),
  }),
  attribute({
    /**
     *     +-----------------+--------+--------+---------------+---------+------------+
     *     | AFI, 2 bytes    |  SAFI  | length | next hop      | 0       | prefixes   |     RFC 4760 §3
     *     +-----------------+--------+--------+---------------+---------+------------+
     *
     * Next hop: 4 bytes for IPv4; for IPv6 16, or 32 with a link-local address behind the global one (RFC 2545 §3). With
     * RFC 8950 the latter for IPv4 prefixes as well.
     */
    key: "mpReach",
    code: 14,
    name: "MP_REACH_NLRI",
    category: "optional non-transitive",
    malformed: "reset",
    decode: (reader, context) => {
      const family = familyFrom(reader.u16(), reader.u8());
      const nextHop = reader.bytes(reader.u8());
      reader.skip(1);
      if (family === undefined) {
        reader.skip(reader.left);
        return undefined;
      }
      return { family, ...decodeNextHop(nextHop, family, context), nlri: readNlri(reader, family, context) };
    },
    encode: (writer, value) => {
      if (value === undefined) return;
      const nextHop = encodeNextHop(value.nextHop, value.linkLocalNextHop);
      writer.u16(AFI[value.family]).u8(SAFI_UNICAST).u8(nextHop.length).bytes(nextHop).u8(0);
      for (const prefix of value.nlri.prefixes) encodePrefix(writer, prefix);
    },
    format: (value) =>
      value === undefined ? "" : `${value.nlri.prefixes.join(" ")} via ${formatAddress(value.nextHop)}`,
  }),
  attribute({
    /**
     *     +-----------------+--------+------------+
     *     | AFI, 2 bytes    |  SAFI  | prefixes   |     RFC 4760 §4; without prefixes: End-of-RIB (RFC 4724 §2)
     *     +-----------------+--------+------------+
     */
    key: "mpUnreach",
    code: 15,
    name: "MP_UNREACH_NLRI",
    category: "optional non-transitive",
    malformed: "reset",
    decode: (reader, context) => {
      const family = familyFrom(reader.u16(), reader.u8());
      if (family === undefined) {
        reader.skip(reader.left);
        return undefined;
      }
      return { family, nlri: readNlri(reader, family, context) };
    },
    encode: (writer, value) => {
      if (value === undefined) return;
      writer.u16(AFI[value.family]).u8(SAFI_UNICAST);
      for (const prefix of value.nlri.prefixes) encodePrefix(writer, prefix);
    },
    format: (value) => (value === undefined ? "" : value.nlri.prefixes.join(" ")),
  }),
  attribute({
    key: "extCommunities",
    code: 16,
    name: "EXTENDED_COMMUNITIES",
    category: "optional transitive",
    malformed: "withdraw",
    decode: (reader) => readEach(reader, 8, () => (BigInt(reader.u32()) << 32n) | BigInt(reader.u32())),
    encode: (writer, value) => {
      for (const each of value) writer.u32(Number(each >> 32n)).u32(Number(each & 0xffff_ffffn));
    },
    format: (value) => value.map(formatExtCommunity).join(" "),
  }),
  attribute({
    key: "as4Path",
    code: 17,
    name: "AS4_PATH",
    category: "optional transitive",
    malformed: "discard",
    // RFC 6793 §6: confederation segments do not belong here and are left out.
    decode: (reader) => withoutConfederation(decodeAsPath(reader, 4)),
    encode: (writer, value) => encodeAsPath(writer, value, 4),
    format: formatAsPath,
  }),
  attribute({
    key: "as4Aggregator",
    code: 18,
    name: "AS4_AGGREGATOR",
    category: "optional transitive",
    malformed: "discard",
    decode: (reader) => readAggregator(reader, reader.u32()),
    encode: (writer, { as, address }) => writer.u32(as).u32(address),
    format: ({ as, address }) => `AS${as} ${formatAddress(address)}`,
  }),
  attribute({
    /**
     *     +--------------------+-----------------+-----------------+
     *     | global, 4 bytes    | local, 4 bytes  | local, 4 bytes  |   repeated, RFC 8092 §3
     *     +--------------------+-----------------+-----------------+
     */
    key: "largeCommunities",
    code: 32,
    name: "LARGE_COMMUNITIES",
    category: "optional transitive",
    malformed: "withdraw",
    decode: (reader) =>
      distinct(readEach(reader, 12, (): LargeCommunity => [reader.u32(), reader.u32(), reader.u32()])),
    encode: (writer, value) => {
      for (const [global, one, two] of value) writer.u32(global).u32(one).u32(two);
    },
    format: (value) => value.map((each) => each.join(":")).join(" "),
  }),
  attribute({
    key: "onlyToCustomer",
    code: 35,
    name: "ONLY_TO_CUSTOMER",
    category: "optional transitive",
    malformed: "withdraw",
    decode: (reader) => reader.u32(),
    encode: (writer, value) => writer.u32(value),
    format: (value) => `AS${value}`,
  }),
];

export const ATTRIBUTE_BY_CODE: ReadonlyMap<number, AttributeDescriptor> = new Map(
  ATTRIBUTES.map((descriptor) => [descriptor.code, descriptor]),
);

function isOrigin(value: number): value is OriginCode {
  return value in ORIGIN_NAMES;
}

function readIpv4(reader: ByteReader): Ipv4 {
  return ipv4(reader.u32());
}

function readAggregator(reader: ByteReader, as: number) {
  if (as === 0) throw new MalformedValue("update/optional-attribute", "AS 0 (RFC 7607)");
  return { as, address: readIpv4(reader) };
}

function readWords(reader: ByteReader): number[] {
  return readEach(reader, 4, () => reader.u32());
}

/** RFC 7606 §7.8, §7.14, RFC 8092 §6: a non-zero multiple of the size of one. */
function readEach<T>(reader: ByteReader, size: number, read: () => T): T[] {
  const { left } = reader;
  if (left === 0 || left % size !== 0) throw new MalformedValue("update/attribute-length", `${left} bytes`);
  return Array.from({ length: left / size }, read);
}

/** RFC 8092 §5: one that is there twice counts once. */
function distinct(communities: readonly LargeCommunity[]): LargeCommunity[] {
  return [...new Map(communities.map((community) => [community.join(":"), community])).values()];
}

function writeWords(writer: ByteWriter, words: readonly number[]): void {
  for (const word of words) writer.u32(word);
}

function readNlri(reader: ByteReader, family: Family, { addPath }: CodecContext): Nlri {
  try {
    return decodeNlri(reader, family, addPath[family]?.receive === true);
  } catch (error) {
    if (error instanceof NlriError) throw new MalformedValue("update/optional-attribute", error.message);
    throw error;
  }
}

function decodeNextHop(
  bytes: Uint8Array,
  family: Family,
  { extendedNextHop }: CodecContext,
): { nextHop: Address; linkLocalNextHop?: Ipv6 } {
  const wanted = family === 6 ? [16, 32] : extendedNextHop.includes(4) ? [4, 16, 32] : [4];
  if (!wanted.includes(bytes.length)) {
    throw new MalformedValue("update/optional-attribute", `a next hop of ${bytes.length} bytes`);
  }
  const nextHop = addressFromBytes(bytes.subarray(0, Math.min(bytes.length, 16)));
  if (bytes.length !== 32) return { nextHop };
  return { nextHop, linkLocalNextHop: ipv6(BigInt(addressFromBytes(bytes.subarray(16)))) };
}

export function encodeNextHop(nextHop: Address, linkLocal: Ipv6 | undefined): Uint8Array {
  const bytes = addressToBytes(nextHop);
  if (linkLocal === undefined) return bytes;
  const both = new Uint8Array(32);
  both.set(bytes);
  both.set(addressToBytes(linkLocal), 16);
  return both;
}
