import type { NamespaceHandle } from "@ocicat/linux";

/** Where a packet can be followed: the networks in reach, and who knows why their routes are there. */
export interface Site {
  readonly places: readonly SitePlace[];
  /** There are places on a packet's way that cannot be reached from here: other machines. */
  readonly partial: boolean;
}

export interface SitePlace {
  readonly name: string;
  readonly kind: "pod" | "node" | "router" | "host";
  /** The node that a pod is on. */
  readonly node: string | undefined;
  /** As text. */
  readonly addresses: readonly string[];
  /** Of a node with an agent. */
  readonly agentSocket: string | undefined;
  /** Opens its network; the caller closes it. Undefined: it is on another machine. */
  readonly open: (() => NamespaceHandle) | undefined;
}
