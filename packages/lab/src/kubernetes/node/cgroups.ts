import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mounts } from "@ocicat/linux";
import { pause } from "../../process/end.ts";
import type { LabPlaces } from "../../world/places.ts";

/** What killed processes may take to leave their groups. */
const LEFT_MS = 10_000;
/** A group of this hierarchy has neither until somebody says which: nothing could run in it. */
const CPUSET_FILES = ["cpuset.cpus", "cpuset.mems"] as const;

/** The group that a node's kubelet has for its own root, so that two kubelets leave each other's pods alone. */
export function cgroupOf(places: LabPlaces, node: string): string {
  return `/${prefix(places)}${node}`;
}

/** Makes it, in each of the machine's hierarchies: version 1 has one for each resource. */
export function makeCgroups(places: LabPlaces, node: string): void {
  for (const hierarchy of hierarchies()) {
    const group = join(hierarchy, cgroupOf(places, node));
    mkdirSync(group, { recursive: true });
    for (const file of CPUSET_FILES) {
      const own = join(group, file);
      if (existsSync(own) && readFileSync(own, "utf8").trim() === "")
        writeFileSync(own, readFileSync(join(hierarchy, file)));
    }
  }
}

/** Takes away a node's groups, or those of all nodes of the lab. Its processes have been killed. */
export async function removeCgroups(places: LabPlaces, node?: string): Promise<void> {
  const deadline = performance.now() + LEFT_MS;
  const mine = (name: string) =>
    node === undefined ? name.startsWith(prefix(places)) : `/${name}` === cgroupOf(places, node);
  for (const hierarchy of hierarchies()) {
    for (const name of readdirSync(hierarchy).filter(mine)) {
      while (!removeTree(join(hierarchy, name)) && performance.now() < deadline) await pause(20);
    }
  }
}

function prefix(places: LabPlaces): string {
  return `ocicat-lab.${places.lab}.`;
}

function hierarchies(): string[] {
  return mounts()
    .filter((entry) => entry.type === "cgroup" || entry.type === "cgroup2")
    .map((entry) => entry.target);
}

/** Depth first: a group with others in it stays. False if something is still in use. */
function removeTree(group: string): boolean {
  let gone = true;
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) gone = removeTree(join(group, entry.name)) && gone;
  }
  try {
    rmdirSync(group);
    return gone;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
  }
}
