import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import type { NamespaceHandle } from "./handle.ts";
import { type Move, movedThread, moveIntoNew } from "./move.ts";
import { moveFor, movesInto, type NamespaceSet } from "./with.ts";

export interface SpawnNamespaces extends NamespaceSet {
  /** A PID namespace to join, or "new": the child is process 1 of it, and its end ends all in it. */
  readonly pid?: NamespaceHandle | "new" | undefined;
}

/**
 * child_process.spawn with the child in other namespaces: the calling thread goes there, forks (which spawn does before it
 * returns, in the calling thread), and comes back. With a mount namespace, `command`, `cwd` and paths in `stdio` are
 * looked up in it, and without `cwd` the child starts in its root. Throws KernelError if a namespace cannot be entered.
 */
export function spawnIn(
  namespaces: SpawnNamespaces,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  return movedThread([...pidMove(namespaces.pid), ...movesInto(namespaces)], () => spawn(command, args, options));
}

function pidMove(pid: SpawnNamespaces["pid"]): Move[] {
  return pid === "new" ? [moveIntoNew("pid")] : moveFor("pid", pid);
}
