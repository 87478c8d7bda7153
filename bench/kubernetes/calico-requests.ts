/**
 * What Calico's plugin asks of an API server for one pod, request by request, as its source has it (v3.30: cni-plugin/pkg and
 * libcalico-go/lib), sent to a real one: a peer that is counted and weighed in the same run as ours.
 *
 * It is the least that it can be: the node has a block with room, there is one pool, nothing conflicts, IPv4 only. Not counted
 * are its two processes' connections, each with a handshake of its own.
 */
import { parseJson } from "@ocicat/kit";
import type { ApiClient, ApiObject, ApiResource } from "@ocicat/kubernetes";

/** What a replayed pod is about; the block is one that the node has. */
export interface ReplayedPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  /** As its object is named: 10-244-0-64-26. */
  readonly block: string;
}

/** Where it stands in Calico's source, and the request. */
type Step = readonly [where: string, request: (replay: Replay) => Promise<unknown>];

const ADD: readonly Step[] = [
  // The plugin "calico".
  ["pkg/plugin/plugin.go cmdAdd", (replay) => replay.get("clusterinformations", "default")],
  ["pkg/plugin/plugin.go cmdAdd, a list that is a get", (replay) => replay.getPod()],
  ["pkg/k8s/k8s.go CmdAddK8s, getK8sNSInfo", (replay) => replay.getNamespace()],
  ["pkg/k8s/k8s.go CmdAddK8s, getK8sPodInfo", (replay) => replay.getPod()],
  // The plugin "calico-ipam", executed by it.
  ["lib/ipam/ipam.go autoAssign, getReservedIPs", (replay) => replay.list("ipreservations")],
  ["lib/ipam/ipam.go prepareAffinityBlocksForHost", (replay) => replay.getNode()],
  ["lib/ipam/ipam.go determinePools, GetEnabledPools", (replay) => replay.list("ippools")],
  ["lib/ipam/ipam_block_reader_writer.go getAffineBlocks", (replay) => replay.list("blockaffinities")],
  ["lib/ipam/ipam.go autoAssign, GetIPAMConfig", (replay) => replay.get("ipamconfigs", "default")],
  ["lib/ipam/ipam.go findOrClaimBlock, queryAffinity", (replay) => replay.get("blockaffinities", replay.affinity)],
  ["lib/ipam/ipam.go getBlockFromAffinity, queryBlock", (replay) => replay.get("ipamblocks", replay.pod.block)],
  ["lib/ipam/ipam.go incrementHandle, queryHandle", (replay) => replay.get("ipamhandles", replay.handle)],
  ["lib/ipam/ipam.go incrementHandle", (replay) => replay.createHandle()],
  ["lib/ipam/ipam.go assignFromExistingBlock, updateBlock", (replay) => replay.replace("ipamblocks", replay.pod.block)],
  // And the first again.
  ["lib/backend/k8s/resources/workloadendpoint.go patchInAnnotations", (replay) => replay.patchPod("10.0.0.1/32")],
];

const DEL: readonly Step[] = [
  ["pkg/plugin/plugin.go cmdDel", (replay) => replay.get("clusterinformations", "default")],
  ["pkg/k8s/k8s.go CmdDelK8s", (replay) => replay.getPod()],
  ["lib/backend/k8s/resources/workloadendpoint.go patchOutAnnotations", (replay) => replay.patchPod("")],
  ["lib/ipam/ipam.go ReleaseByHandle, queryHandle", (replay) => replay.get("ipamhandles", replay.handle)],
  ["lib/ipam/ipam.go releaseByHandle, queryBlock", (replay) => replay.get("ipamblocks", replay.pod.block)],
  ["lib/ipam/ipam.go releaseByHandle, updateBlock", (replay) => replay.replace("ipamblocks", replay.pod.block)],
  ["lib/ipam/ipam.go decrementHandle, queryHandle", (replay) => replay.get("ipamhandles", replay.handle)],
  ["lib/backend/k8s/resources/ipam_handle.go DeleteKVP, marked", (replay) => replay.markHandle()],
  ["lib/backend/k8s/resources/customresource.go Delete, Get", (replay) => replay.get("ipamhandles", replay.handle)],
  ["lib/backend/k8s/resources/customresource.go Delete", (replay) => replay.deleteHandle()],
  ["lib/ipam/ipam.go ensureConsistentAffinity", (replay) => replay.getNode()],
  ["lib/ipam/ipam.go ensureConsistentAffinity, getPoolForIP", (replay) => replay.list("ippools")],
  [
    "pkg/ipamplugin/ipam_plugin.go cmdDel, by the handle of v2",
    (replay) => replay.get("ipamhandles", `${replay.pod.namespace}.${replay.pod.name}`),
  ],
];

/** ADD and DEL together. */
export const CALICO_REQUESTS_PER_POD = ADD.length + DEL.length;

const core = (plural: string, namespaced: boolean): ApiResource => ({ group: "", version: "v1", plural, namespaced });
const PODS = core("pods", true);
const calico = (plural: string): ApiResource => ({
  group: "crd.projectcalico.org",
  version: "v1",
  plural,
  namespaced: false,
});

/** Objects that every cluster of Calico's has, where they are missing. */
export async function prepareReplay(api: ApiClient): Promise<void> {
  const apiVersion = "crd.projectcalico.org/v1";
  for (const [plural, kind, spec] of [
    ["ipamconfigs", "IPAMConfig", { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 0 }],
    ["clusterinformations", "ClusterInformation", { datastoreReady: true }],
  ] as const) {
    if ((await api.get(calico(plural), { namespace: undefined, name: "default" })) !== undefined) continue;
    await api.create(calico(plural), undefined, { apiVersion, kind, metadata: { name: "default" }, spec });
  }
}

/** A pod's ADD and DEL, of a pod that is there. */
export async function replayPod(api: ApiClient, pod: ReplayedPod): Promise<void> {
  const replay = new Replay(api, pod);
  for (const [, request] of [...ADD, ...DEL]) await request(replay);
}

class Replay {
  readonly pod: ReplayedPod;
  readonly handle: string;
  readonly affinity: string;
  readonly #api: ApiClient;
  /** As last read or written. */
  readonly #seen = new Map<string, ApiObject>();

  constructor(api: ApiClient, pod: ReplayedPod) {
    this.#api = api;
    this.pod = pod;
    this.handle = `k8s-pod-network.replayed-${pod.name}`;
    this.affinity = `${pod.node}-${pod.block}`;
  }

  async get(plural: string, name: string): Promise<void> {
    const found = await this.#api.get(calico(plural), { namespace: undefined, name }, parseJson);
    if (found !== undefined) this.#seen.set(`${plural}/${name}`, found);
  }

  list(plural: string): Promise<unknown> {
    return this.#api.list(calico(plural), {});
  }

  getPod(): Promise<unknown> {
    return this.#api.get(PODS, this.pod);
  }

  getNamespace(): Promise<unknown> {
    return this.#api.get(core("namespaces", false), { namespace: undefined, name: this.pod.namespace });
  }

  getNode(): Promise<unknown> {
    return this.#api.get(core("nodes", false), { namespace: undefined, name: this.pod.node });
  }

  /** With what was read: an address more or less makes no difference to its size. */
  async replace(plural: string, name: string): Promise<void> {
    await this.#api.replace(calico(plural), { namespace: undefined, name }, this.#object(plural, name), parseJson);
  }

  async createHandle(): Promise<void> {
    const { handle, pod } = this;
    const block = { [pod.block.replace(/^(\d+)-(\d+)-(\d+)-(\d+)-(\d+)$/, "$1.$2.$3.$4/$5")]: 1 };
    await this.#api.create(calico("ipamhandles"), undefined, {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "IPAMHandle",
      metadata: { name: handle },
      spec: { handleID: handle, block, deleted: false },
    });
  }

  async markHandle(): Promise<void> {
    const { spec, ...handle } = this.#object("ipamhandles", this.handle);
    const marked = { ...handle, spec: { ...(spec as object), deleted: true } };
    await this.#api.replace(calico("ipamhandles"), { namespace: undefined, name: this.handle }, marked);
  }

  deleteHandle(): Promise<void> {
    const { uid } = this.#object("ipamhandles", this.handle).metadata;
    return this.#api.delete(calico("ipamhandles"), { namespace: undefined, name: this.handle }, { uid });
  }

  patchPod(address: string): Promise<unknown> {
    const annotations = { "cni.projectcalico.org/podIP": address, "cni.projectcalico.org/podIPs": address };
    const containerID = address === "" ? {} : { "cni.projectcalico.org/containerID": this.handle };
    const metadata = { annotations: { ...annotations, ...containerID } };
    return this.#api.patch(PODS, this.pod, { metadata }, { subresource: "status" });
  }

  #object(plural: string, name: string): ApiObject {
    const object = this.#seen.get(`${plural}/${name}`);
    if (object === undefined) throw new Error(`${plural}/${name} is not there`);
    return object;
  }
}
