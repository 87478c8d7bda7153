import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { bindMount, mountAt, setPropagation, unmount } from "@ocicat/linux";
import { removeIfEmpty } from "./files.ts";
import { NETNS_DIR, NETNS_MARK } from "./places.ts";

/**
 * Makes the directory of named network namespaces a shared mount, as the first `ip netns add` of a machine does. Were it
 * left to that one, the lab's files would lie below the mount it makes, where nobody can remove them.
 */
export function shareNamespaceDirectory(): void {
  mkdirSync(NETNS_DIR, { recursive: true, mode: 0o755 });
  if (mountAt(NETNS_DIR) !== undefined) return;
  bindMount(NETNS_DIR, NETNS_DIR, { recursive: true });
  setPropagation(NETNS_DIR, "shared", { recursive: true });
  writeFileSync(NETNS_MARK, String(mountAt(NETNS_DIR)?.id));
}

/** Takes it away again: if a lab made it, and nobody has a namespace there. */
export function leaveNamespaceDirectory(): void {
  if (existsSync(NETNS_MARK) && removesMount(Number(readFileSync(NETNS_MARK, "utf8")))) rmSync(NETNS_MARK);
  removeIfEmpty(NETNS_DIR);
}

function removesMount(id: number): boolean {
  const ours = mountAt(NETNS_DIR)?.id === id;
  if (ours && readdirSync(NETNS_DIR).length > 0) return false;
  if (ours) unmount(NETNS_DIR);
  return true;
}
