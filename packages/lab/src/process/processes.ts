import type { ChildProcess, SpawnOptions } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { openNamespace, spawnIn } from "@ocicat/linux";
import { type LabPlaces, NETNS_DIR } from "../world/places.ts";

/** A process by number and start time, so that a number used again is not taken for it. */
export interface LabProcess {
  readonly name: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTicks: string;
}

/** The lab's own processes, in a file beside the topology. */
export class ProcessBook {
  readonly #places: LabPlaces;

  constructor(places: LabPlaces) {
    this.#places = places;
  }

  all(): LabProcess[] {
    if (!existsSync(this.#places.processFile)) return [];
    return JSON.parse(readFileSync(this.#places.processFile, "utf8")) as LabProcess[];
  }

  find(name: string): LabProcess | undefined {
    return this.all().find((process) => process.name === name);
  }

  /** The process, if it is there and is the one that was started. */
  alive(name: string): LabProcess | undefined {
    const process = this.find(name);
    return process !== undefined && isAlive(process) ? process : undefined;
  }

  set(process: LabProcess): void {
    this.#write([...this.all().filter((other) => other.name !== process.name), process]);
  }

  forget(name: string): void {
    this.#write(this.all().filter((other) => other.name !== name));
  }

  #write(processes: readonly LabProcess[]): void {
    const file = this.#places.processFile;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, `${JSON.stringify(processes, null, 2)}\n`);
    renameSync(`${file}.new`, file);
  }
}

/** Starts a program that outlives this command, inside a node, with its output in the lab's log directory. */
export function startInNode(
  places: LabPlaces,
  node: string,
  name: string,
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
): LabProcess {
  mkdirSync(dirname(places.log(name)), { recursive: true });
  const log = openSync(places.log(name), "a", 0o600);
  try {
    const child = spawnInNode(places, node, command, {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, ...env },
    });
    child.unref();
    if (child.pid === undefined)
      throw new OcicatError({ code: "LAB_PROCESS", what: `${name} could not be started: ${command.join(" ")}` });
    const started = { name, pid: child.pid, startTicks: startTicks(child.pid) ?? "" };
    new ProcessBook(places).set(started);
    return started;
  } finally {
    closeSync(log);
  }
}

/** child_process.spawn inside a node's network and mount namespaces. */
export function spawnInNode(
  places: LabPlaces,
  node: string,
  command: readonly [string, ...string[]],
  options: SpawnOptions,
): ChildProcess {
  using net = openNamespace(places.netns(node));
  using mount = openNamespace(places.mountns(node));
  return spawnIn({ net, mount }, command[0], command.slice(1), options);
}

export function isAlive(process: LabProcess): boolean {
  return startTicks(process.pid) === process.startTicks;
}

/** Every process with a foot in one of the lab's network namespaces, or in `extra` ones: whoever started it. */
export function processesInLab(places: LabPlaces, extra: ReadonlySet<number> = new Set()): LabProcess[] {
  const inodes = new Set([...labNamespaceInodes(places), ...extra]);
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((entry) => {
      const inode = namespaceInode(`/proc/${entry}/ns/net`);
      const ticks = startTicks(Number(entry));
      return inode !== undefined && inodes.has(inode) && ticks !== undefined
        ? [{ name: entry, pid: Number(entry), startTicks: ticks }]
        : [];
    });
}

/** Ends processes: SIGTERM, and SIGKILL for those that are still there after `graceMs`. */
export async function endProcesses(processes: readonly LabProcess[], graceMs: number): Promise<void> {
  const left = () => processes.filter(isAlive);
  for (const process of left()) signal(process, "SIGTERM");
  const deadline = performance.now() + graceMs;
  while (left().length > 0 && performance.now() < deadline) await pause(10);
  for (const process of left()) signal(process, "SIGKILL");
  const hard = performance.now() + 5_000;
  while (left().length > 0) {
    if (performance.now() > hard) {
      throw new OcicatError({
        code: "LAB_PROCESS",
        what: `processes ${left()
          .map((process) => process.pid)
          .join(", ")} do not end`,
      });
    }
    await pause(5);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function signal(target: LabProcess, name: NodeJS.Signals): void {
  try {
    process.kill(target.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function labNamespaceInodes(places: LabPlaces): number[] {
  if (!existsSync(NETNS_DIR)) return [];
  return readdirSync(NETNS_DIR)
    .filter((name) => name.startsWith(places.netnsPrefix))
    .map((name) => statSync(`${NETNS_DIR}/${name}`).ino);
}

function namespaceInode(path: string): number | undefined {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]);
  } catch {
    return undefined;
  }
}

/** undefined once the process is gone; a zombie counts as gone. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets and may hold anything; count from behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
