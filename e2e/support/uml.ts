import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bootUml, cutPower, findUmlKernel } from "@ocicat/lab";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MEMORY_MIB = 2048;
/** What programs write and nobody wants to find on the host. */
const OWN = ["/tmp", "/var/tmp", "/var/lib", "/var/log", "/var/cache", "/root"];

/**
 * The checkout, with what is written in it kept in memory: test runners write beside their configuration. It may lie below
 * a directory of the machine's own, where it would be hidden.
 */
const CHECKOUT = [
  "mkdir -p /run/checkout/host /run/checkout/upper /run/checkout/work",
  `mount -r -t hostfs -o ${quote(ROOT)} host /run/checkout/host`,
  `mkdir -p ${quote(ROOT)}`,
  `mount -t overlay -o lowerdir=/run/checkout/host,upperdir=/run/checkout/upper,workdir=/run/checkout/work checkout ${quote(ROOT)}`,
];

export interface UmlRun {
  /** The command's exit status; undefined if the machine ended before it. */
  readonly status: number | undefined;
  /** What it wrote on standard output and standard error. */
  readonly output: string;
  /** What the kernel had to say: the reason, if there is no status. */
  readonly console: string;
}

export interface UmlOptions {
  /** After that the power is cut. */
  readonly limitMs: number;
  /** A directory of this machine, absolute, that the command can write into. */
  readonly share?: string;
  readonly onOutput?: (chunk: string) => void;
}

/**
 * Runs a command in a user-mode machine of its own: in the checkout, with the project's Node and programs first in PATH.
 * Nothing of it is left behind. Takes some two seconds more than the command.
 */
export async function runInUml(
  command: readonly [string, ...string[]],
  { limitMs, share, onOutput = () => undefined }: UmlOptions,
): Promise<UmlRun> {
  const kernel = findUmlKernel();
  const work = mkdtempSync(join(tmpdir(), "oct-uml-"));
  writeFileSync(
    join(work, "run"),
    [
      ...CHECKOUT,
      ...(share === undefined
        ? []
        : [`mkdir -p ${quote(share)}; mount -t hostfs -o ${quote(share)} host ${quote(share)}`]),
      `cd ${quote(ROOT)}`,
      `export PATH=${quote(join(ROOT, "node_modules/.bin"))}:$PATH NO_COLOR=1`,
      // Not itself the command's output: programs behave otherwise on a terminal.
      `{ ${command.map(quote).join(" ")}; echo $? >/run/code; } 2>&1 | cat >/dev/ttyS0`,
      "exit $(cat /run/code)",
    ].join("\n"),
  );
  const machine = bootUml({
    kernel,
    work,
    own: OWN,
    writable: false,
    memory: MEMORY_MIB,
    stdio: ["ignore", "pipe", "pipe", "ignore", "pipe"],
  });
  const limit = setTimeout(() => cutPower(machine), limitMs);
  let [output, console] = ["", ""];
  machine.stdio[4]?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    onOutput(chunk.toString());
  });
  for (const stream of [machine.stdout, machine.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      console += chunk.toString();
    });
  }
  try {
    await once(machine, "close");
    const status = join(work, "status");
    return { status: existsSync(status) ? Number(readFileSync(status, "utf8")) : undefined, output, console };
  } finally {
    clearTimeout(limit);
    cutPower(machine);
    rmSync(work, { recursive: true, force: true });
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
