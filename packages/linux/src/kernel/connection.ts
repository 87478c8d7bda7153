import type { Address, Family } from "@ocicat/net";

/** What the kernel knows of one connection (conntrack): how its packets look in both directions, and how far it has come. */
export interface Connection {
  readonly original: ConnectionTuple;
  /** As answers come: the original turned round, unless addresses or ports are translated. */
  readonly reply: ConnectionTuple;
  /** Connections of different zones know nothing of each other. 0 unless a rule says otherwise; 0..65535. */
  readonly zone: number;
  /** Tells it from a later one with the same tuples. */
  readonly id: number;
  /** IPS_* bits: see ConnectionStatus. */
  readonly status: number;
  readonly mark: number;
  /** Seconds until it is forgotten if nothing more comes. Undefined for one that is on its way out. */
  readonly timeout: number | undefined;
  /** TCP_CONNTRACK_*: 1 SYN sent, 2 SYN received, 3 established, 4 FIN wait, 5 close wait, 6 last ACK, 7 time wait, 8 closed. */
  readonly tcpState: number | undefined;
}

/** How packets of one direction look. */
export interface ConnectionTuple {
  readonly source: Address;
  readonly destination: Address;
  /** 0..255. */
  readonly protocol: number;
  /** Of protocols that have ports. */
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  /** Of ICMP and ICMPv6; the type is that of the request in `original` and of the answer in `reply`. */
  readonly icmp: { readonly id: number; readonly type: number; readonly code: number } | undefined;
}

/** <linux/netfilter/nf_conntrack_common.h>, as far as anybody asks. */
export const ConnectionStatus = {
  /** Packets were seen in both directions. */
  seenReply: 0x2,
  /** Not thrown out early when the table is full. */
  assured: 0x4,
  /** The first packet has left: the entry counts. */
  confirmed: 0x8,
  sourceTranslated: 0x10,
  destinationTranslated: 0x20,
  dying: 0x200,
} as const;

/** Which connections: all that is given has to hold. */
export interface ConnectionQuery {
  readonly family: Family;
  readonly original?: ConnectionEnds;
  readonly reply?: ConnectionEnds;
}

export interface ConnectionEnds {
  readonly source?: Address | undefined;
  readonly destination?: Address | undefined;
}

/** What names a connection. With `id` it is this one and none that has come after it. */
export type ConnectionName = Pick<Connection, "original" | "zone"> & { readonly id?: number | undefined };
