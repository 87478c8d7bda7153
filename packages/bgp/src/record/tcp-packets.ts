import { type Address, addressToBytes, ByteWriter, familyOf, internetChecksum } from "@ocicat/net";
import type { Connection, Endpoint } from "../speaker/transport.ts";
import type { ConnectionObserver } from "./observed-transport.ts";

/** Bytes of BGP in a packet: what fits an Ethernet frame with either header. */
const SEGMENT = 1440;
const FLAG = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10 } as const;
const TCP = 6;
const TTL = 64;
const WINDOW = 65_535;

interface Side {
  readonly end: Endpoint;
  /** Where what it says next begins. */
  sequence: number;
}

/**
 * A connection as IP packets, so that what reads captures can follow it: as if it had been captured on a wire without loss on
 * which each segment is acknowledged by the next one. Ports, addresses and bytes are the true ones, sequence numbers begin at
 * 0, and there is nothing of what protects a connection (TCP MD5, time to live).
 */
export function packetsOf(
  { local, remote }: Connection,
  dialled: boolean,
  write: (packet: Uint8Array) => void,
): ConnectionObserver {
  const here: Side = { end: local, sequence: 0 };
  const there: Side = { end: remote, sequence: 0 };
  const say = (from: Side, to: Side, flags: number, payload: Uint8Array = new Uint8Array(0)) => {
    write(packet(from, to, flags, payload));
    // SYN and FIN count as a byte.
    const counts = payload.length + ((flags & (FLAG.syn | FLAG.fin)) === 0 ? 0 : 1);
    from.sequence = (from.sequence + counts) >>> 0;
  };
  const tell = (from: Side, to: Side, bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; at += SEGMENT)
      say(from, to, FLAG.ack | FLAG.psh, bytes.subarray(at, at + SEGMENT));
  };
  const [caller, called] = dialled ? [here, there] : [there, here];
  say(caller, called, FLAG.syn);
  say(called, caller, FLAG.syn | FLAG.ack);
  say(caller, called, FLAG.ack);
  let open = true;
  return {
    sent: (bytes) => open && tell(here, there, bytes),
    received: (bytes) => open && tell(there, here, bytes),
    ended: (by, reset) => {
      if (!open) return;
      open = false;
      const [from, to] = by === "here" ? [here, there] : [there, here];
      say(from, to, reset ? FLAG.rst | FLAG.ack : FLAG.fin | FLAG.ack);
      if (!reset) say(to, from, FLAG.fin | FLAG.ack);
      if (!reset) say(from, to, FLAG.ack);
    },
  };
}

/**
 * RFC 9293 §3.1, without options
 *
 *     +-------------------------------+-------------------------------+
 *     |          source port          |       destination port        |
 *     +-------------------------------+-------------------------------+
 *     |                       sequence number                         |
 *     +---------------------------------------------------------------+
 *     |                    acknowledgement number                     |
 *     +-------+-------+---------------+-------------------------------+
 *     | words | 0     |     flags     |            window             |
 *     +-------+-------+---------------+-------------------------------+
 *     |           checksum            |       urgent pointer: 0       |
 *     +-------------------------------+-------------------------------+
 */
function packet(from: Side, to: Side, flags: number, payload: Uint8Array): Uint8Array {
  const segment = new ByteWriter(20 + payload.length)
    .u16(from.end.port)
    .u16(to.end.port)
    .u32(from.sequence)
    .u32((flags & FLAG.ack) === 0 ? 0 : to.sequence)
    .u8(5 << 4)
    .u8(flags)
    .u16(WINDOW)
    .u16(0)
    .u16(0)
    .bytes(payload);
  const [source, destination] = [from.end.address, to.end.address];
  segment.patchU16(16, internetChecksum(pseudoHeader(source, destination, segment.finish())));
  const body = segment.finish();
  return new ByteWriter(40 + body.length)
    .bytes(ipHeader(source, destination, body.length))
    .bytes(body)
    .finish();
}

/** What the checksum is over beside the segment: RFC 9293 §3.1, RFC 8200 §8.1. */
function pseudoHeader(source: Address, destination: Address, segment: Uint8Array): Uint8Array {
  const writer = new ByteWriter(40 + segment.length).bytes(addressToBytes(source)).bytes(addressToBytes(destination));
  if (familyOf(source) === 4) writer.u8(0).u8(TCP).u16(segment.length);
  else writer.u32(segment.length).zeros(3).u8(TCP);
  return writer.bytes(segment).finish();
}

/**
 *     IPv4, RFC 791 §3.1                                         IPv6, RFC 8200 §3
 *     +---------+--------+-----------------+                     +----------------------+
 *     | 4 │ 5   | DSCP 0 | length          |                     | 6, class 0, flow 0   |
 *     +---------+--------+-----------------+                     +-----------+----+-----+
 *     | identification 0 | don't fragment  |                     | length    | 6  | 64  |
 *     +---------+--------+-----------------+                     +-----------+----+-----+
 *     | TTL 64  | 6, TCP | checksum        |                     | source, 16           |
 *     +---------+--------+-----------------+                     | destination, 16      |
 *     | source           | destination     |                     +----------------------+
 *     +------------------+-----------------+
 */
function ipHeader(source: Address, destination: Address, length: number): Uint8Array {
  const writer = new ByteWriter(40);
  if (familyOf(source) === 4) {
    writer
      .u8(0x45)
      .u8(0)
      .u16(20 + length)
      .u16(0)
      .u16(0x4000)
      .u8(TTL)
      .u8(TCP)
      .u16(0);
    writer.bytes(addressToBytes(source)).bytes(addressToBytes(destination));
    writer.patchU16(10, internetChecksum(writer.finish()));
  } else {
    writer
      .u32(6 * 2 ** 28)
      .u16(length)
      .u8(TCP)
      .u8(TTL);
    writer.bytes(addressToBytes(source)).bytes(addressToBytes(destination));
  }
  return writer.finish();
}
