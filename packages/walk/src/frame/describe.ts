import { formatAddress } from "@ocicat/net";
import { ARP_REPLY, ARP_REQUEST, type ArpPacket } from "./arp.ts";
import { ICMP, type IcmpMessage } from "./icmp.ts";
import { ICMP6, type Icmp6Message } from "./icmp6.ts";
import { IP_PROTOCOL } from "./ip-protocol.ts";
import type { Ipv4Header } from "./ipv4.ts";
import type { Ipv6Header } from "./ipv6.ts";
import type { Header, Layer } from "./layer.ts";
import type { TcpHeader } from "./tcp.ts";
import type { UdpHeader } from "./udp.ts";

/** One line for a frame, from the outside in; what a tunnel carries stands behind a `|`. */
export function describeFrame(layers: readonly Layer[]): string {
  return layers.reduce((line, layer, index) => {
    const before = layers[index - 1];
    // An error has said of which packet it speaks.
    if (before !== undefined && "quoted" in before && before.quoted.length > 0) return line;
    return `${line}${before === undefined ? "" : separator(before, layer)}${describeLayer(layer, layers[index + 1])}`;
  }, "");
}

function separator(before: Layer, layer: Layer): string {
  if (before.layer === "vxlan" || (isIp(before) && isIp(layer))) return " | ";
  return isIp(before) ? ": " : ", ";
}

function isIp(layer: Layer | undefined): boolean {
  return layer?.layer === "ipv4" || layer?.layer === "ipv6";
}

function describeLayer(layer: Layer, next: Layer | undefined): string {
  switch (layer.layer) {
    case "ethernet":
      return `${layer.source} > ${layer.destination}${next?.layer === "payload" ? `, type 0x${layer.etherType.toString(16).padStart(4, "0")}` : ""}`;
    case "arp":
      return arp(layer);
    case "ipv4":
    case "ipv6":
      return ip(layer, next);
    case "icmp":
      return icmp(layer);
    case "icmp6":
      return icmp6(layer);
    case "udp":
      return `UDP ${layer.sourcePort} > ${layer.destinationPort}`;
    case "tcp":
      return tcp(layer);
    case "vxlan":
      return `VXLAN vni ${layer.vni}`;
    case "payload":
      return `${layer.bytes.length} bytes`;
    case "cut":
      return `[cut within ${layer.within}]`;
  }
}

function arp({ operation, sender, senderMac, target }: ArpPacket): string {
  if (operation === ARP_REQUEST) return `ARP who has ${formatAddress(target)}? tell ${formatAddress(sender)}`;
  if (operation === ARP_REPLY) return `ARP ${formatAddress(sender)} is at ${senderMac}`;
  return `ARP operation ${operation}`;
}

function ip(header: Ipv4Header | Ipv6Header, next: Layer | undefined): string {
  const { source, destination } = header;
  const hops = header.layer === "ipv4" ? `ttl ${header.ttl}` : `hlim ${header.hopLimit}`;
  const fragment = isFragment(header) ? `, fragment at ${header.fragmentOffset}` : "";
  const inside = isIp(next) ? ", IPIP" : "";
  const other = next === undefined || next.layer === "payload" ? `, protocol ${header.protocol}` : "";
  return `${formatAddress(source)} > ${formatAddress(destination)} ${hops}${fragment}${inside}${other}`;
}

function isFragment(header: Ipv4Header | Ipv6Header): boolean {
  return header.fragmentOffset > 0 || (header.layer === "ipv4" && header.moreFragments);
}

/** What an ICMP error says, for both families; by type, then by code. */
const ICMP_WORDS: Readonly<Record<number, readonly string[]>> = {
  [ICMP.unreachable]: [
    "network unreachable",
    "host unreachable",
    "protocol unreachable",
    "port unreachable",
    "fragmentation needed",
    "source route failed",
  ],
  [ICMP.timeExceeded]: ["TTL exceeded", "reassembly time exceeded"],
};
const ADMINISTRATIVELY: ReadonlySet<number> = new Set([9, 10, 13]);

const ICMP6_WORDS: Readonly<Record<number, readonly string[]>> = {
  [ICMP6.unreachable]: [
    "no route",
    "administratively prohibited",
    "beyond scope",
    "address unreachable",
    "port unreachable",
    "source policy failed",
    "route rejected",
  ],
  [ICMP6.tooBig]: ["packet too big"],
  [ICMP6.timeExceeded]: ["hop limit exceeded", "reassembly time exceeded"],
};

/** "host unreachable", "fragmentation needed, mtu 1450": what an error says; undefined of what is no error. */
export function errorWords(message: IcmpMessage | Icmp6Message): string | undefined {
  const { type, code, mtu } = message;
  const prohibited = message.layer === "icmp" && type === ICMP.unreachable && ADMINISTRATIVELY.has(code);
  const table = message.layer === "icmp" ? ICMP_WORDS : ICMP6_WORDS;
  const words = prohibited ? "administratively prohibited" : table[type]?.[code];
  return words === undefined || mtu === undefined ? words : `${words}, mtu ${mtu}`;
}

function icmp(message: IcmpMessage): string {
  if (message.type === ICMP.echoRequest) return echo("ICMP echo request", message);
  if (message.type === ICMP.echoReply) return echo("ICMP echo reply", message);
  return `ICMP ${errorWords(message) ?? `type ${message.type} code ${message.code}`}${about(message.quoted)}`;
}

function icmp6(message: Icmp6Message): string {
  const { target, mac } = message;
  const owner = mac === undefined ? "" : ` is at ${mac}`;
  switch (message.type) {
    case ICMP6.echoRequest:
      return echo("ICMP6 echo request", message);
    case ICMP6.echoReply:
      return echo("ICMP6 echo reply", message);
    case ICMP6.neighbourSolicitation:
      return `ND who has ${target === undefined ? "?" : formatAddress(target)}?`;
    case ICMP6.neighbourAdvertisement:
      return `ND ${target === undefined ? "?" : formatAddress(target)}${owner}`;
    default:
      return `ICMP6 ${errorWords(message) ?? `type ${message.type} code ${message.code}`}${about(message.quoted)}`;
  }
}

function echo(name: string, { identifier, sequence }: IcmpMessage | Icmp6Message): string {
  return `${name} id ${identifier} seq ${sequence}`;
}

/** Whose packet an error is about, and by its ports which. */
function about(quoted: readonly Header[]): string {
  const packet = quoted.find((header) => header.layer === "ipv4" || header.layer === "ipv6");
  if (packet === undefined) return "";
  const carried = quoted.find((header): header is UdpHeader | TcpHeader => "sourcePort" in header);
  const ports = carried === undefined ? "" : ` ${carried.layer.toUpperCase()} ${portsOf(carried)}`;
  const protocol = carried === undefined ? ` ${protocolName(packet.protocol)}` : ports;
  return ` [${formatAddress(packet.source)} > ${formatAddress(packet.destination)}${protocol}]`;
}

function portsOf({ sourcePort, destinationPort }: UdpHeader | TcpHeader): string {
  return `${sourcePort} > ${destinationPort}`;
}

function protocolName(number: number): string {
  const name = Object.entries(IP_PROTOCOL).find(([, known]) => known === number)?.[0];
  return name === undefined ? `protocol ${number}` : name.toUpperCase();
}

function tcp(header: TcpHeader): string {
  return `TCP ${portsOf(header)} [${header.flags.join(" ")}] seq ${header.sequence}${header.flags.includes("ACK") ? ` ack ${header.acknowledgement}` : ""}`;
}
