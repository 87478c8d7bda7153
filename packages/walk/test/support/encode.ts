import { type Address, addressToBytes, ByteWriter, familyOf, internetChecksum, type Mac } from "@ocicat/net";

/*
 * The wire formats once more, written independently of the readers: for round trips, and to make frames that no kernel at
 * hand makes.
 */

export interface IpOptions {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly ttl?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  readonly fragmentOffset?: number;
}

export function ethernet(
  header: { readonly source: Mac; readonly destination: Mac; readonly etherType: number },
  payload: Uint8Array,
): Uint8Array {
  const out = new ByteWriter().bytes(macBytes(header.destination)).bytes(macBytes(header.source));
  return out.u16(header.etherType).bytes(payload).finish();
}

export function arp(packet: {
  readonly operation: number;
  readonly senderMac: Mac;
  readonly sender: Address;
  readonly targetMac: Mac;
  readonly target: Address;
}): Uint8Array {
  return new ByteWriter()
    .bytes(Uint8Array.of(0, 1, 8, 0, 6, 4))
    .u16(packet.operation)
    .bytes(macBytes(packet.senderMac))
    .bytes(addressToBytes(packet.sender))
    .bytes(macBytes(packet.targetMac))
    .bytes(addressToBytes(packet.target))
    .finish();
}

export function ip(options: IpOptions, payload: Uint8Array): Uint8Array {
  return familyOf(options.source) === 4 ? ipv4(options, payload) : ipv6(options, payload);
}

function ipv4(options: IpOptions, payload: Uint8Array): Uint8Array {
  const flags = (options.dontFragment ? 0x4000 : 0) | (options.moreFragments ? 0x2000 : 0);
  const header = new ByteWriter(20)
    .u8(0x45)
    .u8(0)
    .u16(20 + payload.length)
    .u16(7)
    .u16(flags | ((options.fragmentOffset ?? 0) / 8))
    .u8(options.ttl ?? 64)
    .u8(options.protocol)
    .u16(0)
    .bytes(addressToBytes(options.source))
    .bytes(addressToBytes(options.destination));
  header.patchU16(10, internetChecksum(header.finish()));
  return header.bytes(payload).finish();
}

function ipv6(options: IpOptions, payload: Uint8Array): Uint8Array {
  const out = new ByteWriter(40).u32(0x6000_0000).u16(payload.length).u8(options.protocol);
  out
    .u8(options.ttl ?? 64)
    .bytes(addressToBytes(options.source))
    .bytes(addressToBytes(options.destination));
  return out.bytes(payload).finish();
}

/** An ICMP or ICMPv6 message; the checksum is left out. `rest`: the second word. */
export function icmp(type: number, code: number, rest: number, data: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u8(type)
    .u8(code)
    .u16(0)
    .u32(rest >>> 0)
    .bytes(data)
    .finish();
}

export function udp(sourcePort: number, destinationPort: number, data: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u16(sourcePort)
    .u16(destinationPort)
    .u16(8 + data.length)
    .u16(0)
    .bytes(data)
    .finish();
}

export function vxlan(vni: number, frame: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u32(0x0800_0000)
    .u32(vni * 256)
    .bytes(frame)
    .finish();
}

export function tcp(
  header: {
    readonly sourcePort: number;
    readonly destinationPort: number;
    readonly sequence: number;
    readonly acknowledgement: number;
    readonly bits: number;
  },
  data: Uint8Array,
): Uint8Array {
  return new ByteWriter()
    .u16(header.sourcePort)
    .u16(header.destinationPort)
    .u32(header.sequence)
    .u32(header.acknowledgement)
    .u8(5 << 4)
    .u8(header.bits)
    .zeros(6)
    .bytes(data)
    .finish();
}

function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(":"), (pair) => Number.parseInt(pair, 16));
}
