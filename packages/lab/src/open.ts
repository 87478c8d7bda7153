import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OcicatError, toError } from "@ocicat/kit";
import { Lab } from "./lab.ts";
import { ProcessBook } from "./process/book.ts";
import { AGENT_SOCKET, agentName, DATASTORE, DATASTORE_SOCKET } from "./process/programs.ts";
import { isLabName } from "./topology/names.ts";
import { readTopology } from "./topology/saved.ts";
import { parseTopology, type Topology } from "./topology/topology.ts";
import { DEFAULT_ROOT, LabPlaces } from "./world/places.ts";

const FIRST_LIGHT = fileURLToPath(new URL("../topologies/first-light.yaml", import.meta.url));
const COMMAND = fileURLToPath(new URL("../../cli/bin/ocicat.js", import.meta.url));

/** A lab by name, wherever it is in its life. `progress` is told each step. */
export function openLab(name: string, progress: (step: string) => void): Lab {
  return new Lab({ places: new LabPlaces(name), command: [process.execPath, COMMAND], progress });
}

/** From a file, or the first-light network. Throws TopologyError, or OcicatError LAB_TOPOLOGY if the file cannot be read. */
export function loadTopology(file: string | undefined): Topology {
  const path = file ?? FIRST_LIGHT;
  try {
    return parseTopology(readFileSync(path, "utf8"), file ?? "first-light.yaml");
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

/** The lab on this machine: the first whose datastore runs. */
export function runningLabName(): string | undefined {
  if (!existsSync(DEFAULT_ROOT.run)) return undefined;
  const names = readdirSync(DEFAULT_ROOT.run).filter(isLabName).sort();
  return names.find((name) => new ProcessBook(new LabPlaces(name)).alive(DATASTORE) !== undefined) ?? names[0];
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
