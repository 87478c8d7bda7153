import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

const INIT = fileURLToPath(new URL("../../uml/init.sh", import.meta.url));

export interface UmlBoot {
  readonly kernel: string;
  /** A directory of the host's, absolute: `run` in it is the shell script that the machine is for; there it is /run/host. */
  readonly work: string;
  /** Directories of the machine's own, in memory, empty at first, beside /run and /dev; they must be there on the host. */
  readonly own: readonly string[];
  /** Whether the machine may write into the host's file system. */
  readonly writable: boolean;
  /** MiB. Memory is taken from the host as it is used. */
  readonly memory: number;
  /** The console is on 0 and 1, what the kernel says before it has one on 2, and /dev/ttyS0 on 3 (in) and 4 (out). */
  readonly stdio: StdioOptions;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Boots user-mode Linux: a kernel as an ordinary process, the first of a session and group of its own, in which all its
 * processes are. It ends when `run` has ended, with its exit status in the file `status`.
 */
export function bootUml({ kernel, work, own, writable, memory, stdio, env }: UmlBoot): ChildProcess {
  return spawn(
    kernel,
    [
      `mem=${memory}M`,
      "rootfstype=hostfs",
      "rootflags=/",
      writable ? "rw" : "ro",
      `init=${INIT}`,
      "con=null",
      "con0=fd:0,fd:1",
      "ssl0=fd:3,fd:4",
      "quiet",
      "panic=1",
      // Built in, these would come with interfaces that nobody asked for.
      "dummy.numdummies=0",
      "ifb.numifbs=0",
      `uml_dir=${work}/`,
      `OCT_WORK=${work}`,
      `OCT_OWN=${own.join(":")}`,
    ],
    { stdio, detached: true, env: { ...(env ?? process.env), TMPDIR: memoryDirectory(memory) } },
  );
}

/** Its memory is a file, which should be in memory; where there is not room for all of it (containers), on disk. */
function memoryDirectory(memory: number): string {
  const { bavail, bsize } = statfsSync("/dev/shm");
  return bavail * bsize > memory * 1024 * 1024 ? "/dev/shm" : tmpdir();
}

/** Cuts the power: kills the kernel with all its processes. The group is the child's own. */
export function cutPower(machine: ChildProcess): void {
  if (machine.pid === undefined) return;
  try {
    process.kill(-machine.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
