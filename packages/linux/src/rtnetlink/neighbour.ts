import { addressToBytes, ByteReader } from "@ocicat/net";
import { Attributes, type MessageWriter, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REPLACE } from "@ocicat/netlink";
import type { ForwardingEntry, Neighbour } from "../kernel/kernel.ts";
import {
  AF_BRIDGE,
  NTF_MASTER,
  NTF_SELF,
  NUD_NOARP,
  NUD_PERMANENT,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from "./constants.ts";
import { addressFamilyOf, addressIn, familyFrom, macBytes, macIn } from "./family.ts";
import { FixedHeader } from "./header.ts";

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_VLAN = 5;
const NDA_MASTER = 9;

/*
 *      0        1    4            8       10      11     12
 *      +--------+----+------------+-------+-------+------+- - - - - -
 *      | family | 0  | link index | state | flags | type | attributes
 *      +--------+----+------------+-------+-------+------+- - - - - -
 *        AF_BRIDGE:                 NUD_*   NTF_*
 *        forwarding entries
 */
const HEADER = 12;

interface Header {
  readonly family: number;
  readonly linkIndex: number;
  readonly state: number;
}

function headerOf(payload: Uint8Array): Header {
  const reader = new ByteReader(payload);
  const family = reader.u8();
  reader.skip(3);
  return { family, linkIndex: reader.i32le(), state: reader.u16le() };
}

/** Undefined for forwarding entries, and for entries that need no resolution. */
export function neighbourFrom(payload: Uint8Array): Neighbour | undefined {
  const { family, linkIndex, state } = headerOf(payload);
  if (familyFrom(family) === undefined || (state & NUD_NOARP) !== 0) return undefined;
  const attributes = new Attributes(payload.subarray(HEADER));
  const address = addressIn(attributes.bytes(NDA_DST));
  return address === undefined ? undefined : { linkIndex, address, mac: macIn(attributes.bytes(NDA_LLADDR)), state };
}

/**
 * Static entries that somebody set: of a VXLAN device, with a destination; of a bridge's port, "static" (NUD_NOARP).
 * Not those the kernel makes for a device's own addresses and multicast groups, nor the copies that a bridge with VLAN
 * support keeps for each VLAN of the port.
 */
export function forwardingEntryFrom(payload: Uint8Array): ForwardingEntry | undefined {
  const { family, linkIndex, state } = headerOf(payload);
  if (family !== AF_BRIDGE || (state & (NUD_NOARP | NUD_PERMANENT)) === 0) return undefined;
  const attributes = new Attributes(payload.subarray(HEADER));
  const mac = macIn(attributes.bytes(NDA_LLADDR));
  const destination = addressIn(attributes.bytes(NDA_DST));
  const setOnPort = attributes.has(NDA_MASTER) && !attributes.has(NDA_VLAN) && (state & NUD_NOARP) !== 0;
  return mac === undefined || (destination === undefined && !setOnPort) ? undefined : { linkIndex, mac, destination };
}

export function encodeGetNeighbours(out: MessageWriter, flags: number, sequence: number): void {
  out.begin(RTM_GETNEIGH, flags, sequence, new Uint8Array(HEADER));
}

export function encodeGetForwardingEntries(out: MessageWriter, flags: number, sequence: number): void {
  out.begin(RTM_GETNEIGH, flags, sequence, new FixedHeader(HEADER).u8(0, AF_BRIDGE).bytes);
}

export function encodeReplaceNeighbour(
  out: MessageWriter,
  flags: number,
  sequence: number,
  neighbour: Neighbour,
): void {
  const { address, linkIndex, mac, state } = neighbour;
  const header = new FixedHeader(HEADER).u8(0, addressFamilyOf(address)).u32(4, linkIndex).u16(8, state);
  out.begin(RTM_NEWNEIGH, flags | NLM_F_CREATE | NLM_F_REPLACE, sequence, header.bytes);
  out.bytes(NDA_DST, addressToBytes(address));
  if (mac !== undefined) out.bytes(NDA_LLADDR, macBytes(mac));
}

export function encodeDeleteNeighbour(out: MessageWriter, flags: number, sequence: number, neighbour: Neighbour): void {
  const { address, linkIndex } = neighbour;
  const header = new FixedHeader(HEADER).u8(0, addressFamilyOf(address)).u32(4, linkIndex);
  out.begin(RTM_DELNEIGH, flags, sequence, header.bytes).bytes(NDA_DST, addressToBytes(address));
}

const FLOOD = "00:00:00:00:00:00";

export function encodeReplaceForwardingEntry(
  out: MessageWriter,
  flags: number,
  sequence: number,
  entry: ForwardingEntry,
): void {
  const how = entry.mac === FLOOD ? NLM_F_APPEND : NLM_F_REPLACE;
  encodeForwardingEntry(out, RTM_NEWNEIGH, flags | NLM_F_CREATE | how, sequence, entry);
}

export function encodeDeleteForwardingEntry(
  out: MessageWriter,
  flags: number,
  sequence: number,
  entry: ForwardingEntry,
): void {
  encodeForwardingEntry(out, RTM_DELNEIGH, flags, sequence, entry);
}

/** With a destination it is the device's own table (VXLAN), without one that of the bridge the device is a port of. */
function encodeForwardingEntry(
  out: MessageWriter,
  type: number,
  flags: number,
  sequence: number,
  { linkIndex, mac, destination }: ForwardingEntry,
): void {
  const ofVxlan = destination !== undefined;
  const header = new FixedHeader(HEADER)
    .u8(0, AF_BRIDGE)
    .u32(4, linkIndex)
    .u16(8, ofVxlan ? NUD_NOARP | NUD_PERMANENT : NUD_NOARP)
    .u8(10, ofVxlan ? NTF_SELF : NTF_MASTER);
  out.begin(type, flags, sequence, header.bytes).bytes(NDA_LLADDR, macBytes(mac));
  if (ofVxlan) out.bytes(NDA_DST, addressToBytes(destination));
}
