import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  createNetworkNamespace,
  deleteNetworkNamespace,
  openNamespace,
  type SynchronousFunction,
  withNamespaces,
} from "@ocicat/linux";
import { type LabPlaces, NETNS_DIR } from "../world/places.ts";

/** Pods' namespaces are files in their node's own /run/netns: like a runtime's, seen by the node's agent and not by the machine. */
export function podNetns(pod: string): string {
  return join(NETNS_DIR, pod);
}

export function makePodNamespace(places: LabPlaces, node: string, pod: string): string {
  const path = podNetns(pod);
  inNode(places, node, () => {
    // A pod's /run/netns entry must be a mount of the node's own.
    if (!existsSync(path)) createNetworkNamespace(path);
  });
  return path;
}

export function removePodNamespace(places: LabPlaces, node: string, pod: string): void {
  inNode(places, node, () => void deleteNetworkNamespace(podNetns(pod)));
}

/** Opens a pod's namespace from outside its node. The caller closes it. */
export function openPodNamespace(places: LabPlaces, node: string, pod: string) {
  return inNode(places, node, () => openNamespace(podNetns(pod)));
}

/** Identities of all pods' namespaces: to find the processes in them. */
export function podNamespaceInodes(places: LabPlaces): Set<number> {
  const inodes = new Set<number>();
  if (!existsSync(places.mountDir)) return inodes;
  for (const node of readdirSync(places.mountDir)) {
    try {
      inNode(places, node, () => {
        for (const name of readdirSync(NETNS_DIR)) inodes.add(statSync(join(NETNS_DIR, name)).ino);
      });
    } catch {
      // A half-made mount namespace is an empty file: it holds no pods.
    }
  }
  return inodes;
}

function inNode<T>(places: LabPlaces, node: string, work: SynchronousFunction<T>): T {
  using mount = openNamespace(places.mountns(node));
  return withNamespaces({ mount }, work);
}
