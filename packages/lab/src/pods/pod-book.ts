import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabPlaces } from "../world/places.ts";

/** A pod of the lab: what a runtime remembers of a sandbox. */
export interface PodRecord {
  readonly name: string;
  readonly namespace: string;
  readonly node: string;
  readonly containerId: string;
  /** In the node's mount namespace. */
  readonly netns: string;
  readonly addresses: readonly string[];
}

/** The pods of a lab, a file each. Written before the plugin runs, so that a crash leaves a record to clean up by. */
export class PodBook {
  readonly #dir: string;

  constructor(places: LabPlaces) {
    this.#dir = join(places.run, "pods");
  }

  all(): PodRecord[] {
    if (!existsSync(this.#dir)) return [];
    return readdirSync(this.#dir)
      .filter((file) => file.endsWith(".json"))
      .sort()
      .map((file) => JSON.parse(readFileSync(join(this.#dir, file), "utf8")) as PodRecord);
  }

  find(name: string): PodRecord | undefined {
    return this.all().find((pod) => pod.name === name);
  }

  set(pod: PodRecord): void {
    mkdirSync(this.#dir, { recursive: true });
    writeFileSync(join(this.#dir, `${pod.name}.json`), `${JSON.stringify(pod, null, 2)}\n`);
  }

  forget(name: string): void {
    rmSync(join(this.#dir, `${name}.json`), { force: true });
  }
}
