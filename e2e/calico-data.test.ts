import { readFileSync } from "node:fs";
import { openEtcd } from "@ocicat/datastore/etcd";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";

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

function openStore() {
  return openEtcd({ endpoints: [`unix:///proc/${lab.pid("datastore")}/root/run/ocicat/datastore.sock`] });
}

/** What the datastore holds below a prefix. */
async function stored(prefix: string): Promise<ReadonlyMap<string, unknown>> {
  const store = openStore();
  try {
    const { items } = await store.list(prefix);
    return new Map(items.map(({ key, value }) => [key, JSON.parse(value) as unknown]));
  } finally {
    await store.close();
  }
}

beforeAll(async () => {
  await lab.up();
  for (const node of NODES) process.kill(lab.pid(`agent-${node}`), "SIGKILL");
  const store = openStore();
  for (const { key } of (await store.list("/calico/")).items) await store.delete(key);
  for (const [key, value] of dump) await store.put(key, value);
  await store.close();
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

  it("route to Calico's blocks of every pool", async () => {
    await eventually(
      () => lab.out("node3", "ip", "route"),
      (routes) =>
        routes.includes(`${BLOCK.node1} via 192.168.50.11 dev ens33 proto bird`) &&
        routes.includes(`${BLOCK.node2} via 192.168.50.12 dev ens33 proto bird`) &&
        routes.includes("10.99.0.0/26 via 192.168.50.11 dev ens33 proto bird"),
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

  it("write nothing but their own nodes and blocks, and there keep what is Calico's", async () => {
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
    expect([...now.keys()].filter((key) => !dump.has(key))).toEqual([]);
  });
});
