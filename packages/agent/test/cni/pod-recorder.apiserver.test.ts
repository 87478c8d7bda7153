import { blocksPrefix, DEFAULT_IPAM_CONFIG, HANDLES_PREFIX, resourceKey } from "@ocicat/api";
import { type AddRequest, type EndpointIdentity, parseAddOptions, parseNetwork } from "@ocicat/cni";
import { type Datastore, DatastoreError, type KeyValue } from "@ocicat/datastore";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createIpam } from "@ocicat/ipam";
import { silentLogger } from "@ocicat/kit";
import type { Answered, KubernetesDatastore } from "@ocicat/kubernetes";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { formatAddress, parseMac, parsePrefix } from "@ocicat/net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Endpoints } from "../../src/cni/endpoints.ts";
import { PodRecorder } from "../../src/cni/pod-recorder.ts";
import { endpointSink, makeTables } from "../../src/tables/tables.ts";
import { createPod, deletePod, openStore, PODS, startCluster } from "../support/kubernetes.ts";

let cluster: PrivateControlPlane;
let store: KubernetesDatastore;
const answers: Answered[] = [];

beforeAll(async () => {
  cluster = await startCluster();
}, 60_000);
afterAll(() => cluster?.stop());
beforeEach(() => {
  store = openStore(cluster, (answer) => answers.push(answer));
});
afterEach(() => store.close());

const NODE = "node1";
const MAC = parseMac("02:00:00:00:00:01");
const POOL = {
  name: "pods",
  prefix: parsePrefix("10.65.0.0/16"),
  blockSize: 26,
  disabled: false,
  assignmentMode: "Automatic" as const,
  allowedUses: ["Workload" as const],
  selectsNode: true,
};

/** What an agent that starts makes of the cluster: `writes` is what it writes through. */
async function startAgent(writes: Datastore = store): Promise<Endpoints> {
  const tables = makeTables(NODE, silentLogger);
  const sink = endpointSink(tables, NODE);
  sink.replace((await store.list("/calico/resources/v3/projectcalico.org/workloadendpoints/")).items);
  const time = { clock: systemClock, random: systemRandom };
  const settings = { pools: [POOL], reservations: [], config: DEFAULT_IPAM_CONFIG };
  const ipam = createIpam({ store: writes, ...time, node: NODE, settings: () => settings });
  const { endpoints: table, affinities, pools } = tables;
  const recorder = new PodRecorder({ kubernetes: store, store: writes, ipam, table, sink });
  const more = { affinities, pools, ensureProfile: async () => undefined, unprogrammed: () => [] };
  return new Endpoints({ nodeName: NODE, store: writes, ipam, table, sink, recorder, ...more });
}

function request(pod: string, podUid: string, containerId: string, more: Partial<AddRequest> = {}): AddRequest {
  const network = parseNetwork(JSON.stringify({ cniVersion: "0.3.1", name: "k8s-pod-network", type: "ocicat" }));
  return {
    plugin: "ocicat",
    network: "k8s-pod-network",
    containerId,
    ifname: "eth0",
    args: { pod: { namespace: "default", name: pod }, podUid },
    endpoint: identity(pod, containerId),
    netns: "/proc/self/ns/net",
    options: parseAddOptions(network),
    ...more,
  };
}

function identity(pod: string, containerId: string): EndpointIdentity {
  return {
    orchestrator: "k8s",
    namespace: "default",
    workload: pod,
    endpoint: "eth0",
    name: `${NODE}-k8s-${pod}-eth0`,
    hostInterface: "cali0",
    handleId: `k8s-pod-network.${containerId}`,
  };
}

async function add(endpoints: Endpoints, asked: AddRequest): Promise<string> {
  const row = await endpoints.claim(await endpoints.prepare(asked), MAC);
  return row.addresses.map(formatAddress).join(",");
}

/** The row that everybody reads. */
async function rowOf(pod: string): Promise<KeyValue | undefined> {
  return await store.get(resourceKey("WorkloadEndpoint", `${NODE}-k8s-${pod}-eth0`, "default"));
}

/** Who holds what, by IPAM. */
async function held(): Promise<{ readonly handles: number; readonly addresses: number }> {
  const handles = (await store.list(HANDLES_PREFIX)).items.length;
  const blocks = (await store.list(blocksPrefix())).items.map(({ value }) => value);
  const addresses = blocks.flatMap((block) => /"allocations":\[([^\]]*)\]/.exec(block)?.[1]?.split(",") ?? []);
  return { handles, addresses: addresses.filter((each) => each !== "null").length };
}

const NOTHING = { handles: 0, addresses: 0 };

describe("ADD and DEL where the datastore is Kubernetes", () => {
  it("write addresses and sandbox on the pod, and take the addresses back", async () => {
    const uid = await createPod(store, "web");
    const endpoints = await startAgent();
    const address = await add(endpoints, request("web", uid, "c1"));
    const pod = await store.api.get(PODS, { namespace: "default", name: "web" });
    expect(pod?.metadata["annotations"]).toEqual({
      "cni.projectcalico.org/podIP": `${address}/32`,
      "cni.projectcalico.org/podIPs": `${address}/32`,
      "cni.projectcalico.org/containerID": "c1",
      "ocicat.io/mac": MAC,
    });
    expect((await rowOf("web"))?.value).toContain(`"ipNetworks":["${address}/32"]`);
    expect(await held()).toEqual({ handles: 1, addresses: 1 });
    expect(await add(endpoints, request("web", uid, "c1"))).toBe(address);

    await endpoints.release(identity("web", "c1"), "c1");
    expect((await rowOf("web"))?.value).not.toContain("ipNetworks");
    expect(await held()).toEqual(NOTHING);
    await endpoints.release(identity("web", "c1"), "c1");
    await deletePod(store, "web");
  });

  it("cost as few requests as there are things to read and write", async () => {
    const endpoints = await startAgent();
    // The first of a node takes a block.
    await add(endpoints, request("first", await createPod(store, "first"), "c0"));
    const uid = await createPod(store, "cheap");
    answers.length = 0;
    await add(endpoints, request("cheap", uid, "c1"));
    expect(requests()).toEqual(["create ipamhandles", "get namespaces", "get pods", "patch pods", "update ipamblocks"]);
    answers.length = 0;
    await endpoints.release(identity("cheap", "c1"), "c1");
    expect(requests()).toEqual([
      "delete ipamhandles",
      "get pods",
      "patch ipamhandles",
      "patch pods",
      "update ipamblocks",
    ]);
    await endpoints.release(identity("first", "c0"), "c0");
    await deletePod(store, "cheap");
    await deletePod(store, "first");
  });

  it("go by the pod's annotations", async () => {
    const annotations = { "cni.projectcalico.org/ipAddrs": '["10.65.3.3"]' };
    const uid = await createPod(store, "wish", { annotations });
    const endpoints = await startAgent();
    expect(await add(endpoints, request("wish", uid, "c1"))).toBe("10.65.3.3");
    await endpoints.release(identity("wish", "c1"), "c1");
    await deletePod(store, "wish");
  });

  it("go on when kubelet writes the pod at the same time", async () => {
    const uid = await createPod(store, "busy");
    const endpoints = await startAgent(
      intercepted(store, async (write, key) => {
        if (key.includes("workloadendpoints") && interferences > 0) {
          interferences -= 1;
          await kubeletWrites("busy", `${interferences}`);
        }
        return await write();
      }),
    );
    let interferences = 5;
    const address = await add(endpoints, request("busy", uid, "c1"));
    expect((await rowOf("busy"))?.value).toContain(address);
    interferences = 5;
    await endpoints.release(identity("busy", "c1"), "c1");
    expect((await rowOf("busy"))?.value).not.toContain(address);
    expect(await held()).toEqual(NOTHING);
    await deletePod(store, "busy");
  });

  it("leave the endpoint of a later sandbox alone", async () => {
    const uid = await createPod(store, "again");
    const endpoints = await startAgent();
    await add(endpoints, request("again", uid, "c1"));
    const second = await add(endpoints, request("again", uid, "c2"));
    await endpoints.release(identity("again", "c1"), "c1");
    expect((await rowOf("again"))?.value).toContain(second);
    expect(await held()).toEqual({ handles: 1, addresses: 1 });
    await endpoints.release(identity("again", "c2"), "c2");
    await deletePod(store, "again");
  });

  it("are refused for a pod that was made anew, that is none, or that has another interface", async () => {
    await createPod(store, "anew");
    const endpoints = await startAgent();
    const refused = (asked: AddRequest) => expect(endpoints.prepare(asked)).rejects;
    await refused(request("anew", "another-uid", "c1")).toMatchObject({ code: "POD_GONE" });
    await refused(request("absent", "uid", "c1")).toMatchObject({ code: "POD_GONE" });
    await refused({ ...request("anew", "uid", "c1"), args: {} }).toMatchObject({ code: "POD_UNKNOWN" });
    const name = `${NODE}-k8s-anew-net1`;
    const other = request("anew", "uid", "c1", { endpoint: { ...identity("anew", "c1"), name } });
    await refused(other).toMatchObject({ code: "POD_INTERFACE" });
    expect(await held()).toEqual(NOTHING);
    await deletePod(store, "anew");
  });

  it("take a static pod's mirror for the pod", async () => {
    const uid = "0123456789abcdef0123456789abcdef";
    await createPod(store, "static", { annotations: { "kubernetes.io/config.mirror": uid } });
    const endpoints = await startAgent();
    await add(endpoints, request("static", uid, "c1"));
    await endpoints.release(identity("static", "c1"), "c1");
    await deletePod(store, "static");
  });

  it("leave nothing once the DEL has come, wherever an ADD was cut off", async () => {
    const uid = await createPod(store, "cut");
    for (const moment of ["before", "after"] as const) {
      for (let at = 1; ; at++) {
        const cut = new Cut(at, moment);
        const first = await startAgent(intercepted(store, (write) => cut.pass(write)));
        const wasCut = await add(first, request("cut", uid, "c1")).then(
          () => false,
          () => true,
        );
        // The agent is another one, and knows nothing of it.
        const next = await startAgent();
        await next.release(identity("cut", "c1"), "c1");
        expect({ at, moment, ...(await held()) }).toEqual({ at, moment, ...NOTHING });
        expect((await rowOf("cut"))?.value).not.toContain("ipNetworks");
        if (!wasCut) {
          expect(at).toBeGreaterThan(3);
          break;
        }
      }
    }
    await deletePod(store, "cut");
  });

  it("leave nothing once the DEL is repeated, wherever it was cut off", async () => {
    const uid = await createPod(store, "cut");
    for (const moment of ["before", "after"] as const) {
      for (let at = 1; ; at++) {
        await add(await startAgent(), request("cut", uid, "c1"));
        const cut = new Cut(at, moment);
        const first = await startAgent(intercepted(store, (write) => cut.pass(write)));
        const wasCut = await first.release(identity("cut", "c1"), "c1").then(
          () => false,
          () => true,
        );
        const next = await startAgent();
        await next.release(identity("cut", "c1"), "c1");
        expect({ at, moment, ...(await held()) }).toEqual({ at, moment, ...NOTHING });
        expect((await rowOf("cut"))?.value).not.toContain("ipNetworks");
        if (!wasCut) {
          expect(at).toBeGreaterThan(2);
          break;
        }
      }
    }
    await deletePod(store, "cut");
  });
});

/** From the `at`th write on nothing is written any more; of that one, it has happened or not. */
class Cut {
  readonly #at: number;
  readonly #moment: "before" | "after";
  #count = 0;

  constructor(at: number, moment: "before" | "after") {
    this.#at = at;
    this.#moment = moment;
  }

  async pass<T>(write: () => Promise<T>): Promise<T> {
    this.#count += 1;
    if (this.#count > this.#at || (this.#count === this.#at && this.#moment === "before")) throw closed();
    const result = await write();
    if (this.#count === this.#at) throw closed();
    return result;
  }
}

function closed(): DatastoreError {
  return new DatastoreError("CLOSED", "the agent was killed");
}

/** What an agent writes goes through `intercept`. */
function intercepted(inner: Datastore, intercept: <T>(write: () => Promise<T>, key: string) => Promise<T>): Datastore {
  return {
    abilities: inner.abilities,
    get: (key, revision) => inner.get(key, revision),
    list: (prefix, options) => inner.list(prefix, options),
    watch: (prefix, options) => inner.watch(prefix, options),
    create: (key, value) => intercept(() => inner.create(key, value), key),
    update: (key, value, revision) => intercept(() => inner.update(key, value, revision), key),
    put: (key, value) => intercept(() => inner.put(key, value), key),
    delete: (key, revision) => intercept(() => inner.delete(key, revision), key),
    commit: (transaction) => inner.commit(transaction),
    grantLease: (seconds) => inner.grantLease(seconds),
    keepLeaseAlive: (lease) => inner.keepLeaseAlive(lease),
    revokeLease: (lease) => inner.revokeLease(lease),
    close: () => inner.close(),
  };
}

async function kubeletWrites(pod: string, message: string): Promise<void> {
  const place = { namespace: "default", name: pod };
  await store.api.patch(PODS, place, { status: { message } }, { subresource: "status" });
}

function requests(): readonly string[] {
  return answers
    .map(
      ({ verb, path }) =>
        `${verb} ${/\/(pods|namespaces|ipam\w+|blockaffinities)(?:\/[^/]+)?(?:\/status)?(?:\?.*)?$/.exec(path)?.[1]}`,
    )
    .toSorted();
}
