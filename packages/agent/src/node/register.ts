import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  type AnyResource,
  API_VERSION,
  type ClusterInformation,
  clusterInformation,
  type Node,
  tier,
} from "@ocicat/api";
import { type ResourceClient, ResourceError } from "@ocicat/client";
import { formatAddress } from "@ocicat/net";
import type { OwnAddress } from "@ocicat/routing";

/** Compatible with what this version of Calico stores. */
const CALICO_VERSION = "v3.32.1";

/**
 * Makes the node's resource, or brings its addresses up to date: those of the families given, and nothing else of what
 * stands there. `present` is the resource as it was read.
 */
export async function registerNode(
  client: ResourceClient,
  name: string,
  present: Node | undefined,
  own: { readonly ipv4: OwnAddress | undefined; readonly ipv6: OwnAddress | undefined },
): Promise<void> {
  const wanted = {
    ...(own.ipv4 === undefined ? {} : { ipv4Address: formatOwn(own.ipv4) }),
    ...(own.ipv6 === undefined ? {} : { ipv6Address: formatOwn(own.ipv6) }),
  };
  const bgp = { ...present?.spec.bgp, ...wanted };
  const { ipv4Address, ipv6Address } = present?.spec.bgp ?? {};
  if (present !== undefined && bgp.ipv4Address === ipv4Address && bgp.ipv6Address === ipv6Address) return;
  await client.apply<Node>({
    kind: "Node",
    apiVersion: API_VERSION,
    metadata: present?.metadata ?? { name },
    spec: { ...present?.spec, bgp },
    ...(present?.status === undefined ? {} : { status: present.status }),
  });
}

function formatOwn({ address, subnet }: OwnAddress): string {
  return `${formatAddress(address)}/${subnet.length}`;
}

/** The first agent of a cluster makes its ClusterInformation and the tiers that every one has; all later ones find them. */
export async function registerCluster(client: ResourceClient, guid: () => string): Promise<void> {
  const { items } = await client.list(tier);
  for (const builtIn of items.filter(({ metadata }) => metadata.resourceVersion === undefined)) {
    await createOnce(client, builtIn);
  }
  if ((await client.find(clusterInformation, "default")) !== undefined) return;
  const information: ClusterInformation = {
    kind: "ClusterInformation",
    apiVersion: API_VERSION,
    metadata: { name: "default" },
    spec: { clusterGUID: guid(), clusterType: "bgp", calicoVersion: CALICO_VERSION, datastoreReady: true },
  };
  await createOnce(client, information);
}

/** Of many agents that start at once one makes it. */
async function createOnce(client: ResourceClient, resource: AnyResource): Promise<void> {
  try {
    await client.create(resource);
  } catch (error) {
    // Another node's agent was faster.
    if (!(error instanceof ResourceError && error.code === "RESOURCE_EXISTS")) throw error;
  }
}

/** Written whole or not at all: the plugin may read it at any moment. */
export function writeNodenameFile(file: string, name: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, name, { mode: 0o644 });
  renameSync(`${file}.new`, file);
}
