import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const KERNEL = "/usr/bin/linux.uml";
const MODULES = "/usr/lib/uml/modules";
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DISK_BYTES = 256 * 1024 * 1024;

/** A machine with a disk: user-mode Linux, and an ext4 image that outlives it. */
export class Machine {
  readonly #work: string;
  readonly #disk: string;

  /** `work`: an empty directory, the caller's to remove. */
  constructor(work: string) {
    if (!existsSync(KERNEL)) {
      throw new Error(`${KERNEL} is not there: install it with \`apt-get install -y user-mode-linux kmod\``);
    }
    this.#work = work;
    this.#disk = join(work, "disk.ext4");
    mkdirSync(join(work, "lib", "modules"), { recursive: true });
    for (const version of readdirSync(MODULES)) {
      symlinkSync(join(MODULES, version), join(work, "lib", "modules", version));
    }
    const image = openSync(this.#disk, "w");
    ftruncateSync(image, DISK_BYTES);
    closeSync(image);
    must("mkfs.ext4", "-q", "-F", this.#disk);
  }

  /** Runs the guest's program until it ends, or until `onLine` asks for the power to be cut. */
  async boot(round: string, onLine: (line: string) => "cut" | undefined): Promise<"ended" | "cut"> {
    const kernel = spawn(
      KERNEL,
      [
        "mem=512M",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        `init=${join(import.meta.dirname, "init.sh")}`,
        `ubd0=${this.#disk}`,
        "con=null",
        "con0=fd:0,fd:1",
        "quiet",
        "panic=1",
        // Else it leaves a directory in ~/.uml.
        `uml_dir=${this.#work}/`,
        `OCT_ROOT=${ROOT}`,
        `OCT_WORK=${this.#work}`,
        `OCT_NODE=${process.execPath}`,
        `OCT_ROUND=${round}`,
      ],
      { stdio: ["ignore", "pipe", "ignore"], detached: true, env: { ...process.env, TMPDIR: "/dev/shm" } },
    );
    try {
      return await follow(kernel, onLine);
    } finally {
      killGroup(kernel);
    }
  }

  /** What e2fsck says of the disk, which it does not touch; undefined if nothing is wrong. */
  fsck(): string | undefined {
    const result = spawnSync("e2fsck", ["-f", "-n", this.#disk], { encoding: "utf8" });
    return result.status === 0 ? undefined : `${result.stdout}${result.stderr}`;
  }
}

async function follow(kernel: ChildProcess, onLine: (line: string) => "cut" | undefined): Promise<"ended" | "cut"> {
  const ended = new Promise<void>((resolve) => kernel.once("close", () => resolve()));
  let cut = false;
  if (kernel.stdout === null) throw new Error("it has no console");
  const console = createInterface({ input: kernel.stdout });
  console.on("line", (line) => {
    if (onLine(line) !== "cut" || cut) return;
    cut = true;
    killGroup(kernel);
  });
  await ended;
  return cut ? "cut" : "ended";
}

/** The kernel, its disk's thread and its processes: the group is the child's own. */
function killGroup(kernel: ChildProcess): void {
  if (kernel.pid === undefined) return;
  try {
    // It first: one that sees its processes die complains of it with its last breath.
    process.kill(kernel.pid, "SIGKILL");
    process.kill(-kernel.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

function must(program: string, ...args: readonly string[]): void {
  const result = spawnSync(program, args, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${program}: ${result.error?.message ?? result.stderr}`);
}
