import { readdirSync, readFileSync } from "node:fs";

/** A process by number and start time, so that a number used again is not taken for it. */
export interface LabProcess {
  readonly name: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTicks: string;
}

/** The process that has this number now; undefined if there is none. A zombie counts as gone. */
export function identify(name: string, pid: number): LabProcess | undefined {
  const startTicks = startTicksOf(pid);
  return startTicks === undefined ? undefined : { name, pid, startTicks };
}

export function isAlive(process: LabProcess): boolean {
  return startTicksOf(process.pid) === process.startTicks;
}

/** Numbers of all processes but this one. */
export function otherPids(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

function startTicksOf(pid: number): string | undefined {
  try {
    return startTicksIn(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Of a line of /proc/PID/stat, see proc(5); undefined for a zombie. Not for one whose other threads are still on their way out:
 * what they hold, sockets and namespaces, is held until they are gone.
 */
export function startTicksIn(stat: string): string | undefined {
  // The second field is the program's name in brackets and may hold anything; count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, threads] = [fields[0], Number(fields[17])];
  return state === "X" || (state === "Z" && threads <= 1) ? undefined : fields[19];
}
