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

/** LINKTYPE_ETHERNET */
const ETHERNET = 1;
const NANOSECOND_MAGIC = 0xa1b23c4d;
const NANOSECONDS = 1_000_000_000n;

/**
 * The head of a capture file with nanosecond times (draft-ietf-opsawg-pcap §4):
 *
 *      +---------+---------+---------+---------+---------+-----------+
 *      | magic 4 | 2.4     | 0 4     | 0 4     | limit 4 | linktype 4|   little-endian
 *      +---------+---------+---------+---------+---------+-----------+
 */
export function pcapHeader(snapLength = 262_144): Uint8Array {
  const out = new ByteWriter(24).u32le(NANOSECOND_MAGIC).u16le(2).u16le(4).zeros(8);
  return out.u32le(snapLength).u32le(ETHERNET).finish();
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
