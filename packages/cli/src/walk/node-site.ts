import { readdirSync } from "node:fs";
import { workloadEndpoint } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { currentNamespace, type Link, type NamespaceHandle, openKernel, openNamespace } from "@ocicat/linux";
import { formatAddress } from "@ocicat/net";
import { readOwnInterfaces } from "../agents/answers.ts";
import { askAgent } from "../agents/ask.ts";
import { withDatastore } from "../connect/datastore.ts";
import type { Surroundings } from "../surroundings.ts";
import { addressesIn, type Site, type SitePlace } from "./site.ts";

/**
 * This host as a node: its own network and its pods'. Other nodes' pods have addresses and cannot be watched. Pods are
 * named as the datastore knows them, `namespace/pod`.
 */
export async function nodeSite(
  surroundings: Surroundings,
  agentSocket: string,
  configFile: string | undefined,
): Promise<Site> {
  const { node: self } = readOwnInterfaces(await askAgent(agentSocket, "/node"));
  const node: SitePlace = {
    name: self,
    kind: "node",
    node: undefined,
    addresses: addressesIn(() => currentNamespace("net")),
    agentSocket,
    open: () => currentNamespace("net"),
  };
  const pods = await withDatastore(surroundings, configFile, async ({ client }) => {
    const { items } = await client.list(workloadEndpoint);
    return items.map(({ metadata, spec }): SitePlace => {
      const addresses = (spec.ipNetworks ?? []).map((network) => network.split("/")[0] ?? network);
      const isHere = spec.node === self;
      const hostEnd = spec.interfaceName ?? "";
      return {
        name: `${metadata.namespace ?? ""}/${spec.pod || spec.workload || metadata.name}`,
        kind: "pod",
        node: spec.node,
        addresses,
        agentSocket: undefined,
        open: isHere ? () => openPodOf(hostEnd, addresses) : undefined,
      };
    });
  });
  return { places: [node, ...pods], partial: true };
}

/** Where container runtimes keep the namespaces of pods, and where each process shows its own. */
const NAMED = "/run/netns";
const PROCESSES = "/proc";

/** The namespace at the other end of a host's interface. Throws OcicatError WALK_NO_NAMESPACE. */
function openPodOf(hostEnd: string, addresses: readonly string[]): NamespaceHandle {
  const own = hostLink(hostEnd);
  const seen = new Set<number>();
  for (const path of own === undefined ? [] : candidates()) {
    const namespace = tryToOpen(path);
    if (namespace === undefined) continue;
    const isNew = !seen.has(namespace.inode);
    seen.add(namespace.inode);
    if (isNew && own !== undefined && isOtherEnd(namespace, own, addresses)) return namespace;
    namespace.close();
  }
  throw new OcicatError({
    code: "WALK_NO_NAMESPACE",
    where: hostEnd,
    what: `the network of the pod behind it (${addresses.join(", ")}) is not to be found`,
    why: own === undefined ? "there is no such interface on this host" : `it is neither in ${NAMED} nor any process's`,
    fix: "run this on the pod's node, outside of containers, while the pod runs",
  });
}

function hostLink(name: string): Link | undefined {
  const kernel = openKernel();
  try {
    return kernel.link(name);
  } finally {
    kernel.close();
  }
}

function* candidates(): Generator<string> {
  for (const name of namesIn(NAMED)) yield `${NAMED}/${name}`;
  for (const name of namesIn(PROCESSES)) if (/^\d+$/.test(name)) yield `${PROCESSES}/${name}/ns/net`;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Where none was ever named, there is no directory.
    return [];
  }
}

function tryToOpen(path: string): NamespaceHandle | undefined {
  try {
    return openNamespace(path);
  } catch {
    // A process that has ended meanwhile, a file that is no namespace: not the one.
    return undefined;
  }
}

function isOtherEnd(namespace: NamespaceHandle, own: Link, addresses: readonly string[]): boolean {
  const kernel = openKernel({ namespace });
  try {
    const end = kernel.links().find(({ index, peerIndex }) => index === own.peerIndex && peerIndex === own.index);
    const held = kernel.addresses().filter(({ linkIndex }) => linkIndex === end?.index);
    return held.some(({ address }) => addresses.includes(formatAddress(address)));
  } finally {
    kernel.close();
  }
}
