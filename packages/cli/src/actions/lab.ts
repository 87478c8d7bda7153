import {
  type Lab,
  loadTopology,
  openLab,
  parsePortMapping,
  runningLabName,
  type Topology,
  topologyLabName,
} from "@ocicat/lab";
import type { AddNodeOptions, LabOptions, RunOptions, UpOptions } from "../commands/lab.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";

const UP = {
  made: "The lab is up.",
  mended: "The lab was up but for what had ended; that runs again.",
  "already up": "The lab is up already: nothing to do.",
} as const;

export async function up({ print, tell }: Surroundings, options: UpOptions): Promise<void> {
  const topology = wantedTopology(options);
  const outcome = await openLab(options.name ?? topologyLabName(topology), tell).up(topology);
  print(`${UP[outcome]}\n`);
}

/** A lab that is named and there, and of which no file is given, is meant as it is: what has ended of it runs again. */
function wantedTopology({ name, filename }: UpOptions): Topology {
  if (name === undefined || filename !== undefined) return loadTopology(filename);
  const lab = openLab(name, () => undefined);
  return lab.state() === "impaired" ? lab.givenTopology() : loadTopology(filename);
}

export async function down(surroundings: Surroundings, options: LabOptions): Promise<void> {
  await theLab(surroundings, options).down();
  surroundings.print("The lab is down.\n");
}

export async function status(surroundings: Surroundings, options: LabOptions): Promise<void> {
  const { parts, well } = await theLab(surroundings, options).status();
  const rows = parts.map(({ name, state, detail }) => [name, state, detail]);
  surroundings.print(plainTable({ headings: ["PART", "STATE", "DETAIL"], rows }));
  if (!well) surroundings.setExitCode(1);
}

export function list(surroundings: Surroundings, options: LabOptions): void {
  const entries = theLab(surroundings, options).inventory();
  const rows = entries.map(({ name, what, where, address }) => [name, what, where, address]);
  surroundings.print(plainTable({ headings: ["NAME", "WHAT", "WHERE", "ADDRESS"], rows }));
}

export async function runPod(surroundings: Surroundings, pod: string, options: RunOptions): Promise<void> {
  const made = await theLab(surroundings, options).run(pod, options.namespace, options.node, {
    ports: options.port?.map(parsePortMapping) ?? [],
  });
  surroundings.print(`Pod ${made.name} runs on ${made.node}: ${made.addresses.join(", ")}\n`);
}

export async function removePod(surroundings: Surroundings, pod: string, options: LabOptions): Promise<void> {
  await theLab(surroundings, options).pods().remove(pod);
  surroundings.print(`Pod ${pod} is removed.\n`);
}

/** The exit code is the command's. */
export async function exec(
  surroundings: Surroundings,
  where: string,
  line: readonly [string, ...string[]],
  options: LabOptions,
): Promise<void> {
  surroundings.setExitCode(await theLab(surroundings, options).exec(where, line));
}

export async function addNode(surroundings: Surroundings, node: string, options: AddNodeOptions): Promise<void> {
  const { address, segment, gateway, address6, gateway6 } = options;
  await theLab(surroundings, options).addNodeNamed(node, {
    address,
    ...(segment === undefined ? {} : { segment }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(address6 === undefined ? {} : { address6 }),
    ...(gateway6 === undefined ? {} : { gateway6 }),
  });
  surroundings.print(`Node ${node} has joined.\n`);
}

export async function removeNode(surroundings: Surroundings, node: string, options: LabOptions): Promise<void> {
  await theLab(surroundings, options).removeNode(node);
  surroundings.print(`Node ${node} is gone.\n`);
}

/** The one named, else the one that runs. */
function theLab({ tell }: Surroundings, options: LabOptions): Lab {
  return openLab(options.name ?? runningLabName() ?? "ocicat", tell);
}
