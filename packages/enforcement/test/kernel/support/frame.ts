import { addressToBytes, familyOf, internetChecksum } from "@ocicat/net";
import { type Packet, Protocol } from "@ocicat/policy";

/*
 *     Ethernet 14 | IPv4 20 or IPv6 40 | header of the protocol, with the probe's number in it
 *
 *     TCP      sequence number of a SYN       at 4
 *     UDP      payload                        at 8
 *     ICMP     payload of an echo request     at 8
 *     SCTP     initiate tag of an INIT        at 16
 *     others   anywhere                       at 4
 */
const ETHERNET = 14;
const NUMBER_AT: ReadonlyMap<number, number> = new Map([
  [Protocol.tcp, 4],
  [Protocol.udp, 8],
  [Protocol.icmp, 8],
  [Protocol.icmpv6, 8],
  [Protocol.sctp, 16],
]);
const ETHERTYPES = { 4: 0x0800, 6: 0x86dd } as const;

/** The bits of a TCP header's flags. */
export const SYN = 0x02;
export const ACK = 0x10;

/** An IP packet that opens a connection, unless `flags` say otherwise, with a number to know it again by: not 0. */
export function ipPacket(packet: Packet, number: number, flags = SYN): Uint8Array {
  const source = addressToBytes(packet.source);
  const destination = addressToBytes(packet.destination);
  const body = bodyOf(packet, number, flags);
  const pseudo = Uint8Array.of(...source, ...destination, ...uint32(body.length), 0, 0, 0, packet.protocol);
  seal(packet.protocol, body, pseudo);
  if (familyOf(packet.source) === 6) {
    return Uint8Array.of(
      0x60,
      0,
      0,
      0,
      ...uint16(body.length),
      packet.protocol,
      64,
      ...source,
      ...destination,
      ...body,
    );
  }
  const header = Uint8Array.of(
    0x45,
    0,
    ...uint16(20 + body.length),
    ...uint16(number & 0xffff),
    0x40,
    0,
    64,
    packet.protocol,
    0,
    0,
    ...source,
    ...destination,
  );
  header.set(uint16(internetChecksum(header)), 10);
  return Uint8Array.of(...header, ...body);
}

export function ethernetFrame(to: Uint8Array, from: Uint8Array, family: 4 | 6, packet: Uint8Array): Uint8Array {
  return Uint8Array.of(...to, ...from, ...uint16(ETHERTYPES[family]), ...packet);
}

/** Who has `address`? The kernel's answer comes whatever its rules are: what was sent before has been seen by then. */
export function arpRequest(from: Uint8Array, sender: Uint8Array, address: Uint8Array): Uint8Array {
  const broadcast = new Uint8Array(6).fill(0xff);
  const body = [0, 1, 8, 0, 6, 4, 0, 1, ...from, ...sender, 0, 0, 0, 0, 0, 0, ...address];
  return Uint8Array.of(...broadcast, ...from, 0x08, 0x06, ...body);
}

export function isArpReply(frame: Uint8Array): boolean {
  return frame[12] === 0x08 && frame[13] === 0x06 && frame[21] === 2;
}

/** The probe's number in a frame; undefined if it is not an IP packet, or an ICMP error about one. */
export function numberInFrame(frame: Uint8Array): number | undefined {
  return numberInPacket(frame.subarray(ETHERNET));
}

/** As numberInFrame, in an IP packet. */
export function numberInPacket(packet: Uint8Array): number | undefined {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4) return numberInBody(packet[9] ?? 0, packet.subarray(((packet[0] ?? 0) & 15) * 4));
  return version === 6 ? numberInBody(packet[6] ?? 0, packet.subarray(40)) : undefined;
}

export function numberInBody(protocol: number, body: Uint8Array): number | undefined {
  const isIcmp = protocol === Protocol.icmp || protocol === Protocol.icmpv6;
  if (isIcmp && body[0] !== 8 && body[0] !== 128) return undefined;
  const at = NUMBER_AT.get(protocol) ?? 4;
  if (body.length < at + 4) return undefined;
  return new DataView(body.buffer, body.byteOffset).getUint32(at);
}

function bodyOf(
  { protocol, sourcePort = 0, destinationPort = 0, icmp }: Packet,
  number: number,
  flags: number,
): Uint8Array {
  const ports = [...uint16(sourcePort), ...uint16(destinationPort)];
  const tag = uint32(number);
  switch (protocol) {
    case Protocol.tcp:
      return Uint8Array.of(...ports, ...tag, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0);
    case Protocol.udp:
      return Uint8Array.of(...ports, 0, 12, 0, 0, ...tag);
    case Protocol.sctp:
      return Uint8Array.of(
        ...ports,
        ...uint32(0),
        ...uint32(0),
        1,
        0,
        0,
        20,
        ...tag,
        ...uint32(65_536),
        0,
        1,
        0,
        1,
        ...tag,
      );
    case Protocol.icmp:
    case Protocol.icmpv6:
      return Uint8Array.of(icmp?.type ?? 0, icmp?.code ?? 0, 0, 0, ...uint16(number), ...uint16(number >>> 16), ...tag);
    default:
      return Uint8Array.of(0, 0, 0x08, 0, ...tag);
  }
}

/** Connection tracking looks at checksums. */
function seal(protocol: number, body: Uint8Array, pseudo: Uint8Array): void {
  const withPseudo = () => uint16(internetChecksum(Uint8Array.of(...pseudo, ...body)));
  if (protocol === Protocol.tcp) body.set(withPseudo(), 16);
  if (protocol === Protocol.udp) body.set(withPseudo(), 6);
  if (protocol === Protocol.icmpv6) body.set(withPseudo(), 2);
  if (protocol === Protocol.icmp) body.set(uint16(internetChecksum(body)), 2);
  if (protocol === Protocol.sctp) new DataView(body.buffer).setUint32(8, crc32c(body), true);
}

/** RFC 9260, appendix A. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

function uint16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
