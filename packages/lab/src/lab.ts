import type { ChildProcess, SpawnOptions } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { Labels } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import type { NamespaceHandle } from "@ocicat/linux";
import { formatAddress } from "@ocicat/net";
import { buildLab } from "./build.ts";
import { anythingThere, clearLab } from "./clear.ts";
import { execInLab, spawnInLab } from "./exec.ts";
import { kubernetesProcesses, mendKubernetes } from "./kubernetes/build.ts";
import { KubernetesLab } from "./kubernetes/kubernetes-lab.ts";
import { addNode, findNode, removeNode } from "./nodes.ts";
import type { LabOptions } from "./options.ts";
import { openNetwork } from "./place.ts";
import type { PodRecord } from "./pods/pod-book.ts";
import { PodRunner } from "./pods/pod-runner.ts";
import { ProcessBook } from "./process/book.ts";
import { killProcesses } from "./process/end.ts";
import { withLock } from "./process/lock.ts";
import { waitForMesh } from "./process/mesh.ts";
import { AGENT_SOCKET, agentName, DATASTORE, startAgent, startDatastore } from "./process/programs.ts";
import { pathInNode } from "./process/ready.ts";
import { readPools } from "./seed.ts";
import { type InventoryRow, inventory, type LabStatus, labStatus } from "./status.ts";
import type { Bandwidth, PortMapping } from "./topology/capabilities.ts";
import { checkPartName } from "./topology/names.ts";
import { type PlainStation, readTopology, topologyText } from "./topology/saved.ts";
import { checkNamespace, parseTopology, type Topology } from "./topology/topology.ts";
import { checkKernel } from "./world/kernel.ts";
import type { LabPlaces } from "./world/places.ts";

/** What a pod may have besides. */
export interface RunPod {
  readonly ports?: readonly PortMapping[];
  readonly bandwidth?: Bandwidth;
  readonly labels?: Labels;
}

/** absent: nothing of it is there. ready. impaired: it was, and a program of it has ended. partial: `up` or `down` did not finish. */
export type LabState = "absent" | "ready" | "impaired" | "partial";

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

  state(): LabState {
    if (!existsSync(this.#places.readyFile)) return anythingThere(this.#places) ? "partial" : "absent";
    return this.#ended().length === 0 ? "ready" : "impaired";
  }

  topology(): Topology {
    return readTopology(this.#places);
  }

  /** What `up` was given, without what was added since. */
  givenTopology(): Topology {
    return parseTopology(readFileSync(this.#places.readyFile, "utf8"), this.#places.readyFile);
  }

  /**
   * Brings a lab up; if the same one is up already, does nothing and says so; if a program of it has ended, starts that
   * again. Throws OcicatError; a lab that was to be made is then not there.
   */
  up(topology: Topology): Promise<"made" | "mended" | "already up"> {
    const pools = readPools(topology);
    return withLock(this.#places, async () => {
      const state = this.state();
      if (state === "ready" || state === "impaired") {
        this.#mustBe(topology);
        if (state === "ready") return "already up";
        await this.#mend();
        return "mended";
      }
      if (state === "partial") {
        this.#options.progress("clearing what a half-made lab left behind");
        await clearLab(this.#places);
      }
      try {
        checkKernel(this.#places, topology, pools);
        await buildLab(this.#options, topology, pools);
      } catch (error) {
        this.#options.progress("that failed: taking away what was made");
        await clearLab(this.#places);
        throw error;
      }
      return "made";
    });
  }

  /** Takes everything away: processes, namespaces, mounts, files. Nothing there is no error. */
  down(): Promise<void> {
    return withLock(this.#places, () => clearLab(this.#places));
  }

  /** Adds a node, on the datastore node's segment and with its gateways unless told otherwise; it joins by itself. */
  addNodeNamed(
    name: string,
    told: Omit<PlainStation, "name" | "segment"> & { readonly segment?: string },
  ): Promise<void> {
    return withLock(this.#places, async () => {
      const topology = this.topology();
      this.#mustBeFree(topology, checkPartName(name));
      const { segment, gateway, gateway6 } = findNode(topology, topology.datastore);
      await addNode(this.#options, topology, {
        name,
        segment,
        ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
        ...(gateway6 === undefined || told.address6 === undefined ? {} : { gateway6: formatAddress(gateway6) }),
        ...told,
      });
    });
  }

  /** Takes a node away as an operator does: pods deleted, agent stopped, its resources removed. */
  removeNode(name: string): Promise<void> {
    return withLock(this.#places, () => removeNode(this.#options, this.topology(), name));
  }

  pods(): PodRunner {
    return new PodRunner(this.#places);
  }

  /** Runs a pod on the node named, or on the one with the fewest. */
  async run(
    name: string,
    namespace: string,
    node: string | undefined,
    { ports = [], bandwidth, labels = {} }: RunPod = {},
  ): Promise<PodRecord> {
    const topology = this.topology();
    this.#mustBeFree(topology, checkPartName(name));
    const chosen = node === undefined ? this.#emptiest(topology) : findNode(topology, node).name;
    const pod = { name, namespace: checkNamespace(namespace), node: chosen, ports, bandwidth, labels };
    return await this.pods().run(pod);
  }

  exec(where: string, command: readonly [string, ...string[]]): Promise<number> {
    return execInLab(this.#places, this.topology(), where, command, this.#environment());
  }

  /** child_process.spawn inside a node, pod, router or host. */
  spawn(where: string, command: readonly [string, ...string[]], options: SpawnOptions): ChildProcess {
    return spawnInLab(this.#places, this.topology(), where, command, options);
  }

  /** The network of a node, pod, router, host or segment. The caller closes it. Throws OcicatError LAB_NO_SUCH_PLACE. */
  network(where: string): NamespaceHandle {
    return openNetwork(this.#places, this.topology(), where);
  }

  /** The socket of a node's agent, as it is reached from outside; undefined if the agent has ended. */
  agentSocket(node: string): string | undefined {
    const agent = agentName(node);
    const runs = new ProcessBook(this.#places).alive(agent) !== undefined;
    return runs ? pathInNode(this.#places, agent, AGENT_SOCKET) : undefined;
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
    if (running !== undefined) await killProcesses([running]);
  }

  async restartAgent(node: string): Promise<void> {
    const topology = this.topology();
    await startAgent(this.#places, this.#options.command, topology, findNode(topology, node));
  }

  async restartDatastore(): Promise<void> {
    await startDatastore(this.#places, this.#options.command, this.topology());
  }

  /** The cluster, if the lab is one. Throws OcicatError LAB_NO_KUBERNETES. */
  kubernetes(): KubernetesLab {
    return new KubernetesLab(this.#places, this.topology());
  }

  /** What a command inside finds: in a cluster, kubectl and whom to ask. */
  #environment(): NodeJS.ProcessEnv {
    if (this.topology().kubernetes === undefined) return process.env;
    const { programs, kubeconfigInside } = this.kubernetes();
    const PATH = `${process.env["PATH"] ?? ""}:${programs}`;
    return { ...process.env, PATH, KUBECONFIG: kubeconfigInside, DATASTORE_TYPE: "kubernetes" };
  }

  /** Programs of the lab that should run and do not. */
  #ended(): string[] {
    const book = new ProcessBook(this.#places);
    return programsOf(this.topology()).filter((name) => book.alive(name) === undefined);
  }

  async #mend(): Promise<void> {
    const topology = this.topology();
    if (topology.kubernetes !== undefined) {
      for (const name of this.#ended()) this.#options.progress(`${name} has ended: starting it again`);
      await mendKubernetes(this.kubernetes());
      return;
    }
    for (const name of this.#ended()) {
      this.#options.progress(`${name} has ended: starting it again`);
      if (name === DATASTORE) await this.restartDatastore();
      else await this.restartAgent(name.slice(agentName("").length));
    }
    await waitForMesh(this.#places, topology);
  }

  /** `up` with another topology must not look as if that were up now. Nodes added and pods run later make no difference. */
  #mustBe(topology: Topology): void {
    if (readFileSync(this.#places.readyFile, "utf8") === topologyText(topology)) return;
    throw new OcicatError({
      code: "LAB_OTHER_TOPOLOGY",
      what: `lab "${this.#places.lab}" is up with another topology`,
      fix: "take it down first (ocicat lab down), or bring this one up beside it under a name of its own (--name)",
    });
  }

  #mustBeFree(topology: Topology, name: string): void {
    const taken = [
      ...topology.segments,
      ...[...topology.routers, ...topology.hosts, ...topology.nodes].map((station) => station.name),
      ...this.pods()
        .list()
        .map((pod) => pod.name),
    ];
    if (!taken.includes(name)) return;
    throw new OcicatError({
      code: "LAB_NAME_TAKEN",
      where: `lab ${this.#places.lab}`,
      what: `there is a "${name}" already`,
      fix: "names are unique in a lab: see ocicat lab list",
    });
  }

  #emptiest(topology: Topology): string {
    const pods = this.pods().list();
    const load = (node: string) => pods.filter((pod) => pod.node === node).length;
    const [first] = topology.nodes.map((node) => node.name).sort((a, b) => load(a) - load(b));
    return first ?? findNode(topology, topology.datastore).name;
  }
}

/** Names of all processes that a lab is to have. */
function programsOf(topology: Topology): string[] {
  if (topology.byHand !== undefined) return [];
  if (topology.kubernetes !== undefined) return kubernetesProcesses(topology);
  return [DATASTORE, ...topology.nodes.map((node) => agentName(node.name))];
}
