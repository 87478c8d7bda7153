import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installPlugin } from "@ocicat/cni";
import type { Family } from "@ocicat/net";
import { withMark } from "./process/mark.ts";
import { furnishedNodes, nodeLayer } from "./world/node-files.ts";
import type { LabPlaces } from "./world/places.ts";

/** Where a node's runtime looks for plugins: its own, then Debian's reference plugins (portmap, bandwidth). */
export const CNI_PATH = ["/opt/cni/bin", "/usr/lib/cni"] as const;

const EXAMPLE = fileURLToPath(import.meta.resolve("@ocicat/cni/examples/10-ocicat.conflist"));

/** The node's /opt/cni/bin and its configuration, by the paths they have outside the node. */
export function hostPluginDir(places: LabPlaces, node: string): string {
  return join(nodeLayer(places, node, "/opt"), "cni/bin");
}

/** What the node itself has there; not what the machine has below it, which is not of this lab. */
export function hostNetworkDir(places: LabPlaces, node: string): string {
  return join(nodeLayer(places, node, "/etc"), "cni/net.d");
}

/** The node's network configurations, in order of file name. */
export function hostConflists(places: LabPlaces, node: string): string[] {
  return readdirSync(hostNetworkDir(places, node), { withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(conflist|conf|json)$/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/**
 * Puts the plugin and its configuration into a node's layers, before they are mounted. What another node has is copied: the
 * installer then finds nothing to compile.
 */
export async function equipNode(
  places: LabPlaces,
  node: string,
  { datastore, families }: { readonly datastore: string; readonly families: readonly Family[] },
): Promise<void> {
  const targetDir = hostPluginDir(places, node);
  const equipped = furnishedNodes(places).find((other) => existsSync(hostPluginDir(places, other)));
  if (equipped !== undefined) cpSync(hostPluginDir(places, equipped), targetDir, { recursive: true });
  await withMark(places, () => installPlugin({ targetDir }));
  mkdirSync(hostNetworkDir(places, node), { recursive: true });
  const conflist = readFileSync(EXAMPLE, "utf8").replace(IPAM, ipamFor(families));
  writeFileSync(join(hostNetworkDir(places, node), basename(EXAMPLE)), conflist);
  // Where ocicat and calicoctl look by themselves, so that both work inside the node.
  const config = join(nodeLayer(places, node, "/etc"), "calico/calicoctl.cfg");
  mkdirSync(dirname(config), { recursive: true });
  writeFileSync(config, calicoctlConfig(datastore));
}

/** The example's, which gives IPv4 alone. */
const IPAM = '{ "type": "ocicat-ipam" }';

function ipamFor(families: readonly Family[]): string {
  if (!families.includes(6)) return IPAM;
  return JSON.stringify({ type: "ocicat-ipam", assign_ipv4: String(families.includes(4)), assign_ipv6: "true" });
}

function calicoctlConfig(endpoint: string): string {
  return [
    "apiVersion: projectcalico.org/v3",
    "kind: CalicoAPIConfig",
    "metadata:",
    "spec:",
    "  datastoreType: etcdv3",
    `  etcdEndpoints: ${endpoint}`,
    "",
  ].join("\n");
}
