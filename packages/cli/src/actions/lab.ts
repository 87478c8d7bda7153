import { resolve } from "node:path";
import {
  type Lab,
  loadTopology,
  openLab,
  openLabHere,
  openMachine,
  parseLabels,
  parsePortMapping,
  runningLabName,
  type Scenario,
  type Topology,
  topologyLabName,
} from "@ocicat/lab";
import type { AddNodeOptions, LabOptions, RunOptions, UpOptions } from "../options/lab.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";

const UP = {
  made: "The lab is up.",
  mended: "The lab was up but for what had ended; that runs again.",
  "already up": "The lab is up already: nothing to do.",
} as const;

export async function up(surroundings: Surroundings, options: UpOptions): Promise<void> {
  const topology = wantedTopology(options);
  const name = options.name ?? topologyLabName(topology);
  if (options.inUml === true) return upInMachine(surroundings, name, topology, options);
  const lab = openLab(name, surroundings.tell);
  const outcome = await lab.up(topology);
  surroundings.print(`${UP[outcome]}\n`);
  if (topology.kubernetes !== undefined) surroundings.print(`export KUBECONFIG=${lab.kubernetes().kubeconfig}\n`);
}

/** The machine, then the same command in there. One that was made for nothing is taken away. */
async function upInMachine(
  { handOver, tell, setExitCode }: Surroundings,
  name: string,
  topology: Topology,
  { filename, scenario }: UpOptions,
): Promise<void> {
  const { outcome, socket } = await openMachine(name, topology, tell);
  const what = [
    ...(filename === undefined ? [] : ["--filename", resolve(filename)]),
    ...(scenario === undefined ? [] : ["--scenario", scenario]),
  ];
  const code = await handOver(socket, ["lab", "up", "--name", name, ...what]);
  setExitCode(code);
  if (code !== 0 && outcome === "made") await openLabHere(name, tell).down();
}

/** `--kubernetes` is a scenario with a name of its own. */
function scenarioOf({ scenario, kubernetes = false }: UpOptions): Scenario | undefined {
  return kubernetes ? "kubernetes" : scenario;
}

/** A lab that is named and there, and of which no file is given, is meant as it is: what has ended of it runs again. */
function wantedTopology(options: UpOptions): Topology {
  const { name, filename, inUml = false } = options;
  const scenario = scenarioOf(options);
  const given = {
    ...(filename === undefined ? {} : { filename }),
    ...(scenario === undefined ? {} : { scenario }),
  };
  if (name === undefined || Object.keys(given).length > 0 || inUml) return loadTopology(given);
  const lab = openLab(name, () => undefined);
  return lab.state() === "impaired" ? lab.givenTopology() : loadTopology({});
}

export async function down({ print, tell }: Surroundings, options: LabOptions): Promise<void> {
  await openLabHere(options.name ?? runningLabName() ?? "ocicat", tell).down();
  print("The lab is down.\n");
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
    labels: parseLabels(options.labels ?? []),
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
