import type { Direction, Stage } from "@ocicat/policy";

/**
 * Where packets are handed to the chains of one endpoint, by the interface they came by or leave by:
 *
 *     a map of interface → group chain, and for host endpoints a chain for all other interfaces
 */
export interface Dispatch {
  /** Name of the verdict map. */
  readonly map: string;
  /** Beginning of its group chains' names. */
  readonly group: string;
  readonly kind: "workload" | "host";
  readonly stage: Stage;
  readonly direction: Direction;
  /** What tells the endpoint. */
  readonly by: "iifname" | "oifname";
}

export const DISPATCHES = {
  from: { map: "from", group: "from", kind: "workload", stage: "normal", direction: "egress", by: "iifname" },
  to: { map: "to", group: "to", kind: "workload", stage: "normal", direction: "ingress", by: "oifname" },
  hostIn: { map: "host-in", group: "hi", kind: "host", stage: "normal", direction: "ingress", by: "iifname" },
  hostOut: { map: "host-out", group: "ho", kind: "host", stage: "normal", direction: "egress", by: "oifname" },
  forwardIn: { map: "forward-in", group: "fi", kind: "host", stage: "forward", direction: "ingress", by: "iifname" },
  forwardOut: { map: "forward-out", group: "fo", kind: "host", stage: "forward", direction: "egress", by: "oifname" },
  untrackedIn: {
    map: "untracked-in",
    group: "ui",
    kind: "host",
    stage: "untracked",
    direction: "ingress",
    by: "iifname",
  },
  untrackedOut: {
    map: "untracked-out",
    group: "uo",
    kind: "host",
    stage: "untracked",
    direction: "egress",
    by: "oifname",
  },
  preDnat: { map: "pre-dnat", group: "di", kind: "host", stage: "preDnat", direction: "ingress", by: "iifname" },
} as const satisfies Readonly<Record<string, Dispatch>>;

export type DispatchName = keyof typeof DISPATCHES;
export const DISPATCH_NAMES = Object.keys(DISPATCHES) as DispatchName[];
