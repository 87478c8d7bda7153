import { readFileSync } from "node:fs";
import { check } from "../libc/library.ts";
import { mountCall, syscallPaths, umount2 } from "../libc/namespace-calls.ts";
import { type MountEntry, parseMountInfo } from "./mountinfo.ts";

/** Flags of mount(2) by their names without MS_. */
const MOUNT_FLAGS = {
  readonly: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  remount: 0x20,
  bind: 0x1000,
  recursive: 0x4000,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
} as const;

export type MountFlag = keyof typeof MOUNT_FLAGS;

export interface MountRequest {
  /** What to mount: a device, a directory to bind, or a word for people ("tmpfs"). */
  readonly source?: string | undefined;
  readonly target: string;
  /** "tmpfs", "proc", "sysfs", …; not for bind and propagation. */
  readonly type?: string | undefined;
  readonly flags?: readonly MountFlag[] | undefined;
  /** The file system's own options: "size=1m,mode=755". */
  readonly data?: string | undefined;
}

/** mount(2), in the calling thread's mount namespace. Throws KernelError. */
export function mount(request: MountRequest): void {
  const flags = (request.flags ?? []).reduce((bits, flag) => bits | MOUNT_FLAGS[flag], 0);
  const result = mountCall(request.source ?? null, request.target, request.type ?? null, flags, request.data ?? null);
  check("mount", result, { where: request.target });
}

/** Makes `target` show what is at `source`. */
export function bindMount(source: string, target: string, options: { readonly recursive?: boolean } = {}): void {
  mount({ source, target, flags: options.recursive ? ["bind", "recursive"] : ["bind"] });
}

export type Propagation = "private" | "slave" | "shared" | "unbindable";

/** Whether mounts below `target` reach other mount namespaces (shared), come from them only (slave), or neither (private). */
export function setPropagation(
  target: string,
  propagation: Propagation,
  options: { readonly recursive?: boolean } = {},
): void {
  mount({ target, flags: options.recursive ? [propagation, "recursive"] : [propagation] });
}

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** umount2(2). `detach` (lazy) takes it out of sight at once, also when in use. Throws KernelError; EINVAL: no mount is there. */
export function unmount(target: string, options: { readonly detach?: boolean } = {}): void {
  check("umount", umount2(target, UMOUNT_NOFOLLOW | (options.detach ? MNT_DETACH : 0)), { where: target });
}

/** pivot_root(2): `newRoot` (a mount point) becomes the root, the old one is moved to `putOld` below it. */
export function pivotRoot(newRoot: string, putOld: string): void {
  check("pivot_root", syscallPaths(PIVOT_ROOT, newRoot, putOld), { where: newRoot });
}

/** Differs by architecture: 41 in the generic table that arm64 uses. */
const PIVOT_ROOT = process.arch === "x64" ? 155 : 41;

/** Mounts of the calling thread's namespace, in the order they were made. */
export function mounts(): MountEntry[] {
  return parseMountInfo(readFileSync("/proc/thread-self/mountinfo", "utf8"));
}

/** The mount whose top is at exactly this path; the last one made, if several lie over each other. */
export function mountAt(target: string): MountEntry | undefined {
  return mounts().findLast((entry) => entry.target === target);
}
