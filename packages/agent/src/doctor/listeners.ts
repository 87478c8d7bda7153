import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { HostFacts } from "@ocicat/doctor";

/*
 * /proc/thread-self/net/tcp, a line a socket of the thread's network namespace:
 *
 *      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode …
 *       0: 00000000:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21437 …
 *          address:port                └ LISTEN                                                └ the socket
 */
const LISTEN = "0A";

/** Who listens on a TCP port here. To look for a socket's owner all processes are gone through, unless it is this one. */
export function listenersOn(port: number, proc: string): HostFacts["listeners"] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = ["tcp", "tcp6"].flatMap((name) => {
    const file = join(proc, "thread-self/net", name);
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .split("\n")
      .flatMap((line) => {
        const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
        return state === LISTEN && local.endsWith(`:${wanted}`) ? [inode] : [];
      });
  });
  const own = socketsOf(join(proc, "self"));
  return inodes.flatMap((inode) => {
    if (own.has(inode)) return [{ program: "this agent", pid: process.pid, ours: true }];
    const owner = readdirSync(proc).find((entry) => /^\d+$/.test(entry) && socketsOf(join(proc, entry)).has(inode));
    // It has ended meanwhile, or it is in a container whose processes are not seen from here.
    if (owner === undefined) return [];
    const program = commandOf(join(proc, owner));
    return [{ program, pid: Number(owner), ours: / agent$/.test(program) && program.includes("ocicat") }];
  });
}

/** Inodes of the sockets that a process has open; none of one that has ended. */
function socketsOf(directory: string): ReadonlySet<string> {
  const fds = attempt(() => readdirSync(join(directory, "fd"))) ?? [];
  // One of them was open for the reading of the directory only.
  const links = fds.flatMap((fd) => attempt(() => readlinkSync(join(directory, "fd", fd))) ?? []);
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

function commandOf(directory: string): string {
  const text = attempt(() => readFileSync(join(directory, "cmdline"), "utf8"));
  return text?.split("\0").join(" ").trim() ?? "unknown";
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
