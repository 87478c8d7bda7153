import { type Address, addressToBytes, ByteWriter, familyOf, internetChecksum } from "@ocicat/net";
import { ICMP } from "../frame/icmp.ts";
import { ICMP6 } from "../frame/icmp6.ts";
import { IP_PROTOCOL } from "../frame/ip-protocol.ts";

export type ProbeProtocol = "icmp" | "tcp" | "udp";

/** The one packet that is followed. */
export interface Probe {
  readonly protocol: ProbeProtocol;
  readonly source: Address;
  readonly destination: Address;
  /** An echo's identifier; the source port of a segment or datagram. */
  readonly identifier: number;
  /** Of TCP and UDP. */
  readonly port: number | undefined;
  /**
   * Bytes that this packet has and no other, and that no NAT changes: the data of an echo or a datagram, a segment's
   * initial sequence number.
   */
  readonly token: Uint8Array;
  /** Of the IP packet, in bytes. */
  readonly size: number;
}

export interface ProbeOptions {
  readonly protocol: ProbeProtocol;
  readonly source: Address;
  readonly destination: Address;
  readonly port?: number | undefined;
  /** Of the IP packet; no less than its headers and token. As large as ping's unless told. */
  readonly size?: number | undefined;
  /** Random: 18 bytes, of which the identifier and the token are made. */
  readonly random: Uint8Array;
}

/** What of a packet is handed to the kernel: all behind the IP header, or of a datagram its data (see PacketSender). */
export interface MadeProbe {
  readonly probe: Probe;
  readonly bytes: Uint8Array;
}

const IP_HEADER = { 4: 20, 6: 40 } as const;
const TOKEN = 16;
/** What ping sends: 56 bytes of data. */
const PING_DATA = 56;
const HEADER: Readonly<Record<ProbeProtocol, number>> = { icmp: 8, udp: 8, tcp: 20 };

/** The smallest packet that can be followed, in bytes, IP header included. */
export function leastSize(protocol: ProbeProtocol, family: 4 | 6): number {
  return IP_HEADER[family] + HEADER[protocol] + (protocol === "tcp" ? 0 : TOKEN);
}

export function makeProbe(options: ProbeOptions): MadeProbe {
  const { protocol, source, destination, port, random } = options;
  const family = familyOf(source);
  const least = leastSize(protocol, family);
  const size = options.size ?? (protocol === "tcp" ? least : IP_HEADER[family] + HEADER[protocol] + PING_DATA);
  const words = new DataView(random.buffer, random.byteOffset);
  // Ports from 49152 on are nobody's own (RFC 6335 §6).
  const identifier = protocol === "icmp" ? words.getUint16(0) : words.getUint16(0) | 0xc000;
  const token = random.slice(2, protocol === "tcp" ? 6 : 2 + TOKEN);
  const probe: Probe = { protocol, source, destination, identifier, port, token, size };
  const data = new Uint8Array(size - IP_HEADER[family] - HEADER[protocol]);
  if (protocol !== "tcp") data.set(token);
  return { probe, bytes: BYTES[protocol](probe, data) };
}

const BYTES: Readonly<Record<ProbeProtocol, (probe: Probe, data: Uint8Array) => Uint8Array>> = {
  icmp: echoRequest,
  udp: (_probe, data) => data,
  tcp: syn,
};

/** The kernel fills in ICMPv6's checksum, and not ICMP's. */
function echoRequest({ source, identifier }: Probe, data: Uint8Array): Uint8Array {
  const family = familyOf(source);
  const type = family === 4 ? ICMP.echoRequest : ICMP6.echoRequest;
  const out = new ByteWriter(8 + data.length).u8(type).u8(0).u16(0).u16(identifier).u16(1).bytes(data);
  if (family === 4) out.patchU16(2, internetChecksum(out.finish()));
  return out.finish();
}

const SYN = 0x02;
const WINDOW = 64_240;

function syn({ source, destination, identifier, port = 0, token }: Probe, data: Uint8Array): Uint8Array {
  const out = new ByteWriter(20 + data.length).u16(identifier).u16(port).bytes(token).u32(0);
  out
    .u8(5 << 4)
    .u8(SYN)
    .u16(WINDOW)
    .u16(0)
    .u16(0)
    .bytes(data);
  out.patchU16(16, internetChecksum(withPseudoHeader(source, destination, IP_PROTOCOL.tcp, out.finish())));
  return out.finish();
}

/** RFC 9293 §3.1, RFC 8200 §8.1: the same sum, for the pseudo-header's fields differ only in width. */
function withPseudoHeader(source: Address, destination: Address, protocol: number, segment: Uint8Array): Uint8Array {
  const out = new ByteWriter(64 + segment.length).bytes(addressToBytes(source)).bytes(addressToBytes(destination));
  return out.u32(segment.length).u32(protocol).bytes(segment).finish();
}
