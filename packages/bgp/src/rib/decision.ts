import type { Address } from "@ocicat/net";

/** What the owner knows of a next hop. `metric`: the interior cost, lower is nearer. */
export interface NextHopState {
  readonly reachable: boolean;
  readonly metric: number;
}

export type NextHopResolver = (nextHop: Address) => NextHopState;
