import type { RouteKind } from "@ocicat/linux/kernel";
import type { PlainHeader } from "./plain.ts";

/**
 * One packet's way, told. This is what `walk -o json` prints: plain values only, `null` for what is not there. Fields are
 * added, never renamed or taken away, under one version.
 */
export interface Story {
  readonly version: 1;
  readonly probe: {
    readonly protocol: "icmp" | "tcp" | "udp";
    readonly source: string;
    readonly destination: string;
    readonly identifier: number;
    readonly port: number | null;
    /** Of the IP packet, in bytes. */
    readonly size: number;
  };
  readonly from: StoryEnd;
  readonly to: StoryEnd;
  readonly outcome: Outcome;
  readonly request: readonly Step[];
  readonly reply: readonly Step[];
  /** The packet's TTL, or hop limit, as it changed; the first is the sender's. Of tunnels' outer packets see the frames. */
  readonly ttl: { readonly request: readonly number[]; readonly reply: readonly number[] };
  /** ICMP errors about the packet. */
  readonly errors: readonly StoryError[];
  readonly loss: Loss | null;
  /** Not every place of the way could be watched. */
  readonly partial: boolean;
}

/**
 * `answered`: an echo's reply, a connection's SYN-ACK, a datagram came back. `refused`: it arrived, and the answer is that
 * nobody listens there. `delivered`: it arrived where nothing need answer. `lost`: it, or its answer, did not arrive.
 * `gone`: it left for where nobody watched, and no answer was seen.
 */
export type Outcome = "answered" | "refused" | "delivered" | "lost" | "gone";

export interface StoryEnd {
  /** Null: nobody here has the address. */
  readonly place: string | null;
  readonly kind: PlaceKind | null;
  readonly node: string | null;
  readonly address: string;
}

export type PlaceKind = "pod" | "node" | "router" | "host";

export type Step =
  | RouteStep
  | NeighbourStep
  | FrameStep
  | CableStep
  | ForwardStep
  | TunnelStep
  | TranslationStep
  | DeliveryStep;

/** What a route that was found means. */
export type RouteMeaning =
  /** A pod's default route to the gateway that only proxy ARP answers for. */
  | "gateway"
  /** To a pod behind its own interface. */
  | "pod"
  /** An address of the place itself. */
  | "local"
  /** Another node's block, without a tunnel. */
  | "block"
  | "ipip"
  | "vxlan"
  | "default"
  /** A subnet the place is on. */
  | "connected"
  | "other"
  /** Leads nowhere: see `kind`. */
  | "nowhere"
  /** There is none. */
  | "none";

/** A look-up in a place's routes. */
export interface RouteStep {
  readonly step: "route";
  readonly place: string;
  readonly destination: string;
  readonly meaning: RouteMeaning;
  readonly kind: RouteKind | "none";
  /** As `ip route` shows it. */
  readonly route: string | null;
  readonly matched: string | null;
  readonly via: string | null;
  readonly interface: string | null;
  /** As `ip route` names it: "bird", "kernel", "boot". */
  readonly protocol: string | null;
  readonly table: number | null;
  /** The agent's reason, if it is a route of ours. */
  readonly why: string | null;
}

/** How the next hop's link-layer address was found. */
export interface NeighbourStep {
  readonly step: "neighbour";
  readonly place: string;
  readonly interface: string;
  /** Whose link-layer address is wanted. */
  readonly address: string;
  readonly mac: string | null;
  /** `asked`: question and answer were seen. `known`: it stood in the neighbour table. `unanswered`: asked in vain. */
  readonly how: "asked" | "known" | "unanswered";
  readonly protocol: "arp" | "nd";
  /** Of the neighbour table, as `ip neigh` names it: "REACHABLE", "PERMANENT". */
  readonly state: string | null;
  /** Who answered, where that is known. */
  readonly answeredBy: {
    readonly place: string;
    readonly interface: string;
    /** False: it answers for an address it has not. */
    readonly hasAddress: boolean;
    /** proxy_arp of that interface, read from its kernel. */
    readonly proxyArp: boolean;
  } | null;
  /** Of a VXLAN device: the node behind that MAC, by its forwarding table. */
  readonly tunnelTo: string | null;
}

/** The packet as it was seen on an interface. */
export interface FrameStep {
  readonly step: "frame";
  readonly place: string;
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly direction: "out" | "in";
  /** Since the first frame. */
  readonly microseconds: number;
  /** On the interface, in bytes. */
  readonly length: number;
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  /** In one line, as `lab capture` shows it. */
  readonly text: string;
  /** From the outside in. */
  readonly headers: readonly PlainHeader[];
}

/** Through a veth pair: each end says the other's number. */
export interface CableStep {
  readonly step: "cable";
  readonly from: CableEnd;
  readonly to: CableEnd;
}

export interface CableEnd {
  readonly place: string;
  readonly interface: string;
  readonly index: number;
  /** As `ethtool -S` tells it: peer_ifindex. */
  readonly peerIndex: number;
}

/** Routed from one interface to another. */
export interface ForwardStep {
  readonly step: "forward";
  readonly place: string;
  readonly from: string;
  readonly to: string;
  readonly ttl: { readonly before: number; readonly after: number };
  /** Null where the interface has no link-layer addresses. */
  readonly macs: { readonly before: Macs | null; readonly after: Macs | null };
}

export interface Macs {
  readonly source: string;
  readonly destination: string;
}

/** Into a tunnel, or out of it. */
export interface TunnelStep {
  readonly step: "encapsulate" | "decapsulate";
  readonly place: string;
  readonly mode: "ipip" | "vxlan";
  /** The tunnel's device. */
  readonly interface: string;
  readonly outer: {
    readonly source: string;
    readonly destination: string;
    readonly ttl: number;
    /** 4: an IP packet follows. 17: UDP. */
    readonly protocol: number;
    readonly macs: Macs | null;
  };
  /** Null of IPIP: the inner packet has no Ethernet header. */
  readonly innerMacs: Macs | null;
  readonly vni: number | null;
  readonly port: number | null;
  /** What the tunnel adds to the packet, in bytes. */
  readonly overhead: number;
}

/** An address was changed under way. */
export interface TranslationStep {
  readonly step: "translate";
  readonly place: string;
  readonly field: "source" | "destination";
  readonly before: string;
  readonly after: string;
  /** The rule that does it, and why it is there, where one is found. */
  readonly rule: string | null;
  readonly why: string | null;
}

/** Where it was going. */
export interface DeliveryStep {
  readonly step: "deliver";
  readonly place: string;
  readonly interface: string;
  readonly address: string;
}

export interface StoryError {
  /** "host unreachable", "fragmentation needed, mtu 1450". */
  readonly says: string;
  readonly from: string;
  readonly mtu: number | null;
  /** Where it was first seen. */
  readonly place: string;
  /** The sender has been told. */
  readonly arrived: boolean;
}

export interface Loss {
  readonly of: "request" | "reply";
  /** Null: it never left the sender. */
  readonly last: { readonly place: string; readonly interface: string; readonly direction: "out" | "in" } | null;
  /** What there is against it, the surest first. */
  readonly reasons: readonly Reason[];
}

/** Something that keeps a packet from going on. */
export type Reason =
  /** An ICMP error says so. */
  | {
      readonly reason: "icmp";
      readonly place: string;
      readonly says: string;
      readonly from: string;
      readonly mtu: number | null;
    }
  | { readonly reason: "no-route"; readonly place: string; readonly destination: string }
  /** A black hole, or a route that refuses. */
  | {
      readonly reason: "dead-route";
      readonly place: string;
      readonly destination: string;
      readonly kind: RouteKind;
      readonly route: string;
      readonly why: string | null;
    }
  /** Nobody says where the next hop is. */
  | {
      readonly reason: "no-neighbour";
      readonly place: string;
      readonly interface: string;
      readonly address: string;
      readonly asked: boolean;
      readonly state: string | null;
    }
  /** The gateway's question is not answered, for the switch is off. */
  | { readonly reason: "no-proxy-arp"; readonly place: string; readonly interface: string }
  | { readonly reason: "interface-down"; readonly place: string; readonly interface: string; readonly carrier: boolean }
  | { readonly reason: "interface-gone"; readonly place: string; readonly interface: string }
  /** Our own rule: the interface is of no endpoint that is known. */
  | {
      readonly reason: "guard";
      readonly place: string;
      readonly interface: string;
      readonly hook: string;
      readonly rule: string;
    }
  /** Somebody's rule, or policy (rule null). */
  | {
      readonly reason: "rule";
      readonly place: string;
      readonly table: string;
      readonly chain: string;
      readonly hook: string;
      readonly rule: string | null;
      readonly certain: boolean;
    }
  /** The source is not where the packet came from. */
  | {
      readonly reason: "rp-filter";
      readonly place: string;
      readonly interface: string;
      readonly strict: boolean;
      readonly source: string;
      readonly route: string | null;
    }
  | { readonly reason: "no-forwarding"; readonly place: string; readonly interface: string }
  | {
      readonly reason: "too-big";
      readonly place: string;
      readonly interface: string;
      readonly mtu: number;
      readonly size: number;
    }
  | { readonly reason: "ttl"; readonly place: string }
  /** Sent to a MAC that nobody has. */
  | { readonly reason: "mac-of-nobody"; readonly place: string; readonly interface: string; readonly mac: string }
  /** A VXLAN device does not know the node behind a MAC. */
  | { readonly reason: "no-forwarding-entry"; readonly place: string; readonly interface: string; readonly mac: string }
  /** Wrapped, and here is no device that takes it out. */
  | { readonly reason: "no-tunnel-device"; readonly place: string; readonly mode: "ipip" | "vxlan" }
  /** It arrived, and nothing answers. */
  | { readonly reason: "silence"; readonly place: string }
  /** The sender's kernel refused it: errno's name. */
  | { readonly reason: "refused"; readonly place: string; readonly errno: string }
  /** Nothing was found. */
  | { readonly reason: "unknown"; readonly place: string };
