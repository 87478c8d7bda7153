import { readlinkSync } from "node:fs";
import { OcicatError } from "@ocicat/kit";
import { identify, isAlive, type LabProcess, otherPids } from "./identity.ts";

/** How long a killed process may take to be gone: it may be in the middle of a system call, or writing a core. */
const KILLED_MS = 5_000;

/** Says of a process, by its number, whether it is meant. */
export type Belongs = (pid: number) => boolean;

/** Every process that belongs, whoever started it, but this one. */
export function processesThat(belongs: Belongs): LabProcess[] {
  return otherPids().flatMap((pid) => {
    const found = belongs(pid) ? identify(String(pid), pid) : undefined;
    return found === undefined ? [] : [found];
  });
}

/** Kills all of them, and what they start meanwhile, until none is left. Throws OcicatError LAB_PROCESS. */
export async function killAll(belongs: Belongs): Promise<void> {
  const deadline = performance.now() + KILLED_MS;
  for (let found = processesThat(belongs); found.length > 0; found = processesThat(belongs)) {
    await killProcesses(found);
    if (performance.now() > deadline) throw unending(found);
  }
}

/** Those with their network or their mount namespace among these (by inode of the nsfs file). */
export function inNamespaces(namespaces: ReadonlySet<number>): Belongs {
  return (pid) =>
    (["net", "mnt"] as const).some((kind) => {
      const inode = namespaceInode(`/proc/${pid}/ns/${kind}`);
      return inode !== undefined && namespaces.has(inode);
    });
}

/** SIGKILL, and waits until they are gone. Throws OcicatError LAB_PROCESS. */
export async function killProcesses(processes: readonly LabProcess[]): Promise<void> {
  const left = () => processes.filter(isAlive);
  for (const process of left()) signal(process, "SIGKILL");
  const deadline = performance.now() + KILLED_MS;
  while (left().length > 0) {
    if (performance.now() > deadline) throw unending(left());
    await pause(5);
  }
}

/** SIGTERM, and SIGKILL for those that are still there after `graceMs`. Throws OcicatError LAB_PROCESS. */
export async function endProcesses(processes: readonly LabProcess[], graceMs: number): Promise<void> {
  for (const process of processes.filter(isAlive)) signal(process, "SIGTERM");
  const deadline = performance.now() + graceMs;
  while (processes.some(isAlive) && performance.now() < deadline) await pause(10);
  await killProcesses(processes);
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

function namespaceInode(path: string): number | undefined {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]);
  } catch {
    return undefined;
  }
}

function unending(processes: readonly LabProcess[]): OcicatError {
  return new OcicatError({
    code: "LAB_PROCESS",
    what: `processes ${processes.map((process) => process.pid).join(", ")} do not end`,
    why: `they were killed and are still there after ${KILLED_MS / 1000} s`,
    fix: "see what they wait for: /proc/PID/stack",
  });
}
