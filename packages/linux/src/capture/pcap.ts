import { ByteWriter } from "@ocicat/net";

/** A frame as a capture file holds it. */
export interface PcapFrame {
  /** Nanoseconds since 1970. */
  readonly timestamp: bigint;
  /** What was kept of it, from the link-layer header on. */
  readonly bytes: Uint8Array;
  /** How long it was. */
  readonly length: number;
}

/**
 * What a frame begins with. One file holds frames of one type, so that frames of all interfaces together are written as
 * `cooked`, as `tcpdump -i any` does.
 */
export type LinkType = "ethernet" | "ip" | "cooked";

/** LINKTYPE_ETHERNET, _RAW and _LINUX_SLL2 (tcpdump.org/linktypes.html). */
const LINK_TYPES: Readonly<Record<LinkType, number>> = { ethernet: 1, ip: 101, cooked: 276 };

/** ARPHRD_ETHER, ARPHRD_LOOPBACK. All that the kernel's tunnels without an Ethernet header have is the IP packet. */
const ETHERNET_HARDWARE: ReadonlySet<number> = new Set([1, 772]);

/** Whether an interface's frames begin with an Ethernet header or, as those of tunl0, with the IP packet itself. */
export function linkTypeOf(hardwareType: number): "ethernet" | "ip" {
  return ETHERNET_HARDWARE.has(hardwareType) ? "ethernet" : "ip";
}

const NANOSECOND_MAGIC = 0xa1b23c4d;
const NANOSECONDS = 1_000_000_000n;

/**
 * The head of a capture file with nanosecond times (draft-ietf-opsawg-pcap §4):
 *
 *      +---------+---------+---------+---------+---------+-----------+
 *      | magic 4 | 2.4     | 0 4     | 0 4     | limit 4 | link type |   little-endian
 *      +---------+---------+---------+---------+---------+-----------+
 */
export function pcapHeader(snapLength = 262_144, linkType: LinkType = "ethernet"): Uint8Array {
  const out = new ByteWriter(24).u32le(NANOSECOND_MAGIC).u16le(2).u16le(4).zeros(8);
  return out.u32le(snapLength).u32le(LINK_TYPES[linkType]).finish();
}

/**
 * One frame (§5):
 *
 *      +-----------+---------------+--------+---------------+- - - - -+
 *      | seconds 4 | nanoseconds 4 | kept 4 | were there 4  | bytes   |
 *      +-----------+---------------+--------+---------------+- - - - -+
 */
export function pcapRecord(frame: PcapFrame): Uint8Array {
  return new ByteWriter(16 + frame.bytes.length)
    .u32le(Number(frame.timestamp / NANOSECONDS))
    .u32le(Number(frame.timestamp % NANOSECONDS))
    .u32le(frame.bytes.length)
    .u32le(frame.length)
    .bytes(frame.bytes)
    .finish();
}

/** What a cooked frame says of where it was seen. */
export interface CookedFrame extends PcapFrame {
  readonly linkIndex: number;
  readonly outgoing: boolean;
  readonly etherType: number;
  readonly hardwareType: number;
}

const ETHERNET_HEADER = 14;
const COOKED_HEADER = 20;

/**
 * A frame with the header that says the interface, in place of its own (LINKTYPE_LINUX_SLL2, big-endian):
 *
 *      0           2          4            8          10     11       12            20
 *      +-----------+----------+------------+----------+------+--------+-------------+- - - - -+
 *      | EtherType | 0        | link index | hardware | type | length | address: 0  | payload |
 *      +-----------+----------+------------+----------+------+--------+-------------+- - - - -+
 *                                                      4: sent, 0: received
 */
export function cookedFrame(frame: CookedFrame): PcapFrame {
  const skipped = linkTypeOf(frame.hardwareType) === "ethernet" ? Math.min(ETHERNET_HEADER, frame.bytes.length) : 0;
  const out = new ByteWriter(COOKED_HEADER + frame.bytes.length - skipped)
    .u16(frame.etherType)
    .u16(0)
    .u32(frame.linkIndex)
    .u16(frame.hardwareType)
    .u8(frame.outgoing ? 4 : 0)
    .u8(0)
    .zeros(8)
    .bytes(frame.bytes.subarray(skipped));
  return { timestamp: frame.timestamp, bytes: out.finish(), length: frame.length - skipped + COOKED_HEADER };
}
