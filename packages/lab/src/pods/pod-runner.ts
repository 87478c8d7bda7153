import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CniRuntime, loadNetworkList, type NetworkList, type RuntimeAttachment } from "@ocicat/cni/runtime";
import { isOcicatError, OcicatError, toError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { CNI_PATH, hostConflists, hostNetworkDir, hostPluginDir } from "../equip.ts";
import { inNamespaces, killAll } from "../process/end.ts";
import { capabilityArgs } from "../topology/capabilities.ts";
import type { LabPod } from "../topology/topology.ts";
import type { LabPlaces } from "../world/places.ts";
import { execInNode } from "./exec-in-node.ts";
import { PodBook, type PodRecord } from "./pod-book.ts";
import { makePodNamespace, podNamespaceIdentity, podNetns, removePodNamespace } from "./pod-namespace.ts";

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

  /**
   * Throws OcicatError LAB_POD_EXISTS, or what the plugins say; then the pod is not there, unless the plugins could not be
   * undone either (LAB_POD_STUCK): then its record stays, to be removed when they can.
   */
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
      conflist: firstConflist(this.#places, pod.node),
      addresses: [],
    };
    this.#book.set(record);
    try {
      makePodNamespace(this.#places, pod.node, pod.name);
      const added = await this.#runtime(pod.node).addNetworkList(await this.#network(record), attachment(record));
      const complete = { ...record, addresses: added.result.addresses.map((entry) => formatAddress(entry.address)) };
      this.#book.set(complete);
      return complete;
    } catch (error) {
      // The runtime says in `cause` that its DELs failed too: somebody must run them again, or the address is lost.
      if (toError(error).cause instanceof AggregateError) throw stuck(record, error);
      this.#forget(record);
      throw error;
    }
  }

  /** Ends what runs in it, runs the plugins' DEL. Throws LAB_NO_SUCH_POD, or what the plugins say; then it may be repeated. */
  async remove(name: string): Promise<void> {
    const pod = this.#mustFind(name);
    await killAll(inNamespaces(podNamespaceIdentity(this.#places, pod.node, pod.name)));
    await this.#runtime(pod.node).delNetworkList(await this.#network(pod), attachment(pod));
    this.#forget(pod);
  }

  /** CHECK of our plugin; those of Debian's reference plugins 1.1.1 fail on what is well. Throws what it says. */
  async check(name: string): Promise<void> {
    const pod = this.#mustFind(name);
    const network = await this.#network(pod);
    await this.#runtime(pod.node).checkPlugin(network, network.plugins[0]?.type ?? "", attachment(pod));
  }

  #forget(pod: PodRecord): void {
    removePodNamespace(this.#places, pod.node, pod.name);
    this.#book.forget(pod.name);
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

  #network(pod: PodRecord): Promise<NetworkList> {
    return loadNetworkList(join(hostNetworkDir(this.#places, pod.node), pod.conflist));
  }

  #runtime(node: string): CniRuntime {
    return new CniRuntime({
      pluginDirs: [hostPluginDir(this.#places, node), ...CNI_PATH.slice(1)],
      cacheDir: join(this.#places.run, "cni", node),
      exec: execInNode(this.#places, node),
    });
  }
}

/** Runtimes take the first in order of file name. */
function firstConflist(places: LabPlaces, node: string): string {
  const [first] = hostConflists(places, node);
  if (first !== undefined) return first;
  throw new OcicatError({
    code: "LAB_NO_NETWORK",
    where: `${node}: /etc/cni/net.d`,
    what: "there is no network configuration",
    fix: "put one there: ocicat lab exec NODE -- sh -c 'cat > /etc/cni/net.d/10-ocicat.conflist'",
  });
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
    capabilityArgs: capabilityArgs(pod.ports, pod.bandwidth),
    ...(Object.keys(pod.labels).length === 0 ? {} : { labels: pod.labels }),
  };
}

function stuck(pod: PodRecord, cause: unknown): OcicatError {
  return new OcicatError({
    code: "LAB_POD_STUCK",
    where: `pod ${pod.name}`,
    what: "the plugins failed, and so did undoing them",
    why: toError(cause).message,
    fix: `mend that, then ocicat lab rm ${pod.name}`,
    retryable: isOcicatError(cause) && cause.retryable,
    cause,
  });
}
