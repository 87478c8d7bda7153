import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const KERNEL = "/usr/bin/linux.uml";
const MODULES = "/usr/lib/uml/modules";

export interface UmlRun {
  /** `uname -r` inside; "" if it did not come so far. */
  readonly kernel: string;
  /** Exit status of what ran inside; undefined if the end was not reached. */
  readonly status: number | undefined;
  /** What it wrote on its report file; undefined if none. */
  readonly report: string | undefined;
  /** Console of the kernel, and output of what ran inside: for people. */
  readonly log: string;
}

/**
 * Boots Debian's user-mode Linux, an ordinary process, with the host's file system as its root and `init.sh` as process 1,
 * and waits for its end. `work` is an empty directory for what passes between; `root` the checkout. Kills it, with all its
 * processes, after `limitMs`.
 */
export async function bootUml(root: string, work: string, limitMs: number): Promise<UmlRun> {
  if (!existsSync(KERNEL)) {
    throw new Error(`${KERNEL} is not there: install it with \`apt-get install -y user-mode-linux kmod\``);
  }
  mkdirSync(join(work, "lib", "modules"), { recursive: true });
  for (const version of readdirSync(MODULES))
    symlinkSync(join(MODULES, version), join(work, "lib", "modules", version));
  const kernel = spawn(
    KERNEL,
    [
      "mem=1G",
      "rootfstype=hostfs",
      "rootflags=/",
      "rw",
      `init=${join(import.meta.dirname, "init.sh")}`,
      "con=null",
      "con0=fd:0,fd:1",
      "quiet",
      "panic=1",
      // Else it leaves a directory in ~/.uml.
      `uml_dir=${work}/`,
      `OCT_ROOT=${root}`,
      `OCT_WORK=${work}`,
    ],
    { stdio: ["ignore", "pipe", "pipe"], detached: true, env: { ...process.env, TMPDIR: "/dev/shm" } },
  );
  const limit = setTimeout(() => killGroup(kernel.pid), limitMs);
  const [stdout, stderr] = await Promise.all([text(kernel.stdout), text(kernel.stderr), once(kernel, "close")]);
  clearTimeout(limit);
  killGroup(kernel.pid);
  const read = (name: string) => (existsSync(join(work, name)) ? readFileSync(join(work, name), "utf8") : undefined);
  const status = read("status");
  return {
    kernel: (read("kernel") ?? "").trim(),
    status: status === undefined ? undefined : Number(status),
    report: read("report.json"),
    log: [stdout, stderr, read("output") ?? ""].map((part) => part.slice(-4000)).join("\n"),
  };
}

/** The group is our own: the child was made its leader. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
