import type { IcmpMessage } from "../frame/icmp.ts";
import { ICMP } from "../frame/icmp.ts";
import type { Icmp6Message } from "../frame/icmp6.ts";
import { ICMP6 } from "../frame/icmp6.ts";
import type { Ipv4Header } from "../frame/ipv4.ts";
import type { Ipv6Header } from "../frame/ipv6.ts";
import type { Header, Layer } from "../frame/layer.ts";
import type { TcpHeader } from "../frame/tcp.ts";
import type { UdpHeader } from "../frame/udp.ts";
import type { Probe } from "./probe.ts";

export type IpHeader = Ipv4Header | Ipv6Header;

/** What a frame is to the packet that is followed: itself, what answers it, or an error about it. */
export type Role = "request" | "reply" | "error";

/** Who speaks with whom, in a packet: what NAT changes. */
export interface Ends {
  readonly source: IpHeader["source"];
  readonly destination: IpHeader["destination"];
  /** Of TCP and UDP; of an echo its identifier, both. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/**
 * Whether a frame is worth decoding: it has the token, or is about neighbours. Fast, and true of too many rather than of
 * too few; asked of every frame that a namespace sees.
 */
export function mayConcern(probe: Probe): (frame: Uint8Array) => boolean {
  const needles = [probe.token];
  if (probe.protocol === "tcp") needles.push(bytesOf32(sequenceOf(probe) + 1));
  // An answer to a datagram holds nothing of it but the port.
  if (probe.protocol === "udp") needles.push(Uint8Array.of((probe.port ?? 0) >>> 8, (probe.port ?? 0) & 255));
  return (frame) => isAboutNeighbours(frame) || needles.some((needle) => contains(frame, needle));
}

function isAboutNeighbours(frame: Uint8Array): boolean {
  const etherType = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  if (etherType === 0x0806) return true;
  const icmp6 = etherType === 0x86dd && frame[20] === 58;
  return icmp6 && (frame[54] === ICMP6.neighbourSolicitation || frame[54] === ICMP6.neighbourAdvertisement);
}

function contains(bytes: Uint8Array, needle: Uint8Array): boolean {
  const [first = 0] = needle;
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (needle.every((byte, index) => bytes[at + index] === byte)) return true;
  }
  return false;
}

function bytesOf32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0);
  return bytes;
}

function sequenceOf({ token }: Probe): number {
  return new DataView(token.buffer, token.byteOffset).getUint32(0);
}

/** The innermost packet of a frame: what travels, whatever is around it. */
export function innermost(layers: readonly Layer[]): { readonly ip: IpHeader; readonly at: number } | undefined {
  const at = layers.findLastIndex((layer) => layer.layer === "ipv4" || layer.layer === "ipv6");
  const ip = layers[at];
  return ip?.layer === "ipv4" || ip?.layer === "ipv6" ? { ip, at } : undefined;
}

type Carried = TcpHeader | UdpHeader | IcmpMessage | Icmp6Message;

/** The ends of a packet whose IP header is followed by what it carries. */
export function endsOf(ip: IpHeader, carried: Header | Layer | undefined): Ends {
  const { source, destination } = ip;
  switch (carried?.layer) {
    case "tcp":
    case "udp":
      return { source, destination, sourcePort: carried.sourcePort, destinationPort: carried.destinationPort };
    case "icmp":
    case "icmp6": {
      const identifier = carried.identifier ?? 0;
      return { source, destination, sourcePort: identifier, destinationPort: identifier };
    }
    default:
      return { source, destination, sourcePort: 0, destinationPort: 0 };
  }
}

/** What a frame's innermost packet is to the probe; of a datagram's answer the ports say it, so that `isAnswer` is asked. */
export function roleOf(probe: Probe, layers: readonly Layer[], isAnswer: (ends: Ends) => boolean): Role | undefined {
  const inner = innermost(layers);
  const carried = inner === undefined ? undefined : layers[inner.at + 1];
  if (inner === undefined || carried === undefined) return undefined;
  const data = layers[inner.at + 2];
  const token = data?.layer === "payload" && contains(data.bytes, probe.token);
  switch (carried.layer) {
    case "icmp":
    case "icmp6":
      if (isErrorAbout(probe, carried, data)) return "error";
      return token ? ECHO_ROLES[carried.layer][carried.type] : undefined;
    case "udp":
      if (probe.protocol !== "udp") return undefined;
      if (token && carried.destinationPort === probe.port) return "request";
      return isAnswer(endsOf(inner.ip, carried)) ? "reply" : undefined;
    case "tcp":
      if (probe.protocol !== "tcp") return undefined;
      if (carried.flags.includes("SYN") && !carried.flags.includes("ACK"))
        return carried.sequence === sequenceOf(probe) ? "request" : undefined;
      return carried.acknowledgement === (sequenceOf(probe) + 1) >>> 0 && isAnswer(endsOf(inner.ip, carried))
        ? "reply"
        : undefined;
    default:
      return undefined;
  }
}

const ECHO_ROLES: Readonly<Record<Carried["layer"] & `icmp${string}`, Readonly<Record<number, Role>>>> = {
  icmp: { [ICMP.echoRequest]: "request", [ICMP.echoReply]: "reply" },
  icmp6: { [ICMP6.echoRequest]: "request", [ICMP6.echoReply]: "reply" },
};

/** Linux quotes as much as fits into 576 bytes (1280 of IPv6), so that the token is among it, or the sequence number. */
function isErrorAbout(probe: Probe, message: IcmpMessage | Icmp6Message, data: Layer | undefined): boolean {
  const [, carried] = message.quoted;
  // A redirect tells of a better way, and the packet has gone on.
  if (carried === undefined || (message.layer === "icmp" && message.type === ICMP.redirect)) return false;
  if (carried.layer === "tcp") return probe.protocol === "tcp" && carried.sequence === sequenceOf(probe);
  return data?.layer === "payload" && contains(data.bytes, probe.token);
}
