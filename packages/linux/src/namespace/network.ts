import { movedThread, moveIntoNew } from "./move.ts";
import { pinNamespace, unpinNamespace, withMountPoint } from "./named.ts";

/**
 * Makes a network namespace and mounts it on a new file, as `ip netns add` does: below /run/netns it is visible to `ip netns`.
 * Its loopback is down, as the kernel makes it. Throws KernelError (EEXIST: the file is there); then nothing is left behind.
 */
export function createNetworkNamespace(path: string): void {
  withMountPoint(path, () => movedThread([moveIntoNew("net")], () => pinNamespace("/proc/thread-self/ns/net", path)));
}

/** The opposite; false if there was no such file. */
export function deleteNetworkNamespace(path: string): boolean {
  return unpinNamespace(path);
}
