/**
 * Pods at a rate, on faked nodes: a real API server, and for each node what an agent has between the plugin and it: tables that
 * watch, IPAM, and the writes to the pod. What is not there is the kernel's part, which `cni` and `kubernetes` measure.
 *
 * Each pod is made by the API, added, there for a while, taken down and deleted. In the end nothing may be held.
 */
import { createHash } from "node:crypto";
import { DatastoreLock, makeTables, watchCluster, watchTables } from "@ocicat/agent/tables";
import { blocksPrefix, HANDLES_PREFIX, ippool, resourceKey, workloadEndpointName } from "@ocicat/api";
import { type AddRequest, parseAddOptions, parseNetwork } from "@ocicat/cni";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createIpam } from "@ocicat/ipam";
import { Scope, silentLogger } from "@ocicat/kit";
import { type Answered, type ApiResource, KubernetesDatastore, readKubeconfig, type Target } from "@ocicat/kubernetes";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { parseMac } from "@ocicat/net";
import { Endpoints } from "../packages/agent/src/cni/endpoints.ts";
import { PodRecorder } from "../packages/agent/src/cni/pod-recorder.ts";
import { ipamSettings } from "../packages/agent/src/node/ipam.ts";
import { endpointSink } from "../packages/agent/src/tables/tables.ts";
import { startCluster } from "../packages/agent/test/support/kubernetes.ts";
import { CALICO_REQUESTS_PER_POD } from "./kubernetes/calico-requests.ts";
import { type Case, measured, percentile } from "./report.ts";

const NODES = Number(process.env["OCICAT_BENCH_NODES"] ?? "10");
const PER_SECOND = 30;
const SECONDS = Number(process.env["OCICAT_BENCH_SECONDS"] ?? "60");
/** How long a pod is there. */
const LIFE_MS = 5_000;

const core = (plural: string, namespaced: boolean): ApiResource => ({ group: "", version: "v1", plural, namespaced });
const PODS = core("pods", true);
const MAC = parseMac("02:00:00:00:00:01");
const NETWORK = parseNetwork(JSON.stringify({ cniVersion: "1.0.0", name: "pods", type: "ocicat" }));
const POOL = {
  kind: "IPPool",
  apiVersion: "projectcalico.org/v3",
  metadata: { name: "pods" },
  spec: { cidr: "10.244.0.0/16", blockSize: 26, ipipMode: "Never", vxlanMode: "Never", nodeSelector: "all()" },
};

interface Measures {
  readonly add: number[];
  readonly del: number[];
  requests: number;
}

export async function run(): Promise<Case[]> {
  const cluster: PrivateControlPlane = await startCluster();
  const scope = new Scope("storm");
  try {
    const target = readKubeconfig(cluster.kubeconfig);
    const store = new KubernetesDatastore({ target });
    scope.add("store", () => store.close());
    await store.put(resourceKey(ippool.kind, POOL.metadata.name), JSON.stringify(POOL));
    const measures: Measures = { add: [], del: [], requests: 0 };
    const nodes: FakedNode[] = [];
    for (let index = 0; index < NODES; index++) {
      const name = `node${index}`;
      await store.api.create(core("nodes", false), undefined, { apiVersion: "v1", kind: "Node", metadata: { name } });
      nodes.push(await FakedNode.join(name, target, measures, scope));
    }
    // The first pod of a node has its block to claim.
    await Promise.all(nodes.map((node) => node.pod(store, `first-${node.name}`, 0)));
    measures.add.length = 0;
    measures.del.length = 0;
    measures.requests = 0;
    const seconds = await storm(nodes, store);
    return casesOf(measures, seconds, await held(store));
  } finally {
    await scope.close();
    await cluster.stop();
  }
}

function casesOf({ add, del, requests }: Measures, seconds: number, left: number): Case[] {
  const where = `${PER_SECOND} pods a second over ${NODES} nodes`;
  const none = { kind: "none" } as const;
  const calico = { name: "Calico's plugin, by its source", value: CALICO_REQUESTS_PER_POD };
  return [
    measured(`${where}: pods`, "", add.length, undefined, none),
    measured(`${where}: reached`, "pods/s", add.length / seconds, undefined, {
      kind: "at least",
      value: PER_SECOND * 0.95,
    }),
    measured(`${where}: ADD p50, without a cable`, "ms", percentile(add, 50), undefined, none),
    measured(`${where}: ADD p99, without a cable`, "ms", percentile(add, 99), undefined, none),
    measured(`${where}: DEL p50, without a cable`, "ms", percentile(del, 50), undefined, none),
    measured(`${where}: DEL p99, without a cable`, "ms", percentile(del, 99), undefined, none),
    measured(`${where}: requests a pod`, "", requests / add.length, calico, { kind: "at most", value: 0.4 }),
    measured(`${where}: addresses, handles and pods left after`, "", left, undefined, { kind: "at most", value: 0 }),
  ];
}

/** Begins pods at the rate, whatever became of those before. Returns how long it began them, in seconds. */
async function storm(nodes: readonly FakedNode[], store: KubernetesDatastore): Promise<number> {
  const count = PER_SECOND * SECONDS;
  const begun = performance.now();
  const pods: Promise<void>[] = [];
  for (let index = 0; index < count; index++) {
    const due = begun + (index * 1000) / PER_SECOND;
    if (due > performance.now()) await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    const node = nodes[index % nodes.length];
    if (node !== undefined) pods.push(node.pod(store, `pod-${index}`, LIFE_MS));
  }
  const seconds = (performance.now() - begun) / 1000;
  await Promise.all(pods);
  return seconds;
}

async function held(store: KubernetesDatastore): Promise<number> {
  const handles = (await store.list(HANDLES_PREFIX)).items.length;
  const blocks = (await store.list(blocksPrefix())).items.map(({ value }) => value);
  const addresses = blocks.flatMap((block) => /"allocations":\[([^\]]*)\]/.exec(block)?.[1]?.split(",") ?? []);
  const pods = (await store.api.list(PODS, {})).items.length;
  return handles + pods + addresses.filter((each) => each !== "null").length;
}

/** An agent's part of ADD and DEL, without a kernel. */
class FakedNode {
  readonly name: string;
  readonly #endpoints: Endpoints;
  readonly #measures: Measures;

  private constructor(name: string, endpoints: Endpoints, measures: Measures) {
    this.name = name;
    this.#endpoints = endpoints;
    this.#measures = measures;
  }

  static async join(name: string, target: Target, measures: Measures, parent: Scope): Promise<FakedNode> {
    const onAnswer = ({ verb }: Answered) => {
      if (verb !== "watch") measures.requests += 1;
    };
    const store = new KubernetesDatastore({ target, onAnswer });
    const scope = parent.child(name);
    scope.add("connection", () => store.close());
    const tables = makeTables(name, silentLogger);
    const time = { clock: systemClock, random: systemRandom };
    const watching = { store, ...time, logger: silentLogger, scope, lock: new DatastoreLock(tables.cluster) };
    await watchCluster(tables, watching);
    await watchTables(tables, name, watching);
    const ipam = createIpam({ store, ...time, node: name, settings: () => ipamSettings(tables) });
    const sink = endpointSink(tables, name);
    const { endpoints: table, affinities, pools } = tables;
    const recorder = new PodRecorder({ kubernetes: store, store, ipam, table, sink });
    const more = { affinities, pools, ensureProfile: async () => undefined, unprogrammed: () => [] };
    return new FakedNode(
      name,
      new Endpoints({ nodeName: name, store, ipam, table, sink, recorder, ...more }),
      measures,
    );
  }

  /** The whole life of one. */
  async pod(store: KubernetesDatastore, name: string, lifeMs: number): Promise<void> {
    const { uid } = (await store.api.create(PODS, "default", podOn(this.name, name))).metadata;
    const request = this.#request(name, uid);
    this.#measures.add.push(
      await timed(async () => void (await this.#endpoints.claim(await this.#endpoints.prepare(request), MAC))),
    );
    await new Promise((resolve) => setTimeout(resolve, lifeMs));
    this.#measures.del.push(await timed(() => this.#endpoints.release(request.endpoint, request.containerId)));
    await store.api.delete(PODS, { namespace: "default", name }, {}, 0);
  }

  #request(pod: string, podUid: string): AddRequest {
    const containerId = createHash("sha256").update(pod).digest("hex");
    const id = { orchestrator: "k8s", node: this.name, pod, endpoint: "eth0" } as const;
    return {
      plugin: "ocicat",
      network: "pods",
      containerId,
      ifname: "eth0",
      args: { pod: { namespace: "default", name: pod }, podUid },
      endpoint: {
        orchestrator: "k8s",
        namespace: "default",
        workload: pod,
        endpoint: "eth0",
        name: workloadEndpointName(id),
        hostInterface: `cali${containerId.slice(0, 11)}`,
        handleId: `pods.${containerId}`,
      },
      netns: "/proc/self/ns/net",
      options: parseAddOptions(NETWORK),
    };
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function podOn(nodeName: string, name: string): object {
  const metadata = { name, namespace: "default", labels: { app: "some-app", "pod-template-hash": "5bb9cb4585" } };
  const spec = { nodeName, containers: [{ name: "main", image: "none" }], terminationGracePeriodSeconds: 0 };
  return { apiVersion: "v1", kind: "Pod", metadata, spec };
}
