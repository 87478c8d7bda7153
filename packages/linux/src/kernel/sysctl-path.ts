/** "net/ipv4/conf/all/forwarding": names below /proc/sys, none of which leads out of it. */
export function isSysctlPath(path: string): boolean {
  return path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
}
