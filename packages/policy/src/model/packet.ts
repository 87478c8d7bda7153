import type { Address } from "@ocicat/net";

/** The first packet of a connection: what policy judges. Answers belong to the connection and are not judged. */
export interface Packet {
  /** Both of one family. */
  readonly source: Address;
  readonly destination: Address;
  /** IANA, Assigned Internet Protocol Numbers: 0 to 255. */
  readonly protocol: number;
  /** Of TCP, UDP, SCTP and UDPLite: 0 to 65535. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Of ICMP and ICMPv6: 0 to 255 each. */
  readonly icmp?: { readonly type: number; readonly code: number };
}

/** IANA, Assigned Internet Protocol Numbers. */
export const Protocol = { icmp: 1, ipip: 4, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, udplite: 136 } as const;

/** Those whose header begins with two ports. */
export function hasPorts(protocol: number): boolean {
  return (
    protocol === Protocol.tcp ||
    protocol === Protocol.udp ||
    protocol === Protocol.sctp ||
    protocol === Protocol.udplite
  );
}
