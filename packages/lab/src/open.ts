import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { OcicatError, toError } from "@ocicat/kit";
import { Lab } from "./lab.ts";
import { ProcessBook } from "./process/book.ts";
import { AGENT_SOCKET, agentName, DATASTORE, DATASTORE_SOCKET } from "./process/programs.ts";
import { readPools } from "./seed.ts";
import { isLabName } from "./topology/names.ts";
import { readTopology } from "./topology/saved.ts";
import { parseTopology, type Topology } from "./topology/topology.ts";
import { refuseIfInMachine, startMachine } from "./uml/machine.ts";
import { DEFAULT_ROOT, LabPlaces } from "./world/places.ts";

const COMMAND = fileURLToPath(new URL("../../cli/bin/ocicat.js", import.meta.url));

/**
 * A lab by name, wherever it is in its life. `progress` is told each step. Throws OcicatError LAB_IN_MACHINE if it is in a
 * machine of its own, LAB_NAME.
 */
export function openLab(name: string, progress: (step: string) => void): Lab {
  refuseIfInMachine(new LabPlaces(name));
  return openLabHere(name, progress);
}

/** The same, for what of it is on this kernel, also if the lab itself is in a machine of its own: to take it down. */
export function openLabHere(name: string, progress: (step: string) => void): Lab {
  return new Lab({ places: new LabPlaces(name), command: [process.execPath, COMMAND], progress });
}

/**
 * Boots the machine that a lab is to be in, unless it is there; resolves to its gateway's socket. Throws OcicatError, and
 * ValidationError for a topology with pools that are none: nothing is booted then.
 */
export async function openMachine(name: string, topology: Topology, progress: (step: string) => void) {
  readPools(topology);
  const places = new LabPlaces(name);
  const outcome = await startMachine(places, progress);
  return { outcome, socket: places.machineSocket };
}

/** Networks that come with the lab, by name: one for each walk-through. */
export type Scenario = "bgp" | "crosssubnet" | "ipip" | "kubernetes" | "same-node" | "tunnel-by-hand" | "vxlan";

/**
 * From a file, or one of the scenarios, or the first-light network. Throws TopologyError, or OcicatError LAB_TOPOLOGY if the
 * file cannot be read.
 */
export function loadTopology({
  filename,
  scenario,
}: {
  readonly filename?: string;
  readonly scenario?: Scenario;
}): Topology {
  const path = filename ?? fileURLToPath(new URL(`../topologies/${scenario ?? "first-light"}.yaml`, import.meta.url));
  try {
    return parseTopology(readFileSync(path, "utf8"), filename ?? basename(path));
  } catch (cause) {
    if (cause instanceof OcicatError) throw cause;
    throw new OcicatError({
      code: "LAB_TOPOLOGY",
      where: path,
      what: "cannot be read",
      why: toError(cause).message,
      cause,
    });
  }
}

export function topologyLabName(topology: Topology): string {
  return topology.name;
}

function runs(name: string): boolean {
  const places = new LabPlaces(name);
  return existsSync(places.machineSocket) || new ProcessBook(places).alive(DATASTORE) !== undefined;
}

/** The lab that OCICAT_LAB names; else the first on this machine whose datastore runs, or that is in a machine of its own. */
export function runningLabName(): string | undefined {
  const named = process.env["OCICAT_LAB"];
  if (named !== undefined && isLabName(named)) return named;
  if (!existsSync(DEFAULT_ROOT.run)) return undefined;
  const names = readdirSync(DEFAULT_ROOT.run).filter(isLabName).sort();
  return names.find(runs) ?? names[0];
}

/** Its datastore, as an endpoint that works outside its namespaces. */
export function runningLabEndpoint(): string | undefined {
  const name = runningLabName();
  if (name === undefined) return undefined;
  const datastore = new ProcessBook(new LabPlaces(name)).alive(DATASTORE);
  return datastore === undefined ? undefined : `unix://${rootOf(datastore.pid, DATASTORE_SOCKET)}`;
}

/** Its agents' sockets, by node, in the topology's order. */
export function runningLabAgents(): { readonly name: string; readonly socket: string }[] {
  const name = runningLabName();
  if (name === undefined) return [];
  const places = new LabPlaces(name);
  const book = new ProcessBook(places);
  return readTopology(places).nodes.flatMap((node) => {
    const agent = book.alive(agentName(node.name));
    return agent === undefined ? [] : [{ name: node.name, socket: rootOf(agent.pid, AGENT_SOCKET) }];
  });
}

function rootOf(pid: number, path: string): string {
  return join(`/proc/${pid}/root`, path);
}
