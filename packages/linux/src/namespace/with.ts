import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type { NamespaceHandle } from "./handle.ts";
import { type MovableKind, type Move, movedThread, moveInto } from "./move.ts";
import { refuseLater, type SynchronousFunction } from "./synchronous.ts";

/** Namespaces to be in; one that is not named stays the caller's. */
export interface NamespaceSet {
  readonly net?: NamespaceHandle | undefined;
  readonly mount?: NamespaceHandle | undefined;
}

/**
 * Runs `fn` with the calling thread in a network namespace, and comes back. What `fn` opens (sockets, /proc/sys and
 * /sys/class/net files) belongs to that namespace for good. About 10 µs beside what `fn` does.
 *
 * Synchronous functions only: a promise or generator as result is refused by the compiler and, after coming back, by
 * KernelError NAMESPACE_ASYNC. What a function starts and does not return cannot be seen: Node's `server.listen` and
 * `net.connect` with a `host`, even a literal address, open their socket on the next tick, that is, at home; `listen`
 * without `host`, or with `fd`, opens it here. If the way back fails, the process aborts.
 */
export function withNetns<T>(namespace: NamespaceHandle, fn: SynchronousFunction<T>): T {
  return withNamespaces({ net: namespace }, fn);
}

/** As withNetns, for a network and a mount namespace together; inside, root and working directory are the mount namespace's root. */
export function withNamespaces<T>(namespaces: NamespaceSet, fn: SynchronousFunction<T>): T {
  const result = movedThread(movesInto(namespaces), fn);
  refuseLater("running a function in a namespace", result);
  return result;
}

/** Network before mount: once there, paths mean something else. Throws KernelError (EINVAL) on a handle of another kind. */
export function movesInto(namespaces: NamespaceSet): Move[] {
  return [...moveFor("net", namespaces.net), ...moveFor("mnt", namespaces.mount)];
}

export function moveFor(kind: MovableKind, handle: NamespaceHandle | undefined): Move[] {
  if (handle === undefined) return [];
  if (handle.kind === kind) return [moveInto(kind, handle.fd, handle.path)];
  throw new KernelError({
    operation: `setns(${kind})`,
    number: errnoNumber("EINVAL"),
    where: handle.path,
    why: `it is a ${handle.kind} namespace`,
  });
}
