/** error: packets are lost now. warning: they will be, or for some. */
export type Severity = "error" | "warning";

/**
 * certain: the facts say so. likely: so it is unless something that cannot be seen from here says otherwise. possible: part
 * of it could not be read.
 */
export type Sureness = "certain" | "likely" | "possible";

/** The command that mends a finding, as a shell takes it. */
export interface Mend {
  readonly command: string;
  /** The node it is to be typed on; undefined: anywhere, it goes to the datastore. */
  readonly node: string | undefined;
}

/** What is about the same traffic may have the same cause. */
export interface About {
  readonly traffic: Traffic;
  /** The other node, where it is about one. */
  readonly peer?: string | undefined;
}

/** Kinds of packets that nodes must let by: BGP, tunnels' outer packets, and pods' own, forwarded. */
export type Traffic = "bgp" | "vxlan" | "ipip" | "pods";

/** Something that is wrong. */
export interface Finding {
  /** Stable, upper snake case. */
  readonly code: string;
  readonly severity: Severity;
  /** The node it was found on. */
  readonly node: string;
  /** The interface, setting, rule, file or resource. */
  readonly where: string;
  readonly what: string;
  /** What comes of it. */
  readonly why: string;
  readonly mend: Mend;
  readonly sure: Sureness;
  readonly about?: About | undefined;
}

/** What a check says; who it is that says so is added. */
export interface Found {
  readonly where: string;
  readonly what: string;
  readonly why: string;
  /** On this node, unless `anywhere`, or another node's name. */
  readonly mend: string;
  readonly mendOn?: "anywhere" | { readonly node: string };
  readonly sure?: Sureness;
  readonly about?: About;
}
