import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";
import { NodeCni } from "./support/node-cni.ts";

/** The nodes as they were when a real Calico stored what is loaded here. */
const TOPOLOGY = `
segments: [lan]
routers: [{ name: gateway, interfaces: [{ segment: lan, address: 192.168.50.1/24 }] }]
nodes:
  - { name: node1, segment: lan, address: 192.168.50.11/24, gateway: 192.168.50.1 }
  - { name: node2, segment: lan, address: 192.168.50.12/24, gateway: 192.168.50.1 }
  - { name: node3, segment: lan, address: 192.168.50.13/24, gateway: 192.168.50.1 }
datastore: node1
pools: [{ name: default-ipv4-ippool, cidr: 10.244.0.0/16, natOutgoing: true }]
`;
const DUMP = new URL("../packages/cli/test/golden/etcd-dump.jsonl", import.meta.url);
const NODES = ["node1", "node2", "node3"];
/** Of node1's and node2's blocks in the dump. */
const BLOCK = { node1: "10.244.166.128/26", node2: "10.244.104.0/26" } as const;
const IPAM = "/calico/ipam/";

const dump = new Map(
  readFileSync(DUMP, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { key: string; value: string })
    .map(({ key, value }) => [key, value] as const),
);

const lab = new TestLab(TOPOLOGY);

/** What the datastore holds below a prefix. */
async function stored(prefix: string): Promise<ReadonlyMap<string, unknown>> {
  const { items } = await lab.store.list(prefix);
  return new Map(items.map(({ key, value }) => [key, JSON.parse(value) as unknown]));
}

beforeAll(async () => {
  await lab.up();
  const { store } = lab;
  // Reached by way of an agent, before there is none.
  await store.list("/calico/");
  for (const node of NODES) process.kill(lab.pid(`agent-${node}`), "SIGKILL");
  for (const { key } of (await store.list("/calico/")).items) await store.delete(key);
  for (const [key, value] of dump) await store.put(key, value);
  await lab.reopenStore();
  await lab.up();
});
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

describe("agents on what a real Calico stored", () => {
  it("are well, and read all of it", async () => {
    for (const node of NODES) expect(await lab.agent(node, "/unreadable")).toEqual({});
    const check = lab.ocicat("ipam", "check");
    expect({ code: check.code, stderr: check.stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("route to Calico's blocks of every pool, but for one that lies among services' addresses, and say why", async () => {
    await eventually(
      () => lab.out("node3", "ip", "route"),
      (routes) =>
        routes.includes(`${BLOCK.node1} via 192.168.50.11 dev ens33 proto bird`) &&
        routes.includes(`${BLOCK.node2} via 192.168.50.12 dev ens33 proto bird`),
    );
    // Of this pool Calico's BIRD programs nothing either: its BGPConfiguration has 10.96.0.0/12 as services' range.
    await eventually(
      async () => JSON.stringify(await lab.agent("node3", "/routes/why?target=10.99.0.1")),
      (told) => told.includes("10.99.0.0/26 is of services: its packets are translated here, not sent on"),
    );
  });

  it("give new pods addresses that Calico's pods do not have, and take none of theirs away", async () => {
    const before = await stored(IPAM);
    await lab.lab.run("fresh1", "default", "node1");
    await lab.lab.run("fresh2", "default", "node2");
    expect(pingCounts(await lab.out("fresh1", "ping", "-c", "2", "-i", "0.2", lab.address("fresh2"))).received).toBe(2);
    for (const pod of ["fresh1", "fresh2"]) {
      expect([...dump.values()].filter((value) => value.includes(`"${lab.address(pod)}/32"`))).toEqual([]);
    }
    for (const pod of ["fresh1", "fresh2"]) await lab.lab.pods().remove(pod);
    const holders = (all: ReadonlyMap<string, unknown>) =>
      [...all].filter(([key]) => key.includes("/handle/") || key.includes("/host/"));
    expect(holders(await stored(IPAM))).toEqual(holders(before));
    expect(lab.ocicat("ipam", "check").code).toBe(0);
  });

  it("write nothing but their own nodes, blocks and the network's profile, and there keep what is Calico's", async () => {
    const now = await stored("/calico/");
    for (const [key, value] of dump) {
      const before = JSON.parse(value) as Readonly<Record<string, unknown>>;
      if (key.includes("/nodes/")) {
        const { metadata, spec } = before as { metadata: Readonly<Record<string, unknown>>; spec: object };
        expect(now.get(key)).toMatchObject({ metadata, spec });
      } else if (key.includes("/assignment/")) {
        const { cidr, affinity, allocations, attributes } = before;
        expect(now.get(key)).toMatchObject({ cidr, affinity, allocations, attributes });
      } else {
        expect({ key, value: now.get(key) }).toEqual({ key, value: before });
      }
    }
    expect([...now.keys()].filter((key) => !dump.has(key))).toEqual([profileOf("ocicat")]);
  });
});

/**
 * What every endpoint of the network names. Where the golden one was recorded nothing enforced policy, and nobody missed it; a
 * profile that is not there allows nothing.
 */
function profileOf(network: string): string {
  return `/calico/resources/v3/projectcalico.org/profiles/${network}`;
}

/** The golden cluster's own inputs, and the pods that Calico's plugin made, in their order. */
const INPUTS = ["ippool", "tiny-pool", "node1", "node2", "node3", "bgp", "netpol"];
const PODS: readonly { readonly pod?: string; readonly node: "node1" | "node2"; readonly pool?: string }[] = [
  { node: "node1", pod: "web-1" },
  { node: "node1", pod: "web-2" },
  { node: "node2", pod: "db-0" },
  { node: "node1" },
  { node: "node1", pod: "tiny-1", pool: "10.99.0.0/26" },
  { node: "node2", pod: "tiny-2", pool: "10.99.0.0/26" },
];

function containerId(pod: number): string {
  return `aaaa${String(pod + 1).padStart(60, "0")}`;
}

/**
 * Calico gave a repeated ADD of web-1 a second address, which we do not; and one more was given and taken back there.
 * Below: what is stored where neither has happened.
 */
const WITHOUT_SECOND_ADD: Readonly<Record<string, object>> = {
  "/calico/ipam/v2/assignment/ipv4/block/10.244.166.128-26": {
    allocations: [0, 1, 2, ...Array.from({ length: 61 }, () => null)],
    unallocated: Array.from({ length: 61 }, (_, index) => index + 3),
    attributes: ["web-1", "web-2", undefined].map((pod, index) => ({
      handle_id: `k8s-pod-network.${containerId([0, 1, 3][index] ?? 0)}`,
      secondary: { ...(pod === undefined ? {} : { namespace: "default", pod }), node: "node1", timestamp: "" },
    })),
    sequenceNumberForAllocation: { 0: -3, 1: -2, 2: -1 },
  },
  [`/calico/ipam/v2/handle/k8s-pod-network.${containerId(0)}`]: { block: { "10.244.166.128/26": 1 } },
};
const WEB1 = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/node1-k8s-web--1-eth0";

/** A value without what is another one each time: identities, times, MACs. Numbers of sequences stay as distances. */
function alike(value: string): unknown {
  const first = BigInt(/"sequenceNumber":(\d+)/.exec(value)?.[1] ?? 0);
  return JSON.parse(
    value
      .replaceAll(
        /"(uid|creationTimestamp|affinity_claim_time|timestamp|mac|clusterGUID|calicoVersion)":"[^"]*"/g,
        '"$1":""',
      )
      .replaceAll(/:(\d{19})\b/g, (_, number: string) => `:${BigInt(number) - first}`),
  );
}

/** What our agents tell each other of. */
const OWN_WORDS = { "ocicat.io/backend": "bird", "ocicat.io/sends-by": "" };

function expected(key: string): unknown {
  const value = dump.get(key) ?? "null";
  const web1 = key === WEB1 ? value.replace("10.244.166.131/32", "10.244.166.128/32") : value;
  // There is no Kubernetes here.
  const here = web1.replace('"clusterType":"k8s,bgp"', '"clusterType":"bgp"');
  const { metadata, ...rest } = alike(here) as { readonly metadata?: object };
  const annotated =
    metadata !== undefined && key.includes("/nodes/") ? { ...metadata, annotations: OWN_WORDS } : metadata;
  return { ...rest, ...(annotated === undefined ? {} : { metadata: annotated }), ...WITHOUT_SECOND_ADD[key] };
}

describe("the same cluster, made here from the same inputs", () => {
  const made = new TestLab(TOPOLOGY);
  beforeAll(async () => {
    await made.up();
    // As it was done there; it leaves the settings that are everybody's.
    for (const strict of ["true", "false"]) made.ocicat("ipam", "configure", `--strictaffinity=${strict}`);
    for (const input of INPUTS) {
      const file = fileURLToPath(new URL(`../packages/cli/test/golden/in/${input}.yaml.txt`, import.meta.url));
      expect(made.ocicat("apply", "-f", file)).toMatchObject({ code: 0 });
    }
    const nodes = { node1: new NodeCni(made, "node1"), node2: new NodeCni(made, "node2") };
    for (const [index, { pod, node, pool }] of PODS.entries()) {
      const args = pod === undefined ? "" : `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod};IgnoreUnknown=1`;
      const ipam = { type: "calico-ipam", ...(pool === undefined ? {} : { ipv4_pools: [pool] }) };
      const conf = { cniVersion: "0.3.1", name: "k8s-pod-network", type: "calico", mtu: 1450, ipam };
      const netns = await nodes[node].namespace();
      expect(await nodes[node].exec("ADD", { containerId: containerId(index), netns, args }, conf)).toMatchObject({
        code: 0,
      });
    }
  });
  afterAll(async () => {
    expect(await made.down()).toEqual([]);
  });

  it("is stored as Calico stored it, as etcdctl reads it", async () => {
    const get = ["env", "ETCDCTL_API=3", "etcdctl", "--endpoints", "http://192.168.50.11:2379", "get"] as const;
    const stdout = await made.out("node1", ...get, "--prefix", "/calico/", "--write-out", "json");
    const { kvs } = JSON.parse(stdout) as { kvs: readonly { key: string; value: string }[] };
    const text = (base64: string) => Buffer.from(base64, "base64").toString();
    const ours = new Map(kvs.map(({ key, value }) => [text(key), text(value)]));
    const all = (keys: Iterable<string>, value: (key: string) => unknown) =>
      Object.fromEntries([...keys].map((key) => [key, value(key)]));
    expect(ours.delete(profileOf("k8s-pod-network"))).toBe(true);
    expect(all(ours.keys(), (key) => alike(ours.get(key) ?? ""))).toEqual(all(dump.keys(), expected));
  });
});
