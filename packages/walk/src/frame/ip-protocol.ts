import type { HeaderName } from "./layer.ts";

/** IANA's protocol numbers. */
export const IP_PROTOCOL = { icmp: 1, ipip: 4, tcp: 6, udp: 17, ipv6: 41, icmp6: 58 } as const;

/** What an IP packet of a protocol begins with. 4 and 41 are a packet in a packet: IPIP and its like. */
export const CARRIED: ReadonlyMap<number, HeaderName> = new Map<number, HeaderName>([
  [IP_PROTOCOL.icmp, "icmp"],
  [IP_PROTOCOL.ipip, "ipv4"],
  [IP_PROTOCOL.tcp, "tcp"],
  [IP_PROTOCOL.udp, "udp"],
  [IP_PROTOCOL.ipv6, "ipv6"],
  [IP_PROTOCOL.icmp6, "icmp6"],
]);
