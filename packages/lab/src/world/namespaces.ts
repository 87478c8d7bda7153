import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { openNamespace, type SynchronousFunction, withNamespaces } from "@ocicat/linux";
import { type LabPlaces, NETNS_DIR } from "./places.ts";

/** Names of the lab's network namespaces, as `ip netns` lists them. */
export function networkNamespaces(places: LabPlaces): string[] {
  if (!existsSync(NETNS_DIR)) return [];
  return readdirSync(NETNS_DIR).filter((name) => name.startsWith(places.netnsPrefix));
}

/** Nodes that have a mount namespace, or the file of one that was never finished. */
export function mountNamespaces(places: LabPlaces): string[] {
  return existsSync(places.mountDir) ? readdirSync(places.mountDir) : [];
}

/** Identities of every namespace of the lab: networks, nodes' mounts, and pods', which only their node sees. */
export function allNamespaces(places: LabPlaces): Set<number> {
  const nodes = mountNamespaces(places);
  return new Set([
    ...identities(networkNamespaces(places).map((name) => join(NETNS_DIR, name))),
    ...identities(nodes.map((node) => places.mountns(node))),
    ...nodes.flatMap((node) => podNamespaces(places, node)),
  ]);
}

/** Identities of a node's own two and of its pods'. */
export function nodeNamespaces(places: LabPlaces, node: string): Set<number> {
  const own = identities([places.netns(node), places.mountns(node)]);
  return new Set([...own, ...podNamespaces(places, node)]);
}

/** The device of all namespaces' files. Asked for once, outside: a node may have a /proc in which this process is not. */
const nsfs = statSync("/proc/self/ns/net").dev;

/** Inodes of namespaces mounted on these files. A file without a mount (a crash half-way) has none; neither has what is gone. */
export function identities(files: readonly string[]): number[] {
  return files.flatMap((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat !== undefined && stat.dev === nsfs ? [stat.ino] : [];
  });
}

/** Runs `work` in a node's mount namespace. */
export function inMountNamespace<T>(places: LabPlaces, node: string, work: SynchronousFunction<T>): T {
  using mount = openNamespace(places.mountns(node));
  return withNamespaces({ mount }, work);
}

function podNamespaces(places: LabPlaces, node: string): number[] {
  if (identities([places.mountns(node)]).length === 0) return [];
  return inMountNamespace(places, node, () =>
    existsSync(NETNS_DIR) ? identities(readdirSync(NETNS_DIR).map((name) => join(NETNS_DIR, name))) : [],
  );
}
