/** What the kernel knows of a process: CPU time and memory. */
import { readdirSync, readFileSync } from "node:fs";

/** CPU time in ms of all threads of a process, those that have ended aside. */
export function cpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(tasks).map((task) => {
    try {
      return Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      return 0;
    }
  });
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}

/** Most memory that it has had, in MiB. */
export function peakMib(pid: number): number {
  return mib(pid, "VmHWM");
}

/** Memory that it has now, in MiB. */
export function residentMib(pid: number): number {
  return mib(pid, "VmRSS");
}

function mib(pid: number, field: "VmHWM" | "VmRSS"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const line = new RegExp(`${field}:\\s+(\\d+) kB`).exec(status);
  return Number(line?.[1] ?? 0) / 1024;
}
