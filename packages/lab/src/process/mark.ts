import { readFileSync } from "node:fs";
import type { LabPlaces } from "../world/places.ts";

/**
 * A variable in the environment of all that a lab starts, and so of all that those start: by it `down` finds also what is
 * in none of the lab's namespaces, like a compiler whose installer was killed, or a command that has left them all.
 */
const NAME = "OCICAT_LAB";

export function markOf(places: Pick<LabPlaces, "run">): Readonly<Record<string, string>> {
  return { [NAME]: places.run };
}

/** Runs `work` with this process' own environment marked, for children that it starts by way of others' code. */
export async function withMark<T>(places: Pick<LabPlaces, "run">, work: () => Promise<T>): Promise<T> {
  process.env[NAME] = places.run;
  try {
    return await work();
  } finally {
    delete process.env[NAME];
  }
}

/** Whether the process was started with the lab's mark. */
export function isMarked(pid: number, places: Pick<LabPlaces, "run">): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`${NAME}=${places.run}`);
  } catch {
    return false;
  }
}
