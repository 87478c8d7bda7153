import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { API_VERSION, type ClusterInformation, clusterInformation, type Node, node } from "@ocicat/api";
import { type ResourceClient, ResourceError } from "@ocicat/client";
import { formatAddress } from "@ocicat/net";
import type { NodeAddress } from "./address.ts";

/** Compatible with what this version of Calico stores. */
const CALICO_VERSION = "v3.32.1";

/** Makes the node's resource, or brings its address up to date; what others wrote there stays. */
export async function registerNode(client: ResourceClient, name: string, own: NodeAddress): Promise<void> {
  const ipv4Address = `${formatAddress(own.address)}/${own.subnet.length}`;
  const present = await client.find(node, name);
  if (present?.spec.bgp?.ipv4Address === ipv4Address) return;
  const wanted: Node = {
    kind: "Node",
    apiVersion: API_VERSION,
    metadata: present?.metadata ?? { name },
    spec: { ...present?.spec, bgp: { ...present?.spec.bgp, ipv4Address } },
    ...(present?.status === undefined ? {} : { status: present.status }),
  };
  await client.apply(wanted);
}

/** The first agent of a cluster makes its ClusterInformation; all later ones find it. */
export async function registerCluster(client: ResourceClient, guid: () => string): Promise<void> {
  if ((await client.find(clusterInformation, "default")) !== undefined) return;
  const information: ClusterInformation = {
    kind: "ClusterInformation",
    apiVersion: API_VERSION,
    metadata: { name: "default" },
    spec: { clusterGUID: guid(), clusterType: "bgp", calicoVersion: CALICO_VERSION, datastoreReady: true },
  };
  try {
    await client.create(information);
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
