import {
  type Address,
  addressToBytes,
  ByteReader,
  ByteWriter,
  type Family,
  familyOf,
  internetChecksum,
} from "@ocicat/net";

export const PROTOCOL = { tcp: 6, icmp: { 4: 1, 6: 58 } } as const;
/** Bytes of an IP header without options, and of an echo's. */
export const IP_HEADER = { 4: 20, 6: 40 } as const;
export const ECHO_HEADER = 8;

const ECHO_TYPES = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;

/*
 * ICMP echo:
 *      0      1      2          4            6          8
 *      +------+------+----------+------------+----------+- - - -
 *      | type | 0    | checksum | identifier | sequence | zeros
 *      +------+------+----------+------------+----------+- - - -
 *                      IPv6's is filled in by the kernel
 */
export function echoRequest(family: Family, identifier: number, sequence: number, data: number): Uint8Array {
  const writer = new ByteWriter(ECHO_HEADER + data);
  writer.u8(ECHO_TYPES[family].request).u8(0).u16(0).u16(identifier).u16(sequence).bytes(new Uint8Array(data));
  const bytes = writer.finish();
  if (family === 4) new DataView(bytes.buffer, bytes.byteOffset).setUint16(2, internetChecksum(bytes));
  return bytes;
}

export function isEchoReply(family: Family, bytes: Uint8Array, identifier: number): boolean {
  if (bytes.length < ECHO_HEADER) return false;
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  reader.skip(3);
  return type === ECHO_TYPES[family].reply && reader.u16() === identifier;
}

const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const TCP_HEADER = 20;
const WINDOW = 1024;

/*
 * TCP's first segment:
 *      0             2              4          8         12       13      14       16         18
 *      +-------------+--------------+----------+---------+--------+-------+--------+----------+---------+
 *      | source port | its port     | sequence | 0       | 5 << 4 | SYN   | window | checksum | 0       |
 *      +-------------+--------------+----------+---------+--------+-------+--------+----------+---------+
 * The checksum is over this and a pseudo header: both addresses, the protocol, the length.
 */
export function firstSegment(source: Address, peer: Address, sourcePort: number, port: number, sequence: number) {
  const segment = new ByteWriter(TCP_HEADER);
  segment
    .u16(sourcePort)
    .u16(port)
    .u32(sequence)
    .u32(0)
    .u8(5 << 4)
    .u8(SYN)
    .u16(WINDOW)
    .u16(0)
    .u16(0);
  const bytes = segment.finish();
  const pseudo = new ByteWriter(40 + TCP_HEADER);
  pseudo.bytes(addressToBytes(source)).bytes(addressToBytes(peer));
  if (familyOf(source) === 4) pseudo.u8(0).u8(PROTOCOL.tcp).u16(TCP_HEADER);
  else pseudo.u32(TCP_HEADER).u32(PROTOCOL.tcp);
  const checksum = internetChecksum(pseudo.bytes(bytes).finish());
  new DataView(bytes.buffer, bytes.byteOffset).setUint16(16, checksum);
  return bytes;
}

/** What a segment says to ours: the way is open, or nobody listens; undefined if it is about something else. */
export function answerToFirst(
  bytes: Uint8Array,
  sourcePort: number,
  port: number,
  sequence: number,
): "open" | "reset" | undefined {
  if (bytes.length < TCP_HEADER) return undefined;
  const reader = new ByteReader(bytes);
  if (reader.u16() !== port || reader.u16() !== sourcePort) return undefined;
  reader.skip(4);
  const acknowledged = reader.u32();
  reader.skip(1);
  const flags = reader.u8();
  if ((flags & ACK) === 0 || acknowledged !== (sequence + 1) >>> 0) return undefined;
  if ((flags & RST) !== 0) return "reset";
  return (flags & SYN) === 0 ? undefined : "open";
}
