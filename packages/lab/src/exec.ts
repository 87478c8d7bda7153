import type { ChildProcess, SpawnOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { openNamespace, spawnIn } from "@ocicat/linux";
import { openNetwork } from "./place.ts";
import { PodBook } from "./pods/pod-book.ts";
import { markOf } from "./process/mark.ts";
import { spawnInNode } from "./process/start.ts";
import type { Topology } from "./topology/topology.ts";
import { inMountNamespace } from "./world/namespaces.ts";
import type { LabPlaces } from "./world/places.ts";

/** Starts a command inside a node, a pod, a router or a host. Throws OcicatError LAB_NO_SUCH_PLACE. */
export function spawnInLab(
  places: LabPlaces,
  topology: Topology,
  where: string,
  command: readonly [string, ...string[]],
  given: SpawnOptions,
): ChildProcess {
  const options = { ...given, env: { ...(given.env ?? process.env), ...markOf(places) } };
  if (topology.nodes.some((node) => node.name === where)) return spawnInNode(places, where, command, options);
  using net = openNetwork(places, topology, where);
  const node = new PodBook(places).find(where)?.node;
  using mount = node === undefined ? undefined : openNamespace(places.mountns(node));
  return spawnIn({ net, mount }, command[0], command.slice(1), options);
}

/**
 * Runs it with this command's own terminal, in the same directory where that is there; resolves to its exit code,
 * 128 + signal as a shell has it, 127 if it is not there.
 */
export function execInLab(
  places: LabPlaces,
  topology: Topology,
  where: string,
  command: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const cwd = directoryIn(places, topology, where, process.cwd());
  const child = spawnInLab(places, topology, where, command, { stdio: "inherit", cwd, env });
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      process.stderr.write(
        `ocicat: ${command[0]}: ${error.code === "ENOENT" ? "there is no such program" : error.message}\n`,
      );
      resolve(error.code === "ENOENT" ? 127 : 126);
    });
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/** Nodes have another /run than the machine: what is not there cannot be gone to. */
function directoryIn(places: LabPlaces, topology: Topology, where: string, directory: string): string {
  const node = new PodBook(places).find(where)?.node ?? where;
  if (!topology.nodes.some((candidate) => candidate.name === node)) return directory;
  return inMountNamespace(places, node, () => existsSync(directory)) ? directory : "/";
}
