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
export type Place =
  /** `endpoint` undefined: named as workloads' interfaces are, and nobody's. */
  | { readonly kind: "workload"; readonly name: string; readonly endpoint: Workload | undefined }
  /** `endpoint` undefined: no host endpoint. */
  | { readonly kind: "host"; readonly name: string; readonly endpoint: Host | undefined };

/** Packets on their way between two interfaces; "" where there is none, as for what the host itself sends. */
export interface Traffic {
  readonly incoming: string;
  readonly outgoing: string;
}
