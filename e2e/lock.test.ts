import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@ocicat/datastore/etcd";
import { startServer } from "@ocicat/datastore/server";
import { silentLogger } from "@ocicat/kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../packages/cli/src/index.ts";
import { surroundings } from "../packages/cli/test/support/terminal.ts";
import { allKeys, allocations, ipamProblems } from "./support/datastore.ts";
import { eventually, TestLab } from "./support/lab.ts";
import { type Attachment, NodeCni } from "./support/node-cni.ts";
import { SteadyPing } from "./support/steady-ping.ts";

const NODES = ["master", "node1", "node2"];
const NOT_READY = "Calico is currently not ready to process requests";

const lab = new TestLab();
const node1 = new NodeCni(lab, "node1");

beforeAll(async () => {
  await lab.up();
  await lab.store.create(
    "/calico/resources/v3/projectcalico.org/bgpconfigurations/default",
    '{"kind":"BGPConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"nodeToNodeMeshEnabled":true}}',
  );
});
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

let containers = 0;
async function container(): Promise<Attachment> {
  containers += 1;
  const id = `10c4${containers}`;
  return {
    containerId: id,
    netns: await node1.namespace(),
    args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=c${containers};K8S_POD_INFRA_CONTAINER_ID=${id}`,
  };
}

function ocicat(...args: string[]): string {
  const { code, stdout, stderr } = lab.ocicat(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

async function metric(node: string, name: string): Promise<number> {
  const text = await lab.out(node, "curl", "-sf", "http://127.0.0.1:9099/metrics");
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}

async function onEveryNode(name: string, holds: (value: number) => boolean): Promise<void> {
  for (const node of NODES) await eventually(() => metric(node, name), holds);
}

/** What a node's kernel does with packets. */
async function kernel(node: string): Promise<string> {
  const parts = [
    await lab.out(node, "ip", "-4", "route"),
    await lab.out(node, "ip", "-o", "link"),
    await lab.out(node, "nft", "list", "ruleset"),
  ];
  // Counters count on.
  return parts.join("\n").replaceAll(/packets \d+ bytes \d+/g, "");
}

async function established(): Promise<void> {
  for (const node of NODES) {
    await eventually(
      () => lab.agent(node, "/bgp") as Promise<{ peers: { state: string }[] }>,
      ({ peers }) => peers.length === 2 && peers.every(({ state }) => state === "Established"),
    );
  }
}

const pings = () => [
  new SteadyPing(lab, "pod1", lab.address("pod2")),
  new SteadyPing(lab, "pod2", lab.address("pod3")),
  new SteadyPing(lab, "pod0", lab.address("pod1")),
];

async function expectNoLoss(running: readonly SteadyPing[]): Promise<void> {
  for (const ping of running) {
    await ping.answered(10);
    const { missing, received } = await ping.stop();
    expect(missing).toEqual([]);
    expect(received).toBeGreaterThan(50);
  }
}

describe("a locked datastore", () => {
  it("stops ADD and DEL with Calico's message, and nothing else; what was changed meanwhile takes effect when it is unlocked", async () => {
    await established();
    const present = await container();
    const address = await node1.add(present);
    const running = pings();
    ocicat("datastore", "migrate", "lock");
    await onEveryNode("ocicat_datastore_locked", (value) => value === 1);
    const before = new Map(await Promise.all(NODES.map(async (node) => [node, await kernel(node)] as const)));
    const stored = await allKeys(lab.store);

    const another = await container();
    for (const [command, attachment] of [
      ["ADD", another],
      ["DEL", present],
      ["ADD", present],
    ] as const) {
      const { code, stdout } = await node1.exec(command, attachment);
      expect(code, command).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({
        code: 11,
        msg: NOT_READY,
        details: expect.stringContaining("[DATASTORE_LOCKED]"),
      });
    }
    // A DEL that was refused has taken nothing: the runtime repeats it.
    expect(await lab.out("node1", "ip", "route", "show", address)).toContain("cali");
    const doctor = lab.ocicat("doctor");
    expect(doctor.stdout).toContain("DATASTORE_LOCKED");
    expect(doctor.stdout).toContain("ocicat datastore migrate unlock");

    // Each would be seen in the kernel at once: rules for what leaves a pool, a blackhole and announcements of a new one's.
    ocicat("patch", "ippool", "default-ipv4-ippool", "-p", '{"spec":{"natOutgoing":false}}');
    ocicat("patch", "bgpconfig", "default", "-p", '{"spec":{"nodeToNodeMeshEnabled":false}}');
    await onEveryNode("ocicat_datastore_waiting_changes", (value) => value === 2);
    for (const ping of running) await ping.answered(50);
    for (const node of NODES) expect(await kernel(node), node).toBe(before.get(node));
    const after = await allKeys(lab.store);
    const changed = [...after.keys()].filter((key) => stored.get(key) !== after.get(key));
    expect(changed.map((key) => key.split("/").slice(-2).join("/")).sort()).toEqual([
      "bgpconfigurations/default",
      "ippools/default-ipv4-ippool",
    ]);
    expect(after.size).toBe(stored.size);
    await established();
    ocicat("patch", "bgpconfig", "default", "-p", '{"spec":{"nodeToNodeMeshEnabled":true}}');

    ocicat("datastore", "migrate", "unlock");
    await onEveryNode("ocicat_datastore_locked", (value) => value === 0);
    for (const node of NODES)
      await eventually(
        () => lab.out(node, "nft", "list", "ruleset"),
        (rules) => !rules.includes("masquerade"),
      );
    await node1.del(present);
    await node1.add(another);
    await node1.del(another);
    await expectNoLoss(running);
    expect(await ipamProblems(lab.store)).toEqual([]);
    ocicat("patch", "ippool", "default-ipv4-ippool", "-p", '{"spec":{"natOutgoing":true}}');
  }, 120_000);

  it("lets an agent start, which then has what it had, and takes pods once it is unlocked", async () => {
    await established();
    const running = pings();
    ocicat("datastore", "migrate", "lock");
    await onEveryNode("ocicat_datastore_locked", (value) => value === 1);
    // What a cluster of before lacks, and every agent puts there that may.
    const tier = "/calico/resources/v3/projectcalico.org/tiers/kube-admin";
    await lab.store.delete(tier);
    const before = await kernel("node1");
    const stored = await allKeys(lab.store);
    await lab.lab.kill("agent-node1");
    await lab.lab.restartAgent("node1");
    await established();
    expect(await kernel("node1")).toBe(before);
    const attachment = await container();
    expect(JSON.parse((await node1.exec("ADD", attachment)).stdout)).toMatchObject({ code: 11, msg: NOT_READY });
    expect(await allKeys(lab.store)).toEqual(stored);
    ocicat("datastore", "migrate", "unlock");
    await onEveryNode("ocicat_datastore_locked", (value) => value === 0);
    await eventually(
      () => lab.store.get(tier),
      (item) => item !== undefined,
    );
    await node1.add(attachment);
    await node1.del(attachment);
    await expectNoLoss(running);
  }, 120_000);
});

describe("a migration", () => {
  it("moves the cluster to another datastore under traffic: pods keep their addresses, and are added and removed there", async () => {
    const directory = await mkdtemp(join(tmpdir(), "oct-migrate-"));
    try {
      const present = await container();
      const address = await node1.add(present);
      const running = pings();
      ocicat("datastore", "migrate", "lock");
      await onEveryNode("ocicat_datastore_locked", (value) => value === 1);
      const data = ocicat("datastore", "migrate", "export");
      const [stored, held] = [await allKeys(lab.store), await allocations(lab.store)];
      const file = join(directory, "moved.db");
      await importInto(file, data);

      // In its place from now on: another history, which begins with the import.
      await lab.lab.kill("datastore");
      const replace = `rm /var/lib/ocicat/datastore.db* && cp ${file} /var/lib/ocicat/datastore.db`;
      await lab.out(lab.topology.datastore, "sh", "-c", replace);
      await lab.lab.restartDatastore();
      for (const node of NODES) {
        await lab.lab.kill(`agent-${node}`);
        await lab.lab.restartAgent(node);
      }
      await lab.reopenStore();
      await established();
      const now = await allKeys(lab.store);
      expect([...now.keys()]).toEqual([...stored.keys()]);
      expect(await allocations(lab.store)).toEqual(held);
      expect(held.has(address)).toBe(true);

      ocicat("datastore", "migrate", "unlock");
      await onEveryNode("ocicat_datastore_locked", (value) => value === 0);
      await node1.del(present);
      const another = await container();
      await node1.add(another);
      await node1.del(another);
      await expectNoLoss(running);
      expect(await ipamProblems(lab.store)).toEqual([]);
    } finally {
      await rm(directory, { recursive: true });
    }
  }, 120_000);
});

/** Into an embedded datastore of this process, over the command line; what is left is its file. */
async function importInto(dataFile: string, data: string): Promise<void> {
  const listen = [{ host: "127.0.0.1", port: 0 }];
  const server = await startServer({ listen, dataFile, clock: systemClock, logger: silentLogger });
  try {
    const [at] = server.endpoints;
    if (at === undefined || !("port" in at)) throw new Error("the server listens nowhere");
    const outcome = { code: 0, stdout: "", stderr: "" };
    const env = { ETCD_ENDPOINTS: `http://127.0.0.1:${at.port}` };
    await run(["datastore", "migrate", "import", "-f", "-"], surroundings({ env, stdin: data }, outcome));
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
  } finally {
    await server.close();
  }
}
