import { access, closeSync, constants, openSync, writeSync } from "node:fs";
import { errnoName } from "../kernel/errno.ts";
import { asKernelError } from "../libc/fs-error.ts";
import { check, lastErrno } from "../libc/library.ts";
import {
  CLONE_FS,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  chroot,
  fchdir,
  setns,
  unshare,
} from "../libc/namespace-calls.ts";

/*
 * Namespaces belong to threads. Only the calling thread moves; Node's others (V8's workers, the libuv pool) stay at home, so:
 *
 *  - Everything between going and coming back is synchronous. A continuation after `await` runs at home.
 *  - The libuv pool is started before the first move: a thread is born in its creator's namespaces and would stay there.
 *  - setns(CLONE_NEWNS) wants a thread that shares root and working directory with no other (the kernel's EINVAL
 *    otherwise), and threads share them: unshare(CLONE_FS) first. It costs nothing when done already, and is repeated each
 *    time because a thread made since shares again. From then on process.chdir() moves the main thread only: relative
 *    paths given to asynchronous file functions keep to the directory of before.
 *  - Entering a mount namespace sets root and working directory to that namespace's root; both are put back by descriptor.
 *  - Moving into a PID namespace moves children only; while away no thread can be made (the kernel's rule).
 */
export type MovableKind = "net" | "mnt" | "pid";

export interface Move {
  readonly kind: MovableKind;
  /** Takes the calling thread there: setns or unshare. Throws if refused. */
  readonly go: () => void;
}

const FLAG: Readonly<Record<MovableKind, number>> = { net: CLONE_NEWNET, mnt: CLONE_NEWNS, pid: CLONE_NEWPID };

const HOME: Readonly<Record<MovableKind, string>> = {
  net: "/proc/thread-self/ns/net",
  mnt: "/proc/thread-self/ns/mnt",
  pid: "/proc/thread-self/ns/pid_for_children",
};

/** A move into a namespace that is open. */
export function moveInto(kind: MovableKind, fd: number, where: string): Move {
  return { kind, go: () => void check(`setns(${kind})`, setns(fd, FLAG[kind]), { where }) };
}

/** A move into a namespace made for the occasion. */
export function moveIntoNew(kind: MovableKind): Move {
  return { kind, go: () => void check(`unshare(${kind})`, unshare(FLAG[kind])) };
}

/**
 * Makes the moves in order, runs `fn`, and takes the thread home in reverse order, whatever `fn` did.
 * If a way back fails the process aborts: it would go on in somebody else's network without knowing it.
 */
export function movedThread<T>(moves: readonly Move[], fn: () => T): T {
  startPool();
  const returns = openReturns(moves);
  try {
    let gone = 0;
    try {
      for (const move of moves) {
        move.go();
        gone += 1;
      }
      return fn();
    } finally {
      for (const back of returns.slice(0, gone).reverse()) back.comeBack();
    }
  } finally {
    for (const back of returns) back.close();
  }
}

interface WayBack {
  readonly comeBack: () => void;
  readonly close: () => void;
}

function openReturns(moves: readonly Move[]): WayBack[] {
  const opened: WayBack[] = [];
  try {
    for (const { kind } of moves) opened.push(kind === "mnt" ? mountWayBack() : plainWayBack(kind));
    return opened;
  } catch (error) {
    for (const back of opened) back.close();
    throw error;
  }
}

function plainWayBack(kind: MovableKind): WayBack {
  const home = openHome(HOME[kind], constants.O_RDONLY);
  return {
    comeBack: () => mustSucceed(`setns(${kind})`, setns(home, FLAG[kind])),
    close: () => closeSync(home),
  };
}

function mountWayBack(): WayBack {
  check("unshare(CLONE_FS)", unshare(CLONE_FS));
  const fds: number[] = [];
  const close = () => {
    for (const fd of fds) closeSync(fd);
  };
  const open = (path: string, flags: number) => {
    const fd = openHome(path, flags);
    fds.push(fd);
    return fd;
  };
  try {
    const home = open(HOME.mnt, constants.O_RDONLY);
    const root = open("/", constants.O_RDONLY | constants.O_DIRECTORY);
    const directory = open(".", constants.O_RDONLY | constants.O_DIRECTORY);
    return {
      comeBack: () => {
        mustSucceed("setns(mnt)", setns(home, CLONE_NEWNS));
        mustSucceed("fchdir to the root", fchdir(root));
        mustSucceed("chroot back", chroot("."));
        mustSucceed("fchdir back", fchdir(directory));
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function openHome(path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw asKernelError("remembering the way back", path, error);
  }
}

function mustSucceed(step: string, result: number): void {
  if (result === 0) return;
  writeSync(2, `the way back from a namespace failed at ${step} with ${errnoName(lastErrno())}: aborting\n`);
  process.abort();
}

let poolStarted = false;

/** Any asynchronous file function starts the pool's threads before it returns. */
function startPool(): void {
  if (poolStarted) return;
  poolStarted = true;
  access("/", () => {});
}
