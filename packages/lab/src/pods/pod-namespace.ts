import { existsSync } from "node:fs";
import { join } from "node:path";
import { createNetworkNamespace, deleteNetworkNamespace, type NamespaceHandle, openNamespace } from "@ocicat/linux";
import { identities, inMountNamespace } from "../world/namespaces.ts";
import { type LabPlaces, NETNS_DIR } from "../world/places.ts";

/** Pods' namespaces are files in their node's own /run/netns: like a runtime's, seen by the node's agent and not by the machine. */
export function podNetns(pod: string): string {
  return join(NETNS_DIR, pod);
}

export function makePodNamespace(places: LabPlaces, node: string, pod: string): void {
  inMountNamespace(places, node, () => createNetworkNamespace(podNetns(pod)));
}

/** What is gone already is done already. */
export function removePodNamespace(places: LabPlaces, node: string, pod: string): void {
  if (!existsSync(places.mountns(node))) return;
  inMountNamespace(places, node, () => void deleteNetworkNamespace(podNetns(pod)));
}

/** Opens a pod's namespace from outside its node. The caller closes it. */
export function openPodNamespace(places: LabPlaces, node: string, pod: string): NamespaceHandle {
  return inMountNamespace(places, node, () => openNamespace(podNetns(pod)));
}

/** The namespace's identity: one or none. To find the processes in it. */
export function podNamespaceIdentity(places: LabPlaces, node: string, pod: string): Set<number> {
  return new Set(inMountNamespace(places, node, () => identities([podNetns(pod)])));
}
