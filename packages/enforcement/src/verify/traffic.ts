import type { Hook } from "@ocicat/nftables";
import type { Host, Workload } from "@ocicat/policy";

/** The ways through a host, as the hooks that a packet meets. */
export const JOURNEYS = {
  forward: ["prerouting", "forward", "postrouting"],
  input: ["prerouting", "input"],
  output: ["output", "postrouting"],
} as const satisfies Readonly<Record<string, readonly Hook[]>>;
export type Journey = keyof typeof JOURNEYS;

/** What stands behind an interface. */
export type Place = WorkloadPlace | HostPlace;

export interface WorkloadPlace {
  readonly kind: "workload";
  readonly name: string;
  /** Undefined: named as workloads' interfaces are, and nobody's. */
  readonly endpoint: Workload | undefined;
  /** The node's endpoint of all interfaces. */
  readonly everywhere: Host | undefined;
}

export interface HostPlace {
  readonly kind: "host";
  readonly name: string;
  /** Undefined: no host endpoint. */
  readonly endpoint: Host | undefined;
}

/** Packets on their way between two interfaces; "" where there is none, as for what the host itself sends. */
export interface Traffic {
  readonly incoming: string;
  readonly outgoing: string;
}
