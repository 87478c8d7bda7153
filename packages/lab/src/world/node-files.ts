import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { bindMount, createMountNamespace, mount, openNamespace, unmount, withNetns } from "@ocicat/linux";
import type { LabPlaces } from "./places.ts";

/** Directories that each node has for itself, over the machine's: reads fall through, writes stay with the node. */
const OWN_DIRECTORIES = ["/etc", "/opt", "/var/lib", "/var/log"] as const;

/** The layer of a node's own files below `directory`, on the machine's disk. What is put there, the node sees. */
export function nodeLayer(places: LabPlaces, node: string, directory: (typeof OWN_DIRECTORIES)[number]): string {
  return join(places.nodeDisk(node), directory.slice(1).replaceAll("/", "-"), "upper");
}

/** Nodes that have layers. */
export function furnishedNodes(places: LabPlaces): string[] {
  return readdirSync(dirname(places.nodeDisk("any")));
}

/** Makes the layers; before the mount namespace, so that files can be put there. */
export function makeNodeLayers(places: LabPlaces, node: string): void {
  for (const directory of OWN_DIRECTORIES) {
    const upper = nodeLayer(places, node, directory);
    mkdirSync(upper, { recursive: true, mode: 0o755 });
    mkdirSync(join(upper, "..", "work"), { recursive: true, mode: 0o755 });
  }
}

/**
 * A node's view of the file system: its own layers, a /run of its own (sockets, pods' namespaces), and the /sys of its
 * network namespace, which is why the mount must happen inside it; with the machine's control groups, if it is to run
 * containers.
 */
export function makeNodeMounts(places: LabPlaces, node: string, { controlGroups = false } = {}): void {
  using net = openNamespace(places.netns(node));
  withNetns(net, () =>
    createMountNamespace(places.mountns(node), () => {
      for (const directory of OWN_DIRECTORIES) {
        const upper = nodeLayer(places, node, directory);
        mount({
          source: "overlay",
          target: directory,
          type: "overlay",
          data: `lowerdir=${directory},upperdir=${upper},workdir=${join(upper, "..", "work")}`,
        });
      }
      mount({ source: "tmpfs", target: "/run", type: "tmpfs", flags: ["nosuid", "nodev"], data: "mode=755,size=64m" });
      // As a service manager makes them before it starts what uses them.
      for (const directory of ["/run/netns", "/run/ocicat"]) mkdirSync(directory, { mode: 0o755 });
      if (controlGroups) bindMount(CONTROL_GROUPS, "/run/netns", { recursive: true });
      mount({ source: "sysfs", target: "/sys", type: "sysfs", flags: ["nosuid", "nodev", "noexec"] });
      if (!controlGroups) return;
      // They would be hidden below it: out of the way for a moment, and back.
      bindMount("/run/netns", CONTROL_GROUPS, { recursive: true });
      unmount("/run/netns", { detach: true });
    }),
  );
}

const CONTROL_GROUPS = "/sys/fs/cgroup";
