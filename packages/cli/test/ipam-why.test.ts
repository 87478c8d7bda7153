import { blockKey, handleKey } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { openEtcd } from "@ocicat/datastore/etcd";
import { type JsonValue, parseJson, stringifyJson } from "@ocicat/kit";
import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { always, startAgent } from "./support/agent.ts";
import { DATASTORES } from "./support/datastores.ts";
import { contents, goldenForEach, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

const TINY = blockKey(parsePrefix("10.99.0.0/26"));
const resource = (name: string) => `/calico/resources/v3/projectcalico.org/${name}`;

describe.each(Object.entries(DATASTORES))("ipam why, in %s", (_name, start) => {
  const datastore = goldenForEach(start);

  const ipam = (...args: readonly string[]): Promise<Outcome> =>
    terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("ipam", ...args);
  const why = async (address: string) => (await ipam("why", address)).stdout;
  const change = <T>(work: (store: Datastore) => Promise<T>) => withStore(datastore.endpoint, work);
  const edit = (key: string, changed: (value: Record<string, JsonValue>) => object) =>
    change(async (store) => {
      const { value = "" } = (await store.get(key)) ?? {};
      await store.put(key, stringifyJson(changed(parseJson(value) as Record<string, JsonValue>)));
    });

  it("tells all of an address that a pod borrowed", async () => {
    const before = await contents(datastore.endpoint);
    const { code, stdout, stderr } = await ipam("why", "10.99.0.1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toBe(
      "10.99.0.1 is held by pod default/tiny-2 on node2, since 2026-11-21 02:19:57.796367315 +0000 UTC.",
    );
    expect(lines.slice(2, 8)).toEqual([
      "  pool      tiny, 10.99.0.0/26: its CIDR holds the address; it is for Workload and Tunnel; for every node, of which node2 is one",
      "  block     10.99.0.0/26, of host:node1 (affinity confirmed, since 2026-11-21T02:19:57Z): 2 of 64 in use",
      `  handle    k8s-pod-network.aaaa${"0".repeat(59)}6: holds nothing else`,
      "  given     at sequence number 1795227597693838628 of its block, borrowed from node1",
      "  says      namespace=default, node=node2, pod=tiny-2, timestamp=2026-11-21 02:19:57.796367315 +0000 UTC",
      "  used by   Workload(default/node2-k8s-tiny--2-eth0) as workload, there since 2026-11-21T02:19:57Z",
    ]);
    expect(stdout).not.toContain("wrong");
    expect(await contents(datastore.endpoint)).toEqual(before);
  });

  it("tells what a holder has besides, and that nobody uses it", async () => {
    const stdout = await why("10.244.166.128");
    expect(stdout).toContain("1: holds 10.244.166.131 too\n");
    expect(stdout).toContain("  used by   no endpoint and no node says it has it\n");
    expect(stdout).toMatch(
      / {2}wrong {5}IPAM_ADDRESS_LEAKED: 10\.244\.166\.128 is held by pod default\/web-1 on node1/,
    );
    expect(await why("10.244.166.131")).not.toContain("wrong");
  });

  it("tells who else claims it, and that its handle counts wrongly", async () => {
    await edit(resource("nodes/node3"), (value) => ({
      ...value,
      spec: { ...(value.spec as object), ipv4VXLANTunnelAddr: "10.99.0.1" },
    }));
    await change((store) =>
      store.put(handleKey(`k8s-pod-network.aaaa${"0".repeat(59)}6`), '{"block":{"10.99.0.0/26":2}}'),
    );
    const stdout = await why("10.99.0.1");
    expect(stdout).toContain("  used by   Node(node3) as VXLAN tunnel");
    expect(stdout).toContain(
      "IPAM_ADDRESS_TWICE: Workload(default/node2-k8s-tiny--2-eth0) (workload) and Node(node3) (VXLAN tunnel)",
    );
    expect(stdout).toContain("IPAM_HANDLE_MISCOUNTS: it counts 2 in 10.99.0.0/26, which gives it 1");
  });

  it("tells of a free address whose turn it is, and of others why they are free", async () => {
    const free = await why("10.99.0.9");
    expect(free).toMatch(/^10\.99\.0\.9 is nobody's: it is free in its block\.\n/);
    expect(free).toContain(
      "  next      node1, after 7 others of its block; another node where its own blocks are full\n",
    );
    await ipam("configure", "--strictaffinity=true");
    expect(await why("10.99.0.9")).toContain("; no other node may borrow it\n");
    const unclaimed = await why("10.244.200.200");
    expect(unclaimed).toContain("no block around it was claimed yet");
    expect(unclaimed).toContain("  next      the node that claims its block first, among those the pool selects\n");
    const reserved = await why("10.244.255.7");
    expect(reserved).toContain("  reserved  by IPReservation resv\n");
    expect(reserved).toContain("  next      nobody: IPReservation resv keeps it\n");
    expect(await why("8.8.8.8")).toMatch(
      /^8\.8\.8\.8 is in no pool: IPAM does not know it\.\n\n {2}pool {6}none holds it\n/,
    );
    expect(await why("fd00::1")).toContain("fd00::1 is in no pool");
    await edit(resource("ippools/tiny"), (value) => ({
      ...value,
      spec: { ...(value.spec as object), disabled: true },
    }));
    expect(await why("10.99.0.9")).toContain("  next      nobody: pool tiny is disabled\n");
  });

  it("tells of a released address since when and until when it rests, and what happened to it", async () => {
    await ipam("configure", "--ip-cooldown-seconds=60");
    await ipam("release", "--ip=10.244.166.128");
    const stdout = await why("10.244.166.128");
    expect(stdout).toMatch(/^10\.244\.166\.128 is nobody's; released at \S+Z, it rests until \S+Z\.\n/);
    expect(stdout).toMatch(
      / {2}history {3}revision \d+: released by k8s-pod-network\.a+0+1 for default\/web-1, rests, \S+Z\n/,
    );
    expect(stdout).toMatch(
      / {2}history {3}revision \d+: given to k8s-pod-network\.a+0+1 for default\/web-1, 2026-11-21/,
    );
    expect(stdout).toMatch(/ {12}the block was made at revision \d+\n/);
  });

  it("says where the store has forgotten", async () => {
    await edit(TINY, (value) => ({ ...value, later: 1 }));
    const { modRevision = 0n } = (await change((store) => store.get(TINY))) ?? {};
    const etcd = openEtcd({ endpoints: [datastore.endpoint] });
    try {
      await etcd.compact(modRevision);
    } finally {
      await etcd.close();
    }
    expect(await why("10.99.0.1")).toContain(
      `  history   what was before revision ${modRevision} the store has forgotten\n`,
    );
  });

  it("says what cannot be read", async () => {
    await change((store) => store.put(TINY, "{}"));
    const { code, stdout, stderr } = await ipam("why", "10.99.0.1");
    expect(stdout).toMatch(/^10\.99\.0\.1 is in a block that cannot be read\.\n/);
    expect(stdout).toContain("  used by   Workload(default/node2-k8s-tiny--2-eth0)");
    expect(code).toBe(1);
    expect(stderr).toContain("10.99.0.0-26 is left out");
  });

  it("tells of a pool that does not select its node any more", async () => {
    await edit(resource("ippools/tiny"), (value) => ({
      ...value,
      spec: { ...(value.spec as object), nodeSelector: "rack == 'r1'" },
    }));
    expect(await why("10.99.0.1")).toMatch(/for nodes with rack == ['"]r1['"], but not node2\n/);
    expect(await why("10.99.0.0")).toMatch(/for nodes with rack == ['"]r1['"], of which node1 is one\n/);
  });

  it("is JSON for programs", async () => {
    const { stdout } = await ipam("why", "10.99.0.1", "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject({
      address: "10.99.0.1",
      state: "held",
      pools: [{ name: "tiny" }],
      block: { cidr: "10.99.0.0/26", owner: "host:node1", affinity: "confirmed" },
      holder: { attributes: { pod: "tiny-2" }, borrowedFrom: "node1", otherAddresses: [] },
      uses: [{ as: "workload", node: "node2" }],
      contradictions: [],
      routes: [],
    });
  });

  it("tells the routes of the agents in reach", async () => {
    const route = {
      destination: "10.99.0.1",
      route: "10.99.0.1 dev cali1",
      why: "endpoint tiny-2",
      kernel: "programmed",
    };
    const agent = await startAgent(always([route]));
    try {
      const at = { env: { ETCD_ENDPOINTS: datastore.endpoint }, agentSocket: agent.socket };
      const { stdout } = await terminal(at)("ipam", "why", "10.99.0.1");
      expect(stdout).toContain("  route     this one: 10.99.0.1 dev cali1 (programmed): endpoint tiny-2\n");
    } finally {
      await agent.stop();
    }
  });

  it("refuses what is no address, and another format", async () => {
    for (const args of [["10.0.0.0/8"], ["wibble"], ["10.0.0.1", "-o", "yaml"]]) {
      const { code, stdout, stderr } = await ipam("why", ...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^ocicat: [^\n]+\n$/);
    }
  });
});
