import type { ForwardingEntry, Link, LinkAddress, Neighbour, Route, Rule } from "@ocicat/linux/kernel";
import type { Table } from "@ocicat/nftables";
import type { LinkType } from "../frame/decode.ts";
import type { Probe } from "../probe/probe.ts";

/** All that was seen of one packet, and what each kernel on its way held. */
export interface WalkRecord {
  readonly probe: Probe;
  /** Names of places: where the packet starts, and which of them has its destination, if one has. */
  readonly from: string;
  readonly to: string | undefined;
  readonly places: readonly Place[];
  /** The sender's kernel did not let it out: errno's name. */
  readonly refused: string | undefined;
  /** Not all places of the way could be looked at: it may go on where nobody watched. */
  readonly partial: boolean;
}

/** A network namespace on the way, or beside it. */
export interface Place {
  readonly name: string;
  readonly kind: "pod" | "node" | "router" | "host";
  /** Of a pod: the place of its node, where the other end of its interface is. */
  readonly node: string | undefined;
  readonly state: PlaceState;
  readonly frames: readonly SeenFrame[];
  /** What the node's agent says of its routes. */
  readonly whys: readonly RouteReason[];
}

/** What a kernel held when the packet was sent; neighbours, when it had gone. */
export interface PlaceState {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** Of every table, the local one too. */
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
  readonly neighbours: readonly Neighbour[];
  readonly forwardingEntries: readonly ForwardingEntry[];
  readonly settings: ReadonlyMap<number, LinkSettings>;
  readonly tables: readonly Table[];
}

/** An interface's switches, for the packet's family where each has its own. */
export interface LinkSettings {
  /** Answers for addresses that it knows a way to (proxy_arp). */
  readonly proxyArp: boolean;
  /** 0 none, 1 strict, 2 loose: the stricter of the interface's own and everybody's. */
  readonly rpFilter: number;
  readonly forwarding: boolean;
}

export interface SeenFrame {
  /** Nanoseconds since 1970, by the machine's one clock. */
  readonly time: bigint;
  readonly linkIndex: number;
  readonly outgoing: boolean;
  readonly forOthers: boolean;
  readonly linkType: LinkType;
  readonly bytes: Uint8Array;
  /** As it was on the interface. */
  readonly length: number;
}

/** Of a route of ours, by its destination as text. */
export interface RouteReason {
  readonly destination: string;
  readonly why: string;
}
