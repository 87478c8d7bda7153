import { closeSync, fstatSync, openSync } from "node:fs";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import { asKernelError } from "../libc/fs-error.ts";
import { check } from "../libc/library.ts";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  ioctlPlain,
  NS_GET_NSTYPE,
} from "../libc/namespace-calls.ts";

/** As in /proc/PID/ns. */
export type NamespaceKind = "net" | "mnt" | "pid" | "cgroup" | "uts" | "ipc" | "user" | "time";

const KIND_OF_FLAG: ReadonlyMap<number, NamespaceKind> = new Map([
  [CLONE_NEWNET, "net"],
  [CLONE_NEWNS, "mnt"],
  [CLONE_NEWPID, "pid"],
  [CLONE_NEWCGROUP, "cgroup"],
  [CLONE_NEWUTS, "uts"],
  [CLONE_NEWIPC, "ipc"],
  [CLONE_NEWUSER, "user"],
  [CLONE_NEWTIME, "time"],
]);

/** An open namespace. It lives at least as long as this handle is open. */
export class NamespaceHandle implements Disposable {
  readonly kind: NamespaceKind;
  /** Where it was opened. */
  readonly path: string;
  /** Its identity: two handles with the same inode are the same namespace. The number in "net:[4026531840]". */
  readonly inode: number;
  #fd: number | undefined;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.path = path;
    this.kind = kindOf(fd, path);
    this.inode = fstatSync(fd).ino;
  }

  /** The descriptor, close-on-exec, owned by this handle. Throws KernelError (EBADF) once closed. */
  get fd(): number {
    if (this.#fd !== undefined) return this.#fd;
    throw new KernelError({
      operation: "use of a namespace",
      number: errnoNumber("EBADF"),
      where: this.path,
      why: "the handle was closed",
    });
  }

  /** Closing twice does nothing. */
  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a namespace by a file that names it: /run/netns/NAME, /proc/PID/ns/net. Throws KernelError; also if the file is none. */
export function openNamespace(path: string): NamespaceHandle {
  const fd = openFile(path);
  try {
    return new NamespaceHandle(fd, path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The namespace of the calling thread. /proc/1/ns is readable by few and /proc/self is the main thread's: neither is it. */
export function currentNamespace(kind: NamespaceKind): NamespaceHandle {
  return openNamespace(`/proc/thread-self/ns/${kind}`);
}

function openFile(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw asKernelError("opening a namespace", path, error);
  }
}

function kindOf(fd: number, path: string): NamespaceKind {
  const flag = check("ioctl NS_GET_NSTYPE", ioctlPlain(fd, NS_GET_NSTYPE, 0), {
    where: path,
    why: "the file is not a namespace",
    fix: "name a file such as /proc/PID/ns/net, or one that a namespace is bind-mounted on",
  });
  const kind = KIND_OF_FLAG.get(flag);
  if (kind !== undefined) return kind;
  throw new KernelError({
    operation: "opening a namespace",
    number: errnoNumber("EINVAL"),
    where: path,
    why: `unknown kind 0x${flag.toString(16)}`,
  });
}
