import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installPlugin } from "@ocicat/cni";
import { nodeLayer } from "./world/node-files.ts";
import type { LabPlaces } from "./world/places.ts";

/** Where a node's runtime looks for plugins: its own, then Debian's reference plugins (portmap, bandwidth). */
export const CNI_PATH = ["/opt/cni/bin", "/usr/lib/cni"] as const;

const EXAMPLE = fileURLToPath(import.meta.resolve("@ocicat/cni/examples/10-ocicat.conflist"));

/** The node's /opt/cni/bin and its configuration, by the paths they have outside the node. */
export function hostPluginDir(places: LabPlaces, node: string): string {
  return join(nodeLayer(places, node, "/opt"), "cni/bin");
}

export function hostConflist(places: LabPlaces, node: string): string {
  return join(nodeLayer(places, node, "/etc"), "cni/net.d/10-ocicat.conflist");
}

/** Puts the plugin and its configuration into a node's layers, before they are mounted. */
export async function equipNode(places: LabPlaces, node: string, datastore: string): Promise<void> {
  await installPlugin({ targetDir: hostPluginDir(places, node) });
  const conflist = hostConflist(places, node);
  mkdirSync(dirname(conflist), { recursive: true });
  writeFileSync(conflist, readFileSync(EXAMPLE));
  // Where ocicat and calicoctl look by themselves, so that both work inside the node.
  const config = join(nodeLayer(places, node, "/etc"), "calico/calicoctl.cfg");
  mkdirSync(dirname(config), { recursive: true });
  writeFileSync(config, calicoctlConfig(datastore));
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
