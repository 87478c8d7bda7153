import { affinitiesPrefix, blocksPrefix, decodeBlock, hostOwner } from "@ocicat/api/ipam";
import { auditIpam } from "@ocicat/ipam";
import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { startEmbedded } from "./support/datastores.ts";
import { contents, goldenForEach, goldenInput, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

const datastore = goldenForEach(startEmbedded);

const run = (...args: readonly string[]): Promise<Outcome> =>
  terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })(...args);

async function keys(prefix: string): Promise<readonly string[]> {
  const { items } = await withStore(datastore.endpoint, (store) => store.list(prefix));
  return items.map(({ key }) => key.slice(prefix.length));
}

/** CIDR, owner and how many addresses are in use. */
async function blocks(): Promise<readonly (readonly [string, string | null, number])[]> {
  const { items } = await withStore(datastore.endpoint, (store) => store.list(blocksPrefix()));
  return items
    .map(({ key, value }) => decodeBlock(key, value))
    .map((block) => [block.prefix.toString(), block.affinity, block.allocations.length - block.unallocated.length]);
}

describe("delete", () => {
  it("deletes what is named, and says how many of what", async () => {
    expect(await run("delete", "ipreservation", "resv")).toEqual({
      code: 0,
      stdout: "Successfully deleted 1 'IPReservation' resource(s)\n",
      stderr: "",
    });
    expect(await run("delete", "ipreservation", "resv", "--skip-not-exists")).toEqual({
      code: 0,
      stdout: "Successfully deleted 0 'IPReservation' resource(s)\n",
      stderr: "",
    });
  });

  it("deletes all or none of several", async () => {
    const before = await contents(datastore.endpoint);
    expect(await run("delete", "felixconfig", "node.node1", "nosuch")).toMatchObject({ code: 1, stdout: "" });
    expect(await contents(datastore.endpoint)).toEqual(before);
    const outcome = await run("delete", "felixconfig", "node.node1", "nosuch", "default", "-s");
    expect(outcome.stdout).toBe("Successfully deleted 2 'FelixConfiguration' resource(s)\n");
    expect(await keys("/calico/resources/v3/projectcalico.org/felixconfigurations/")).toEqual([]);
  });

  it("deletes what a file names, if it is still at the file's revision", async () => {
    const { stdout } = await run("get", "ipreservation", "resv", "-o", "yaml");
    const stale = terminal({
      env: { ETCD_ENDPOINTS: datastore.endpoint },
      stdin: stdout.replace(/resourceVersion: .*/, 'resourceVersion: "1"'),
    });
    expect(await stale("delete", "-f", "-")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("has been changed since"),
    });
    const fresh = terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint }, stdin: stdout });
    expect(await fresh("delete", "-f", "-")).toMatchObject({
      code: 0,
      stdout: "Successfully deleted 1 'IPReservation' resource(s)\n",
    });
  });
});

describe("delete node", () => {
  it("gives back everything that was the node's, also what it borrowed, and touches nobody else's", async () => {
    expect(await run("delete", "node", "node2")).toEqual({
      code: 0,
      stdout: "Successfully deleted 1 'Node' resource(s)\n",
      stderr: "ocicat: Node node2: 2 addresses and 2 endpoints of it went with it\n",
    });
    expect(await blocks()).toEqual([
      ["10.244.166.128/26", "host:node1", 4],
      ["10.99.0.0/26", "host:node1", 1],
    ]);
    expect(await keys(affinitiesPrefix(hostOwner("node2")))).toEqual([]);
    const endpoints = await keys("/calico/resources/v3/projectcalico.org/workloadendpoints/default/");
    expect(endpoints.filter((name) => name.startsWith("node2"))).toEqual([]);
    expect(endpoints).toHaveLength(4);
    expect(await withStore(datastore.endpoint, auditIpam)).toEqual([]);
  });

  it("leaves a block to those who hold addresses of it, and takes the node's own configuration along", async () => {
    expect(await run("delete", "node", "node1")).toMatchObject({ code: 0 });
    expect(await blocks()).toEqual([
      ["10.244.104.0/26", "host:node2", 1],
      ["10.99.0.0/26", null, 1],
    ]);
    expect(await keys("/calico/resources/v3/projectcalico.org/felixconfigurations/")).toEqual(["default"]);
    expect(await keys("/calico/resources/v3/projectcalico.org/nodes/")).toEqual(["node2", "node3"]);
    expect(await withStore(datastore.endpoint, auditIpam)).toEqual([]);
  });

  it("says nothing where there is nothing to give back", async () => {
    expect(await run("delete", "node", "node3")).toMatchObject({ code: 0, stderr: "" });
  });

  it("does nothing of it where another of the nodes named is not there", async () => {
    const before = await contents(datastore.endpoint);
    expect(await run("delete", "node", "node2", "nosuch")).toMatchObject({ code: 1 });
    expect(await contents(datastore.endpoint)).toEqual(before);
  });
});

describe("delete ippool", () => {
  it("takes the blocks along that nobody uses, and says how many addresses are in use", async () => {
    expect(await run("delete", "ippool", "tiny")).toEqual({
      code: 0,
      stdout: "Successfully deleted 1 'IPPool' resource(s)\n",
      stderr:
        "ocicat: IPPool tiny: 2 addresses of it are in use and stay with their holders; no pool routes them now\n",
    });
    expect((await blocks()).map(([cidr, owner]) => [cidr, owner])).toContainEqual(["10.99.0.0/26", "host:node1"]);
    const usage = await run("ipam", "show");
    expect(usage.stdout).toContain("| Block, no pool | 10.99.0.0/26  |        64 | 2 (3%)     | 62 (97%)     |");
  });

  it("leaves nothing of a pool that nobody uses", async () => {
    await run("create", "-f", goldenInput("ippool6.yaml"));
    await claim("fd00:10:244::/122");
    expect((await blocks()).map(([cidr]) => cidr)).toContain("fd00:10:244::/122");
    expect(await run("delete", "-f", goldenInput("ippool6.yaml"))).toMatchObject({ code: 0, stderr: "" });
    expect((await blocks()).map(([cidr]) => cidr)).not.toContain("fd00:10:244::/122");
    expect(await withStore(datastore.endpoint, auditIpam)).toEqual([]);
  });
});

async function claim(block: string): Promise<void> {
  const { createIpam } = await import("@ocicat/ipam");
  const { systemClock: clock, systemRandom: random } = await import("@ocicat/datastore/etcd");
  const { DEFAULT_IPAM_CONFIG: config } = await import("@ocicat/api/ipam");
  const prefix = parsePrefix(block);
  const pool = {
    name: "six",
    prefix: parsePrefix("fd00:10:244::/48"),
    blockSize: 122,
    disabled: false,
    selectsNode: true,
  };
  const settings = () => ({
    pools: [{ ...pool, assignmentMode: "Automatic" as const, allowedUses: ["Workload" as const] }],
    reservations: [],
    config,
  });
  await withStore(datastore.endpoint, (store) =>
    createIpam({ store, clock, random, node: "node1", settings }).claimAffinity(prefix),
  );
}
