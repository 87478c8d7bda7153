import { type NamespaceHandle, openKernel } from "@ocicat/linux";
import { formatAddress } from "@ocicat/net";

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

/** RT_SCOPE_UNIVERSE: not of one link, and not of the machine itself. */
const GLOBAL = 0;

/** A network's own addresses, as text. Throws KernelError. */
export function addressesIn(open: () => NamespaceHandle): readonly string[] {
  using namespace = open();
  const kernel = openKernel({ namespace });
  try {
    return kernel.addresses().flatMap(({ address, scope }) => (scope === GLOBAL ? [formatAddress(address)] : []));
  } finally {
    kernel.close();
  }
}
