import { mkdirSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { currentNamespace } from "./handle.ts";
import { bindMount, mountAt, mounts, type Propagation, setPropagation, unmount } from "./mount.ts";
import { movedThread, moveIntoNew } from "./move.ts";
import { pinNamespace, unpinNamespace, withMountPoint } from "./named.ts";
import { refuseLater, type SynchronousFunction } from "./synchronous.ts";

export interface MountNamespaceOptions {
  /** private (the default): later mounts outside are not seen inside. slave: they are, where the mount outside is shared. */
  readonly propagation?: Extract<Propagation, "private" | "slave"> | undefined;
}

/**
 * Makes a mount namespace as a copy of the caller's, runs `setup` in it (synchronous; mount what shall differ), and mounts it
 * on a new file, where it lives without a process. Nothing mounted inside is seen outside.
 *
 * The directory of `path` is made a private mount first (see ensurePrivateDirectory): the kernel refuses to mount a mount
 * namespace where the mount would propagate, and it must be done from an older namespace than the one mounted, that is,
 * after coming home. A private namespace lets go of the copies of other namespaces' files (/run/netns/*): they would
 * keep deleted network namespaces alive.
 *
 * To mount /sys of a network namespace, be in it: withNetns(net, () => createMountNamespace(path, () => mount({type: "sysfs", …}))).
 * Throws KernelError, or what `setup` throws; then nothing is left behind but the private directory.
 */
export function createMountNamespace<T>(
  path: string,
  setup: SynchronousFunction<T>,
  options: MountNamespaceOptions = {},
): void {
  const propagation = options.propagation ?? "private";
  ensurePrivateDirectory(dirname(path));
  withMountPoint(path, () => {
    const made = movedThread([moveIntoNew("mnt")], () => {
      const handle = currentNamespace("mnt");
      try {
        setPropagation("/", propagation, { recursive: true });
        if (propagation === "private") releaseOtherNamespaces();
        refuseLater("setting a mount namespace up", setup());
        return handle;
      } catch (error) {
        handle.close();
        throw error;
      }
    });
    using handle = made;
    pinNamespace(`/proc/thread-self/fd/${handle.fd}`, path);
  });
}

/** The opposite; false if there was no such file. The directory stays a private mount: releasePrivateDirectory. */
export function deleteMountNamespace(path: string): boolean {
  return unpinNamespace(path);
}

/** Makes the directory if need be, and a private mount of itself unless it is one already. True if it was made one now. */
export function ensurePrivateDirectory(path: string): boolean {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const target = realpathSync(path);
  const present = mountAt(target);
  if (present !== undefined && !present.shared) return false;
  bindMount(target, target);
  setPropagation(target, "private");
  return true;
}

/** Undoes ensurePrivateDirectory; what is mounted below goes out of sight with it. False if it is no mount. */
export function releasePrivateDirectory(path: string): boolean {
  const target = realpathSync(path);
  if (mountAt(target) === undefined) return false;
  unmount(target, { detach: true });
  return true;
}

function releaseOtherNamespaces(): void {
  for (const entry of mounts().toReversed()) {
    if (entry.type === "nsfs") unmount(entry.target, { detach: true });
  }
}
