import type { ArpPacket } from "./arp.ts";
import type { EthernetHeader } from "./ethernet.ts";
import type { IcmpMessage } from "./icmp.ts";
import type { Icmp6Message } from "./icmp6.ts";
import type { Ipv4Header } from "./ipv4.ts";
import type { Ipv6Header } from "./ipv6.ts";
import type { TcpHeader } from "./tcp.ts";
import type { UdpHeader } from "./udp.ts";
import type { VxlanHeader } from "./vxlan.ts";

/** A header that is understood here. */
export type Header =
  | EthernetHeader
  | ArpPacket
  | Ipv4Header
  | Ipv6Header
  | IcmpMessage
  | Icmp6Message
  | UdpHeader
  | TcpHeader
  | VxlanHeader;

export type HeaderName = Header["layer"];

/** Bytes that belong to no header: data, or a protocol that is not read here. */
export interface Payload {
  readonly layer: "payload";
  readonly bytes: Uint8Array;
}

/** The frame ends within a header: it was cut short, or its lengths lie. */
export interface Cut {
  readonly layer: "cut";
  readonly within: HeaderName;
}

export type Layer = Header | Payload | Cut;
