import type { Address, Family, Mac, Prefix } from "@ocicat/net";

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
  /** For veth: the peer's index, in the peer's namespace. */
  readonly peerIndex: number | undefined;
}

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
  | "multicast";

export interface NextHop {
  readonly via: Address | undefined;
  readonly linkIndex: number;
  readonly weight: number;
  readonly onlink: boolean;
}

/** A route. Identity in the kernel: table, destination, metric (and tos, always 0 here). */
export interface Route {
  readonly kind: RouteKind;
  readonly destination: Prefix;
  readonly table: number;
  /** RTPROT_*: who put it there. 2 kernel, 3 boot, 4 static, 12 bird, 80 Felix. */
  readonly protocol: number;
  /** RT_SCOPE_*: 0 universe, 253 link, 254 host. */
  readonly scope: number;
  /** 0 = the kernel's default for the family. */
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

/** One write. Batched writes are sent together and each is answered by itself. */
export type KernelOperation =
  | { readonly op: "route.replace"; readonly route: Route }
  | { readonly op: "route.delete"; readonly route: Route }
  | { readonly op: "address.add"; readonly address: LinkAddress }
  | { readonly op: "address.delete"; readonly address: LinkAddress }
  | { readonly op: "neighbour.replace"; readonly neighbour: Neighbour }
  | { readonly op: "neighbour.delete"; readonly neighbour: Neighbour }
  | { readonly op: "fdb.replace"; readonly entry: ForwardingEntry }
  | { readonly op: "fdb.delete"; readonly entry: ForwardingEntry }
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
  | { readonly op: "link.delete"; readonly index: number };

export interface LinkChange {
  readonly name?: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: Mac;
  /** Index of the new master, 0 to release. */
  readonly master?: number;
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

export interface KernelMonitor {
  close(): void;
}

/**
 * One network namespace's kernel state, read and written synchronously. Bound for life to the namespace it was opened in.
 * Reads throw KernelError; writes report per operation, so that one refusal does not hide the rest.
 */
export interface Kernel {
  links(): Link[];
  link(name: string): Link | undefined;
  addresses(): LinkAddress[];
  /** Routes of the main table and of others unless one is named; without the cache, local and broadcast entries of table 255. */
  routes(family: Family, table?: number): Route[];
  neighbours(): Neighbour[];
  forwardingEntries(): ForwardingEntry[];
  rules(family: Family): Rule[];

  /** Sends the operations in order, in as few system calls as the socket allows. Outcome i belongs to operation i. */
  apply(operations: readonly KernelOperation[]): KernelOutcome[];

  /** Calls back for each change from now on, from the event loop. */
  monitor(
    groups: readonly ("link" | "address" | "route" | "neighbour")[],
    onEvent: (events: readonly KernelEvent[]) => void,
  ): KernelMonitor;

  /** `net.ipv4.conf.cali123.proxy_arp` style path below /proc/sys with slashes: "net/ipv4/conf/cali123/proxy_arp". undefined if absent. */
  readSysctl(path: string): string | undefined;
  /** Throws KernelError. */
  writeSysctl(path: string, value: string): void;

  /** One nfnetlink transaction: messages between BATCH_BEGIN and BATCH_END, already encoded. Throws KernelError if refused whole. */
  nftCommit(batch: Uint8Array): void;
  /** An nfnetlink request that answers with messages (GETRULE, GETSETELEM, …): their payloads with their types. */
  nftQuery(request: Uint8Array): { readonly type: number; readonly payload: Uint8Array }[];

  close(): void;
}
