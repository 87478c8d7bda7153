import { existsSync, readFileSync } from "node:fs";
import { OcicatError } from "@ocicat/kit";
import { writeWhole } from "../world/files.ts";
import type { LabPlaces } from "../world/places.ts";
import { isAlive, type LabProcess } from "./identity.ts";

/** The lab's own processes, in a file beside the topology. */
export class ProcessBook {
  readonly #file: string;

  constructor(places: Pick<LabPlaces, "processFile">) {
    this.#file = places.processFile;
  }

  /** In the order of their names. Throws OcicatError LAB_FILE if the file is not as it was written. */
  all(): LabProcess[] {
    if (!existsSync(this.#file)) return [];
    const entries = parse(readFileSync(this.#file, "utf8"));
    if (entries !== undefined) return entries;
    throw new OcicatError({
      code: "LAB_FILE",
      where: this.#file,
      what: "is not a list of processes",
      fix: "take the lab down and bring it up again: ocicat lab down",
    });
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
    const sorted = processes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    writeWhole(this.#file, `${JSON.stringify(sorted, null, 2)}\n`);
  }
}

function parse(text: string): LabProcess[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(isLabProcess) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isLabProcess(value: unknown): value is LabProcess {
  if (typeof value !== "object" || value === null) return false;
  if (!("name" in value && "pid" in value && "startTicks" in value)) return false;
  const { name, pid, startTicks } = value;
  return typeof name === "string" && Number.isInteger(pid) && typeof startTicks === "string";
}
