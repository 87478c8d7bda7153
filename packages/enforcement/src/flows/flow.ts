import type { Address } from "@ocicat/net";
import type { Direction } from "@ocicat/policy";

/** Who talked to whom, and what was decided about it: first packets of connections that were decided alike, counted. */
export interface Flow extends FlowSighting {
  /** Milliseconds since 1970: of the first packet counted, and of the last. */
  readonly since: number;
  readonly until: number;
  readonly count: number;
}

/** What one packet says of its flow. */
export interface FlowSighting {
  /** Whose policies decided: `egress` the source's, `ingress` the destination's. */
  readonly direction: Direction;
  readonly action: "allow" | "deny";
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  /** 0..255. */
  readonly protocol: number;
  /** Undefined where the protocol has none, and where too many were to be told apart. */
  readonly destinationPort: number | undefined;
  readonly icmp: { readonly type: number; readonly code: number } | undefined;
  /** Rules that passed it on, then what decided. */
  readonly steps: readonly FlowStep[];
}

/** A workload or a host by its name, a network set that holds the address, or else the kind of network it is of. */
export interface FlowEnd {
  readonly kind: "workload" | "host" | "networkSet" | "network";
  /** `default/web-1`, `node1`, `default/partners`; of a network `private` or `public`. */
  readonly name: string;
  /** Undefined where too many were to be told apart. */
  readonly address: Address | undefined;
}

export interface FlowStep {
  readonly action: "allow" | "deny" | "pass";
  /** `tier`: no policy of it decided. `end`: no tier decided, and no profile allowed it. */
  readonly by: "policy" | "profile" | "tier" | "end";
  /** `NetworkPolicy default/web`, a profile's or a tier's name; "" at the end. */
  readonly name: string;
  /** Of a policy, where it is known. */
  readonly tier: string | undefined;
  /** Counted from 0. */
  readonly rule: number | undefined;
}
