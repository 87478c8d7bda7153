import { readFileSync, writeFileSync } from "node:fs";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import { isSysctlPath } from "../kernel/sysctl-path.ts";
import { asKernelError } from "../libc/fs-error.ts";

/*
 * /proc/sys/net shows the network namespace of the task that looks a file up (not that of the mount): the caller
 * must have its thread in the right one.
 */

/** The value without its final newline; undefined if there is no such setting. Throws KernelError. */
export function readSysctlFile(path: string): string | undefined {
  const file = fileOf(path);
  try {
    return readFileSync(file, "utf8").replace(/\n$/, "");
  } catch (error) {
    const failure = asKernelError("reading a sysctl", file, error);
    if (failure instanceof KernelError && failure.errno === "ENOENT") return undefined;
    throw failure;
  }
}

export function writeSysctlFile(path: string, value: string): void {
  const file = fileOf(path);
  try {
    // One write: the kernel takes each write as a whole value. Never creates a file.
    writeFileSync(file, value, { flag: "r+" });
  } catch (error) {
    throw asKernelError(`writing "${value}" to a sysctl`, file, error);
  }
}

function fileOf(path: string): string {
  if (isSysctlPath(path)) return `/proc/sys/${path}`;
  throw new KernelError({
    operation: "finding a sysctl",
    number: errnoNumber("EINVAL"),
    where: path,
    why: "it is not a path below /proc/sys",
    fix: 'write it like "net/ipv4/conf/all/forwarding"',
  });
}
