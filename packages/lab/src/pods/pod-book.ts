import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Labels } from "@ocicat/api";
import { OcicatError, toError } from "@ocicat/kit";
import {
  type Bandwidth,
  formatPortMapping,
  isRate,
  type PortMapping,
  parsePortMapping,
} from "../topology/capabilities.ts";
import { checkLabels } from "../topology/labels.ts";
import { writeWhole } from "../world/files.ts";
import type { LabPlaces } from "../world/places.ts";

/** A pod of the lab: what a runtime remembers of a sandbox. */
export interface PodRecord {
  readonly name: string;
  readonly namespace: string;
  readonly node: string;
  readonly containerId: string;
  /** In the node's mount namespace. */
  readonly netns: string;
  /** The network it was added to: a file's name in the node's /etc/cni/net.d. */
  readonly conflist: string;
  /** Empty until the plugins have answered. */
  readonly addresses: readonly string[];
  readonly ports: readonly PortMapping[];
  readonly bandwidth: Bandwidth | undefined;
  readonly labels: Labels;
}

/** The pods of a lab, a file each. Written before the plugin runs, so that a crash leaves a record to clean up by. */
export class PodBook {
  readonly #dir: string;

  constructor(places: Pick<LabPlaces, "podDir">) {
    this.#dir = places.podDir;
  }

  /** In the order of their names. Throws OcicatError LAB_FILE if one is not as it was written. */
  all(): PodRecord[] {
    if (!existsSync(this.#dir)) return [];
    return readdirSync(this.#dir)
      .filter((file) => file.endsWith(".json"))
      .sort()
      .map((file) => read(join(this.#dir, file)));
  }

  find(name: string): PodRecord | undefined {
    return this.all().find((pod) => pod.name === name);
  }

  set(pod: PodRecord): void {
    writeWhole(
      join(this.#dir, `${pod.name}.json`),
      `${JSON.stringify({ ...pod, ports: pod.ports.map(formatPortMapping) }, null, 2)}\n`,
    );
  }

  forget(name: string): void {
    rmSync(join(this.#dir, `${name}.json`), { force: true });
  }
}

function read(file: string): PodRecord {
  try {
    return parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new OcicatError({
      code: "LAB_FILE",
      where: file,
      what: "is not the record of a pod",
      why: toError(cause).message,
      fix: "remove the file; or take the lab down: ocicat lab down",
      cause,
    });
  }
}

function parse(value: unknown): PodRecord {
  const fields = membersOf(value);
  const text = (name: string) => {
    const field = fields.get(name);
    if (typeof field !== "string") throw new TypeError(`${name} is not text`);
    return field;
  };
  const texts = (name: string) => {
    const field: unknown = fields.get(name);
    if (!Array.isArray(field)) throw new TypeError(`${name} is not a list`);
    return field.map(String);
  };
  return {
    name: text("name"),
    namespace: text("namespace"),
    node: text("node"),
    containerId: text("containerId"),
    netns: text("netns"),
    conflist: text("conflist"),
    addresses: texts("addresses"),
    ports: texts("ports").map(parsePortMapping),
    bandwidth: parseBandwidth(fields.get("bandwidth")),
    labels: parseLabelMap(fields.get("labels")),
  };
}

/** None in a record that was written before pods had labels. */
function parseLabelMap(value: unknown): Labels {
  return value === undefined ? {} : checkLabels(Object.fromEntries(membersOf(value)));
}

function parseBandwidth(value: unknown): Bandwidth | undefined {
  if (value === undefined) return undefined;
  const fields = membersOf(value);
  const rate = (name: string) => {
    const field = fields.get(name);
    return isRate(field) ? field : undefined;
  };
  return { ingress: rate("ingress"), egress: rate("egress") };
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null) throw new TypeError("is not an object");
  return new Map(Object.entries(value));
}
