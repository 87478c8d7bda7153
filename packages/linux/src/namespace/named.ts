import { closeSync, mkdirSync, openSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import { asKernelError } from "../libc/fs-error.ts";
import { bindMount, unmount } from "./mount.ts";

/*
 * A namespace lives while something refers to it: a process, a descriptor, or a mount of its nsfs file on another file.
 * The last is how `ip netns add` keeps one without a process, and what is done here.
 */

/** Makes the file (and its directory) that a namespace will be mounted on. Throws KernelError EEXIST if it is there. */
export function createMountPoint(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    closeSync(openSync(path, "wx", 0o444));
  } catch (error) {
    throw asKernelError("making the file of a namespace", path, error);
  }
}

/** Makes the file, lets `fill` mount a namespace on it, and takes the file away again if that fails. */
export function withMountPoint(path: string, fill: () => void): void {
  createMountPoint(path);
  try {
    fill();
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

export function pinNamespace(nsfs: string, path: string): void {
  bindMount(nsfs, path);
}

/**
 * Takes the mount and the file away. False if there was no file. A file without a mount (left by a crash half-way) is
 * removed too. The kernel takes the namespace down when nothing else refers to it, some milliseconds later.
 */
export function unpinNamespace(path: string): boolean {
  try {
    unmount(path, { detach: true });
  } catch (error) {
    const number = error instanceof KernelError ? error.number : 0;
    if (number === errnoNumber("ENOENT")) return false;
    if (number !== errnoNumber("EINVAL")) throw error;
  }
  try {
    unlinkSync(path);
  } catch (error) {
    throw asKernelError("removing the file of a namespace", path, error);
  }
  return true;
}
