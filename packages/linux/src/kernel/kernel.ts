import type { Address, Family, Ipv4, Mac, Prefix } from "@ocicat/net";
import type { Connection, ConnectionName, ConnectionQuery } from "./connection.ts";
import type { OnNftChanges } from "./nft-change.ts";
import type { OnLoggedPackets } from "./packet-log.ts";
import type { IngressFilter, Qdisc, TrafficOperation } from "./traffic.ts";

/** A network interface, by the kernel's index in one network namespace. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND: "veth", "bridge", "vxlan", "ipip", …; "" for physical and loopback devices. */
  readonly kind: string;
  readonly mtu: number;
  readonly mac: Mac | undefined;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** With a carrier (IFF_LOWER_UP). */
  readonly running: boolean;
  readonly loopback: boolean;
  /** The bridge or other device that owns it; 0 if none. */
  readonly master: number;
  /** What `ip link set … group` puts it in; 0 unless somebody did. */
  readonly group: number;
  /** For veth: the peer's index, in the peer's namespace. */
  readonly peerIndex: number | undefined;
  /** For VXLAN and IPIP devices: what they were made with. */
  readonly tunnel: Tunnel | undefined;
}

/** How a tunnel device wraps what is sent by it. None of it can be changed while the device exists. */
export type Tunnel =
  | {
      readonly kind: "vxlan";
      readonly id: number;
      readonly port: number;
      readonly local: Address | undefined;
      /** Index of the device that the outer packets leave by; 0 if none was named. */
      readonly parent: number;
      readonly learning: boolean;
    }
  /** Undefined: any. With neither it is the device that takes all IPIP packets no other one wants, and sends by route. */
  | { readonly kind: "ipip"; readonly local: Ipv4 | undefined; readonly remote: Ipv4 | undefined };

export interface LinkAddress {
  readonly linkIndex: number;
  readonly address: Address;
  readonly prefixLength: number;
  readonly scope: number;
}

export type RouteKind =
  | "unicast"
  | "blackhole"
  | "unreachable"
  | "prohibit"
  | "throw"
  | "local"
  | "broadcast"
  | "anycast"
  | "multicast";

export interface NextHop {
  /** Of either family for an IPv4 destination (RFC 5549), IPv6 only for an IPv6 one. */
  readonly via: Address | undefined;
  /** 0 in a write: the device that `via` is reachable through. */
  readonly linkIndex: number;
  /** 1..256: its share among several. */
  readonly weight: number;
  /** Take `via` as reachable on the link, whatever the addresses say. */
  readonly onlink: boolean;
}

/** A route. Identity in the kernel: table, destination, metric (and tos, always 0 here). */
export interface Route {
  readonly kind: RouteKind;
  readonly destination: Prefix;
  readonly table: number;
  /** RTPROT_*: who put it there. 2 kernel, 3 boot, 4 static, 12 bird, 80 Felix. */
  readonly protocol: number;
  /** RT_SCOPE_*: 0 universe, 253 link, 254 host. IPv6 has universe only. */
  readonly scope: number;
  /** 0 = the kernel's default for the family (which for IPv6 is 1024, and is read back as 0). */
  readonly metric: number;
  readonly preferredSource: Address | undefined;
  /** Empty for blackhole and its like; several for ECMP. */
  readonly nextHops: readonly NextHop[];
  readonly mtu: number | undefined;
}

export interface Neighbour {
  readonly linkIndex: number;
  readonly address: Address;
  readonly mac: Mac | undefined;
  /** NUD_* bits; 0x80 permanent. */
  readonly state: number;
}

/** A static forwarding entry of a bridge or VXLAN device. */
export interface ForwardingEntry {
  readonly linkIndex: number;
  readonly mac: Mac;
  readonly destination: Address | undefined;
}

export interface Rule {
  readonly family: Family;
  readonly priority: number;
  readonly table: number;
  readonly source: Prefix | undefined;
  readonly destination: Prefix | undefined;
  readonly mark: number | undefined;
  readonly markMask: number | undefined;
  readonly protocol: number;
}

/** A pair of virtual Ethernet devices. The peer is born down: the kernel refuses to start it before the pair is joined. */
export interface VethSpec {
  readonly name: string;
  readonly mac?: Mac | undefined;
  readonly mtu?: number | undefined;
  readonly up?: boolean | undefined;
  readonly peer: {
    readonly name: string;
    readonly mac?: Mac | undefined;
    readonly mtu?: number | undefined;
    /** An open network-namespace descriptor: the peer is born there. */
    readonly namespaceFd?: number | undefined;
  };
}

/** A VXLAN device without learning: who is where is said by forwarding entries. */
export interface VxlanSpec {
  readonly name: string;
  /** VNI, 1..2^24-1. */
  readonly id: number;
  /** UDP port; 4789 is IANA's. */
  readonly port: number;
  /** Source address of the outer packets. */
  readonly local?: Address | undefined;
  /** Index of the device that the outer packets leave by. */
  readonly parent?: number | undefined;
  readonly mac?: Mac | undefined;
  readonly mtu?: number | undefined;
}

/**
 * An IPIP device (RFC 2003): IPv4 packets in IPv4 packets, without a MAC. Without `local` and `remote` the next hop of each
 * route is the far end. The kernel makes one such device named tunl0 by itself, in each namespace, when it learns IPIP.
 */
export interface IpipSpec {
  readonly name: string;
  readonly local?: Ipv4 | undefined;
  readonly remote?: Ipv4 | undefined;
  readonly mtu?: number | undefined;
}

/** One write. Batched writes are sent together and each is answered by itself. */
export type KernelOperation =
  /** Adds, or replaces the route of the same identity, whoever put it there. */
  | { readonly op: "route.replace"; readonly route: Route }
  /**
   * By identity, kind and protocol: a route that somebody else has put in its place is not touched (ESRCH). Next hops do not
   * matter. The kernel's own exceptions: IPv4 takes metric 0 for any, the lowest first; IPv6 does not look at the kind.
   */
  | { readonly op: "route.delete"; readonly route: Route }
  /** IPv6 without duplicate address detection: IPAM has seen to that, and it would cost a second. */
  | { readonly op: "address.add"; readonly address: LinkAddress }
  | { readonly op: "address.delete"; readonly address: LinkAddress }
  | { readonly op: "neighbour.replace"; readonly neighbour: Neighbour }
  | { readonly op: "neighbour.delete"; readonly neighbour: Neighbour }
  /** The all-zero MAC (flooding) of a VXLAN device may have several destinations: there it appends. */
  | { readonly op: "fdb.replace"; readonly entry: ForwardingEntry }
  | { readonly op: "fdb.delete"; readonly entry: ForwardingEntry }
  /** What a rule leaves out fits anything when the kernel compares it: give each rule a priority of its own. */
  | { readonly op: "rule.add"; readonly rule: Rule }
  | { readonly op: "rule.delete"; readonly rule: Rule }
  | { readonly op: "link.set"; readonly index: number; readonly change: LinkChange }
  | { readonly op: "link.veth"; readonly veth: VethSpec }
  | {
      readonly op: "link.bridge";
      readonly name: string;
      readonly mac?: Mac | undefined;
      readonly mtu?: number | undefined;
    }
  | { readonly op: "link.vxlan"; readonly vxlan: VxlanSpec }
  /** EOPNOTSUPP: this kernel has no IPIP. EEXIST also if asking for it made the kernel learn IPIP, and tunl0 came by itself. */
  | { readonly op: "link.ipip"; readonly ipip: IpipSpec }
  /** Up at once. What is redirected to it leaves it by its queue, and then goes on where it came from. */
  | { readonly op: "link.ifb"; readonly name: string; readonly mtu?: number | undefined }
  | { readonly op: "link.delete"; readonly index: number }
  | TrafficOperation;

export interface LinkChange {
  readonly name?: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: Mac;
  /** Index of the new master, 0 to release. */
  readonly master?: number;
  /** 0..2^32-1. */
  readonly group?: number;
  /** Moves the link into the namespace of this open descriptor. */
  readonly namespaceFd?: number;
}

/** What came of one operation: undefined is success, else the kernel's refusal. */
export type KernelOutcome = KernelFailure | undefined;

export interface KernelFailure {
  /** errno's name: "ENETUNREACH". */
  readonly errno: string;
  readonly number: number;
  /** The kernel's extended acknowledgement, "" if it gave none. */
  readonly message: string;
}

export type KernelEvent =
  | { readonly type: "link"; readonly link: Link }
  | { readonly type: "link.gone"; readonly link: Link }
  | { readonly type: "address"; readonly address: LinkAddress }
  | { readonly type: "address.gone"; readonly address: LinkAddress }
  | { readonly type: "route"; readonly route: Route }
  | { readonly type: "route.gone"; readonly route: Route }
  | { readonly type: "neighbour"; readonly neighbour: Neighbour }
  | { readonly type: "neighbour.gone"; readonly neighbour: Neighbour }
  /** Notifications were lost (the socket overflowed): read everything again. */
  | { readonly type: "resync" };

export type MonitorGroup = "link" | "address" | "route" | "neighbour";

export interface KernelMonitor {
  /** No call comes after it, not even one that was due. Closing twice does nothing. */
  close(): void;
}

/** A message of an nfnetlink answer. */
export interface NftMessage {
  readonly type: number;
  /** Behind the netlink header: nfgenmsg (4 bytes), then attributes. */
  readonly payload: Uint8Array;
}

/**
 * One network namespace's kernel state, read and written synchronously. Bound for life to the namespace it was opened in.
 * Reads throw KernelError; writes report per operation, so that one refusal does not hide the rest.
 */
export interface Kernel {
  links(): Link[];
  link(name: string): Link | undefined;
  addresses(): LinkAddress[];
  /** Routes of all tables, or of the one named; the local table (255) only when named; no cached ones. */
  routes(family: Family, table?: number): Route[];
  /** Entries that were resolved or set; without those that need none (NUD_NOARP: multicast, loopback). */
  neighbours(): Neighbour[];
  forwardingEntries(): ForwardingEntry[];
  /** Rules that lead to a table. */
  rules(family: Family): Rule[];

  /** Of all links, without the standard ones that nobody has set. */
  qdiscs(): Qdisc[];
  /** Of one link, by priority; none where there is no ingress qdisc, or no link. Throws KernelError. */
  ingressFilters(linkIndex: number): IngressFilter[];

  /** Sends the operations in order, in as few system calls as the socket allows. Outcome i belongs to operation i. */
  apply(operations: readonly KernelOperation[]): KernelOutcome[];

  /**
   * Deletes links without holding up the event loop: the kernel takes tens of milliseconds to let go of a veth pair, most of
   * it waiting, and nearly the same for many at once. Links asked for while others are being deleted go together.
   */
  deleteLink(index: number): Promise<KernelOutcome>;

  /**
   * Calls back for each change from now on, from the event loop, once a turn with all that came. What `routes` and
   * `neighbours` leave out is left out here. Not everything is announced: the kernel removes the IPv4 routes of a link that
   * goes down, or away, without a word on them. After `resync`, and after a link went down, read again.
   */
  monitor(groups: readonly MonitorGroup[], onEvent: (events: readonly KernelEvent[]) => void): KernelMonitor;

  /** Whether checksums of packets sent by a link are left to the device (ETHTOOL_GTXCSUM). Throws KernelError. */
  txChecksumOffload(name: string): boolean;
  /** Throws KernelError; EOPNOTSUPP where the device cannot. */
  setTxChecksumOffload(name: string, on: boolean): void;

  /** Path below /proc/sys: "net/ipv4/conf/cali123/proxy_arp". Without the final newline; undefined if absent. */
  readSysctl(path: string): string | undefined;
  /** Throws KernelError. */
  writeSysctl(path: string, value: string): void;

  /**
   * One nfnetlink transaction of nf_tables messages, already encoded with distinct ascending sequence numbers; batch begin,
   * end and acknowledgement are put around them. All or nothing: throws TransactionError, which names the messages refused.
   * All transactions of a Kernel leave by one socket: it is what owns tables with NFT_TABLE_F_OWNER.
   */
  nftCommit(messages: Uint8Array): void;
  /** One nfnetlink request (GETRULE, GETSETELEM, …; a dump if NLM_F_DUMP is set), and what answers it. Throws KernelError. */
  nftQuery(request: Uint8Array): NftMessage[];
  /**
   * Tells of transactions of others, from now on: each that did not come by this Kernel's nftCommit. Told of nothing while tables
   * are only read. It costs every transaction of the namespace some microseconds a message: not for where tables are owned.
   * Throws KernelError.
   */
  nftMonitor(onChanges: OnNftChanges): KernelMonitor;

  /**
   * Hands every tracked connection that the query picks out to `each`, one at a time while they are read, in no order: a
   * table of 100,000 needs no room here. One that comes or goes meanwhile may be told or not; if the kernel has to start
   * anew, a connection is told twice. `each` must not ask for or delete connections itself. Throws KernelError, and what
   * `each` throws (when all has been read).
   */
  connections(query: ConnectionQuery, each: (connection: Connection) => void): void;
  /** Forgets connections, so that the next packet of each is a first one. ENOENT: not there (any more). */
  deleteConnections(names: readonly ConnectionName[]): KernelOutcome[];

  /**
   * Tells what rules log to these groups (`log group`), from now on, some 0.2 s later. A group has one listener in a namespace:
   * EPERM if there is one. However much is logged, reading it takes little of the process's time: the rest is lost, and counted.
   * Throws KernelError.
   */
  packetLog(groups: readonly number[], onPackets: OnLoggedPackets): KernelMonitor;

  close(): void;
}
