import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CniRuntime, type Exec, loadNetworkList, type NetworkList, type RuntimeAttachment } from "@ocicat/cni/runtime";
import { OcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { CNI_PATH, hostConflist, hostPluginDir } from "../equip.ts";
import { spawnInNode } from "../process/processes.ts";
import type { LabPod } from "../topology/topology.ts";
import type { LabPlaces } from "../world/places.ts";
import { PodBook, type PodRecord } from "./pod-book.ts";
import { makePodNamespace, podNetns, removePodNamespace } from "./pod-namespace.ts";

/** Makes and removes pods as a container runtime does: a namespace, then the plugin chain, executed inside the node. */
export class PodRunner {
  readonly #places: LabPlaces;
  readonly #book: PodBook;

  constructor(places: LabPlaces) {
    this.#places = places;
    this.#book = new PodBook(places);
  }

  list(): PodRecord[] {
    return this.#book.all();
  }

  find(name: string): PodRecord | undefined {
    return this.#book.find(name);
  }

  /** Throws OcicatError LAB_POD_EXISTS, or what the plugins say; then the pod is not there. */
  async run(pod: LabPod): Promise<PodRecord> {
    if (this.#book.find(pod.name) !== undefined) {
      throw new OcicatError({
        code: "LAB_POD_EXISTS",
        what: `there is a pod ${pod.name} already`,
        where: `lab ${this.#places.lab}`,
        fix: `remove it first: ocicat lab rm ${pod.name}`,
      });
    }
    const record: PodRecord = {
      ...pod,
      containerId: randomBytes(32).toString("hex"),
      netns: podNetns(pod.name),
      addresses: [],
    };
    this.#book.set(record);
    try {
      makePodNamespace(this.#places, pod.node, pod.name);
      const added = await this.#runtime(pod.node).addNetworkList(await this.#network(pod.node), attachment(record));
      const complete = { ...record, addresses: added.result.addresses.map((entry) => formatAddress(entry.address)) };
      this.#book.set(complete);
      return complete;
    } catch (error) {
      removePodNamespace(this.#places, pod.node, pod.name);
      this.#book.forget(pod.name);
      throw error;
    }
  }

  /** Throws OcicatError LAB_NO_SUCH_POD, or what the plugins say; then the pod's record stays, to be removed again. */
  async remove(name: string): Promise<void> {
    const pod = this.#mustFind(name);
    await this.#runtime(pod.node).delNetworkList(await this.#network(pod.node), attachment(pod));
    removePodNamespace(this.#places, pod.node, pod.name);
    this.#book.forget(pod.name);
  }

  /** CHECK of our plugin; those of Debian's reference plugins 1.1.1 fail on what is well. Throws what it says. */
  async check(name: string): Promise<void> {
    const pod = this.#mustFind(name);
    await this.#runtime(pod.node).checkPlugin(await this.#network(pod.node), "ocicat", attachment(pod));
  }

  #mustFind(name: string): PodRecord {
    const pod = this.#book.find(name);
    if (pod !== undefined) return pod;
    const names = this.#book.all().map((other) => other.name);
    throw new OcicatError({
      code: "LAB_NO_SUCH_POD",
      what: `there is no pod ${name}`,
      where: `lab ${this.#places.lab}`,
      fix: names.length === 0 ? "run one: ocicat lab run NAME" : `use one of ${names.join(", ")}`,
    });
  }

  #network(node: string): Promise<NetworkList> {
    return loadNetworkList(hostConflist(this.#places, node));
  }

  #runtime(node: string): CniRuntime {
    const cacheDir = join(this.#places.run, "cni", node);
    mkdirSync(cacheDir, { recursive: true });
    return new CniRuntime({
      pluginDirs: [hostPluginDir(this.#places, node), ...CNI_PATH.slice(1)],
      cacheDir,
      exec: execInNode(this.#places, node),
    });
  }
}

function attachment(pod: PodRecord): RuntimeAttachment {
  return {
    containerId: pod.containerId,
    ifname: "eth0",
    netns: pod.netns,
    args: {
      IgnoreUnknown: "1",
      K8S_POD_NAMESPACE: pod.namespace,
      K8S_POD_NAME: pod.name,
      K8S_POD_INFRA_CONTAINER_ID: pod.containerId,
    },
  };
}

/** Runs a plugin inside the node's namespaces, as its runtime would. */
function execInNode(places: LabPlaces, node: string): Exec {
  return (command, { env, stdin }) =>
    new Promise((resolve) => {
      const child = spawnInNode(places, node, [command], { env: { PATH: process.env["PATH"], ...env }, stdio: "pipe" });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
      child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
      child.once("error", (error) => resolve({ code: undefined, stdout: "", stderr: error.message }));
      child.once("close", (code) =>
        resolve({
          code: code ?? undefined,
          stdout: Buffer.concat(out).toString(),
          stderr: Buffer.concat(err).toString(),
        }),
      );
      // A plugin may answer without reading its input.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(stdin);
    });
}
