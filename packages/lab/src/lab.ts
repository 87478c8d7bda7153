import type { ChildProcess, SpawnOptions } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { deleteMountNamespace, deleteNetworkNamespace, releasePrivateDirectory } from "@ocicat/linux";
import { formatAddress, parseAddress } from "@ocicat/net";
import { equipNode } from "./equip.ts";
import { execInLab, spawnInLab } from "./exec.ts";
import type { PodRecord } from "./pods/pod-book.ts";
import { podNamespaceInodes } from "./pods/pod-namespace.ts";
import { PodRunner } from "./pods/pod-runner.ts";
import { waitForMesh } from "./process/mesh.ts";
import { endProcesses, ProcessBook, processesInLab } from "./process/processes.ts";
import { agentName, datastoreUrl, startAgent, startDatastore } from "./process/programs.ts";
import { forgetNode, seedDatastore } from "./seed.ts";
import { type InventoryRow, inventory, type LabStatus, labStatus } from "./status.ts";
import { readTopology, saveTopology } from "./topology/saved.ts";
import { checkName, type LabNode, type LabPod, type Topology } from "./topology/topology.ts";
import { makeRouter, makeSegment, makeStation, plugIn, plugsOf } from "./world/links.ts";
import { makeNodeLayers, makeNodeMounts } from "./world/node-files.ts";
import { type LabPlaces, NETNS_DIR } from "./world/places.ts";

export interface LabOptions {
  readonly places: LabPlaces;
  /** How this project's command is started: ["/path/to/node", "/path/to/ocicat.js"]. */
  readonly command: readonly [string, ...string[]];
  /** Called as each step begins, with words for people. */
  readonly progress: (step: string) => void;
}

/**
 * A lab on this machine. Nothing about it is kept in memory: what is, is read from the kernel, from /proc and from the
 * lab's own files, so that any command may be the next one, also after a crash half-way.
 */
export class Lab {
  readonly #options: LabOptions;
  readonly #places: LabPlaces;

  constructor(options: LabOptions) {
    this.#options = options;
    this.#places = options.places;
  }

  /** absent: nothing of it is there; ready: `up` finished; partial: something in between, `down` cleans it. */
  state(): "absent" | "ready" | "partial" {
    if (existsSync(this.#places.readyFile)) {
      const book = new ProcessBook(this.#places);
      return book.all().every((process) => book.alive(process.name) !== undefined) ? "ready" : "partial";
    }
    const anything = existsSync(this.#places.run) || existsSync(this.#places.disk) || this.#namespaces().length > 0;
    return anything ? "partial" : "absent";
  }

  topology(): Topology {
    return readTopology(this.#places);
  }

  /** Brings a lab up; if the same one is up already, does nothing and says so. Throws OcicatError, and then leaves nothing. */
  async up(topology: Topology): Promise<"made" | "already up"> {
    if (this.state() === "ready") return "already up";
    if (this.state() === "partial") {
      this.#options.progress("clearing what a half-made lab left behind");
      await this.down();
    }
    try {
      await this.#make(topology);
    } catch (error) {
      await this.down();
      throw error;
    }
    return "made";
  }

  /** Takes everything away: processes, namespaces, mounts, files. Nothing there is no error. */
  async down(): Promise<void> {
    const places = this.#places;
    // Agents first, without the grace of a farewell: the whole network goes.
    await endProcesses(processesInLab(places, podNamespaceInodes(places)), 0);
    if (existsSync(places.mountDir)) {
      for (const name of readdirSync(places.mountDir)) deleteMountNamespace(join(places.mountDir, name));
      releasePrivateDirectory(places.mountDir);
    }
    for (const name of this.#namespaces()) deleteNetworkNamespace(join(NETNS_DIR, name));
    for (const dir of [places.run, places.disk]) {
      rmSync(dir, { recursive: true, force: true });
      removeIfEmpty(dirname(dir));
    }
  }

  /** Adds a node to a running lab; it joins by itself. */
  async addNode(node: LabNode): Promise<void> {
    const topology = this.topology();
    const changed = { ...topology, nodes: [...topology.nodes, node] };
    if (topology.nodes.some((other) => other.name === node.name)) {
      throw new OcicatError({
        code: "LAB_NODE_EXISTS",
        what: `there is a node ${node.name} already`,
        where: `lab ${topology.name}`,
      });
    }
    this.#makeStations({ ...topology, segments: [], routers: [], hosts: [], nodes: [node] });
    saveTopology(this.#places, changed);
    await equipNode(this.#places, node.name, datastoreUrl(topology));
    makeNodeMounts(this.#places, node.name);
    await startAgent(this.#places, this.#options.command, changed, node);
    await waitForMesh(this.#places, changed);
  }

  /** Takes a node away as an operator does: pods deleted, agent stopped, its resources removed. */
  async removeNode(name: string): Promise<void> {
    const topology = this.topology();
    if (name === topology.datastore) {
      throw new OcicatError({
        code: "LAB_NODE_NEEDED",
        what: `${name} serves the datastore`,
        fix: "take the whole lab down instead",
      });
    }
    if (!topology.nodes.some((node) => node.name === name)) throw noSuchNode(topology, name);
    const pods = this.pods();
    for (const pod of pods.list()) if (pod.node === name) await pods.remove(pod.name);
    const book = new ProcessBook(this.#places);
    const agent = book.find(agentName(name));
    if (agent !== undefined) await endProcesses([agent], 5_000);
    book.forget(agentName(name));
    await forgetNode(this.#places, name);
    deleteMountNamespace(this.#places.mountns(name));
    deleteNetworkNamespace(this.#places.netns(name));
    rmSync(this.#places.nodeDisk(name), { recursive: true, force: true });
    saveTopology(this.#places, { ...topology, nodes: topology.nodes.filter((node) => node.name !== name) });
  }

  pods(): PodRunner {
    return new PodRunner(this.#places);
  }

  /** Runs a pod on the node named, or on the one with the fewest. */
  async run(name: string, namespace: string, node: string | undefined): Promise<PodRecord> {
    const topology = this.topology();
    const pods = this.pods();
    if (node !== undefined && !topology.nodes.some((other) => other.name === node)) throw noSuchNode(topology, node);
    const load = (candidate: string) => pods.list().filter((pod) => pod.node === candidate).length;
    const emptiest = topology.nodes.map((other) => other.name).sort((a, b) => load(a) - load(b))[0];
    return await pods.run({ name: checkName(name), namespace, node: node ?? emptiest ?? topology.datastore });
  }

  /** Adds a node on the datastore node's segment and with its gateway, unless told otherwise. */
  async addNodeNamed(
    name: string,
    options: { readonly address: string; readonly segment?: string; readonly gateway?: string },
  ): Promise<void> {
    const topology = this.topology();
    const model = topology.nodes.find((node) => node.name === topology.datastore);
    const [address = "", length = ""] = options.address.split("/");
    const gateway = options.gateway === undefined ? model?.gateway : parseAddress(options.gateway);
    await this.addNode({
      name: checkName(name),
      segment: options.segment ?? model?.segment ?? topology.segments[0] ?? "",
      interface: { address: parseAddress(address), prefixLength: Number(length) },
      gateway,
    });
  }

  exec(where: string, command: readonly [string, ...string[]]): Promise<number> {
    return execInLab(this.#places, this.topology(), where, command);
  }

  /** child_process.spawn inside a node, pod, router or host. */
  spawn(where: string, command: readonly [string, ...string[]], options: SpawnOptions): ChildProcess {
    return spawnInLab(this.#places, this.topology(), where, command, options);
  }

  status(): Promise<LabStatus> {
    return labStatus(this.#places, this.topology());
  }

  inventory(): readonly InventoryRow[] {
    return inventory(this.#places, this.topology());
  }

  /** Ends an agent or the datastore at once, as a crash does: for tests and for trying it out. */
  async kill(process: string): Promise<void> {
    const running = new ProcessBook(this.#places).alive(process);
    if (running !== undefined) await endProcesses([running], 0);
  }

  async restartAgent(node: string): Promise<void> {
    const topology = this.topology();
    const found = topology.nodes.find((other) => other.name === node);
    if (found === undefined) throw noSuchNode(topology, node);
    await startAgent(this.#places, this.#options.command, topology, found);
  }

  async restartDatastore(): Promise<void> {
    await startDatastore(this.#places, this.#options.command, this.topology());
  }

  async #make(topology: Topology): Promise<void> {
    const { progress, command } = this.#options;
    mkdirSync(this.#places.run, { recursive: true, mode: 0o755 });
    mkdirSync(this.#places.disk, { recursive: true, mode: 0o755 });
    mkdirSync(NETNS_DIR, { recursive: true, mode: 0o755 });
    saveTopology(this.#places, topology);

    progress(
      `laying ${topology.segments.length} segments, ${topology.routers.length} routers, ${topology.hosts.length} hosts`,
    );
    this.#makeStations(topology);
    for (const node of topology.nodes) {
      progress(`node ${node.name}: ${formatAddress(node.interface.address)}, its own network and mount namespace`);
      await equipNode(this.#places, node.name, datastoreUrl(topology));
      makeNodeMounts(this.#places, node.name);
    }

    progress(`datastore on ${topology.datastore}`);
    const endpoint = await startDatastore(this.#places, command, topology);
    await seedDatastore(endpoint, topology);

    progress(`agents on ${topology.nodes.map((node) => node.name).join(", ")}`);
    await Promise.all(topology.nodes.map((node) => startAgent(this.#places, command, topology, node)));
    progress("waiting for the BGP mesh");
    await waitForMesh(this.#places, topology);

    for (const pod of topology.pods) await this.#runPod(pod);
    writeFileSync(this.#places.readyFile, "");
  }

  #makeStations(topology: Topology): void {
    for (const segment of topology.segments) makeSegment(this.#places, segment);
    for (const router of topology.routers) {
      makeStation(this.#places, router.name);
      makeRouter(this.#places, router.name);
    }
    for (const host of topology.hosts) makeStation(this.#places, host.name);
    for (const node of topology.nodes) {
      makeStation(this.#places, node.name);
      makeNodeLayers(this.#places, node.name);
    }
    for (const plug of plugsOf(topology)) plugIn(this.#places, plug);
  }

  async #runPod(pod: LabPod): Promise<void> {
    this.#options.progress(`pod ${pod.name} on ${pod.node}`);
    await this.pods().run(pod);
  }

  #namespaces(): string[] {
    if (!existsSync(NETNS_DIR)) return [];
    return readdirSync(NETNS_DIR).filter((name) => name.startsWith(this.#places.netnsPrefix));
  }
}

export function noSuchNode(topology: Topology, name: string): OcicatError {
  return new OcicatError({
    code: "LAB_NO_SUCH_NODE",
    what: `there is no node ${name}`,
    where: `lab ${topology.name}`,
    fix: `use one of ${topology.nodes.map((node) => node.name).join(", ")}`,
  });
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOTEMPTY" && code !== "ENOENT") throw error;
  }
}
