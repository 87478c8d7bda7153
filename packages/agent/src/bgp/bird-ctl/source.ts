import type { Speaker } from "@ocicat/bgp";
import type { Family, Prefix } from "@ocicat/net";
import type { BgpRunner } from "../runner.ts";

/** A route of the kernel's that BGP has no part in, as BIRD learns it: a pod's, a subnet's, somebody else's. */
export interface KernelRow {
  readonly prefix: Prefix;
  readonly via: string | undefined;
  readonly device: string | undefined;
  /** The subnet of one of the node's own addresses. */
  readonly direct: boolean;
}

/** What the control socket tells of, one family's part of it. */
export interface BirdSource {
  readonly family: Family;
  readonly speaker: Speaker | undefined;
  readonly sessions: BgpRunner["report"];
  readonly routerId: string;
  readonly hostName: string;
  readonly localAs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly bootedAt: number;
  readonly configuredAt: number;
  readonly kernelRoutes: () => Iterable<KernelRow>;
  /** The interface that a next hop lies behind. */
  readonly interfaceTowards: (nextHop: string) => string | undefined;
}
