import { blockKey, decodeBlock, encodeBlock, hostOwner } from "@ocicat/api/ipam";
import { createBlock } from "@ocicat/ipam";
import { parsePrefix } from "@ocicat/net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { goldenInput, loadDump, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

let datastore: TestDatastore;
beforeEach(async () => {
  datastore = await startEmbedded();
});
afterEach(() => datastore.stop());

const show = (...args: readonly string[]): Promise<Outcome> =>
  terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("ipam", "show", ...args);

describe("ipam show, from what a real Calico stored", () => {
  beforeEach(() => loadDump(datastore.endpoint));

  it("is the pools, without their blocks", async () => {
    expect((await show()).stdout).toBe(
      [
        "+----------+---------------+-----------+------------+--------------+",
        "| GROUPING |     CIDR      | IPS TOTAL | IPS IN USE |   IPS FREE   |",
        "+----------+---------------+-----------+------------+--------------+",
        "| IP Pool  | 10.244.0.0/16 |     65536 | 5 (0%)     | 65531 (100%) |",
        "| IP Pool  | 10.99.0.0/26  |        64 | 2 (3%)     | 62 (97%)     |",
        "+----------+---------------+-----------+------------+--------------+",
        "",
      ].join("\n"),
    );
  });

  it("is what is reserved and what rests, where asked for", async () => {
    const more = { kind: "IPReservation", apiVersion: "projectcalico.org/v3", metadata: { name: "more" } };
    const reservedCIDRs = ["10.244.255.0/28", "10.99.0.1", "10.99.0.32/27"];
    const key = "/calico/resources/v3/projectcalico.org/ipreservations/more";
    await withStore(datastore.endpoint, (store) =>
      store.put(key, JSON.stringify({ ...more, spec: { reservedCIDRs } })),
    );
    const { stdout } = await show("--show-reserved");
    expect(stdout).toBe(
      [
        "+----------+---------------+-----------+------------+--------------+--------------+-------------+",
        "| GROUPING |     CIDR      | IPS TOTAL | IPS IN USE | IPS RESERVED |   IPS FREE   | IPS COOLING |",
        "+----------+---------------+-----------+------------+--------------+--------------+-------------+",
        "| IP Pool  | 10.244.0.0/16 |     65536 | 5 (0%)     | 256 (0%)     | 65275 (100%) | 0 (0%)      |",
        "| IP Pool  | 10.99.0.0/26  |        64 | 2 (3%)     | 33 (52%)     | 30 (47%)     | 0 (0%)      |",
        "+----------+---------------+-----------+------------+--------------+--------------+-------------+",
        "",
      ].join("\n"),
    );
  });

  it("is who borrowed from whom, and for which pod", async () => {
    expect((await show("--show-borrowed")).stdout).toBe(
      [
        "+-----------+----------------+--------------+-------------+------+----------------+",
        "|    IP     | BORROWING-NODE |    BLOCK     | BLOCK OWNER | TYPE |  ALLOCATED-TO  |",
        "+-----------+----------------+--------------+-------------+------+----------------+",
        "| 10.99.0.1 | node2          | 10.99.0.0/26 | node1       | pod  | default/tiny-2 |",
        "+-----------+----------------+--------------+-------------+------+----------------+",
        "",
      ].join("\n"),
    );
  });

  it("is who holds an address", async () => {
    expect((await show("--ip=10.99.0.1")).stdout).toBe(
      [
        "IP 10.99.0.1 is in use",
        "Handle ID: k8s-pod-network.aaaa000000000000000000000000000000000000000000000000000000000006",
        "Active Owner Attributes:",
        "  namespace: default",
        "  node: node2",
        "  pod: tiny-2",
        "  timestamp: 2026-11-21 02:19:57.796367315 +0000 UTC",
        "",
      ].join("\n"),
    );
    expect((await show("--ip", "8.8.8.8")).stdout).toBe("8.8.8.8 is not assigned\n");
  });

  it("is the settings", async () => {
    const { code, stdout } = await show("--show-configuration");
    expect(code).toBe(0);
    expect(stdout).toContain(
      "| StrictAffinity               | false   |\n| AutoAllocateBlocks           | true    |\n| MaxBlocksPerHost             |       0 |",
    );
  });

  it("is one table after the other where several are asked for", async () => {
    const { stdout } = await show("--show-blocks", "--show-borrowed", "--show-configuration");
    const places = ["| GROUPING |", "| BORROWING-NODE |", "|           PROPERTY           |"].map((text) =>
      stdout.indexOf(text),
    );
    expect(places).toEqual(places.toSorted((x, y) => x - y));
    expect(places).not.toContain(-1);
    expect((await show("--show-borrowed")).stdout).not.toContain("GROUPING");
  });

  it("refuses what is no address, and an address with a table", async () => {
    for (const args of [
      ["--ip", "10.99.0.1/32"],
      ["--ip", "wibble"],
      ["--ip", "10.99.0.1", "--show-blocks"],
    ]) {
      const { code, stdout, stderr } = await show(...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^ocicat: (?:--ip: ".*" is not|--ip and a table)[^\n]+\n$/);
    }
  });

  it("leaves out a block that cannot be read, says so, and exits with 1", async () => {
    const key = blockKey(parsePrefix("10.99.0.0/26"));
    await withStore(datastore.endpoint, (store) => store.put(key, "{}"));
    const { code, stdout, stderr } = await show("--show-blocks");
    expect(code).toBe(1);
    expect(stdout).not.toContain("| Block    | 10.99.0.0/26");
    expect(stderr).toMatch(/^ocicat: \S+10\.99\.0\.0-26 is left out, for it cannot be read: [^\n]+\n$/);
  });

  it("says that a released address rests", async () => {
    await withStore(datastore.endpoint, async (store) => {
      const key = blockKey(parsePrefix("10.99.0.0/26"));
      const block = decodeBlock(key, (await store.get(key))?.value ?? "");
      const stored = JSON.parse(encodeBlock(block)) as { attributes: unknown[] };
      stored.attributes[1] = { releasedAt: "2026-11-21T02:30:00Z" };
      await store.put(key, JSON.stringify(stored));
    });
    expect((await show("--ip=10.99.0.1")).stdout).toBe(
      "10.99.0.1 is not assigned: it rests since its release, 2026-11-21T02:30:00Z\n",
    );
    expect((await show()).stdout).toContain("| IP Pool  | 10.99.0.0/26  |        64 | 2 (3%)     | 62 (97%)     |");
    expect((await show("--show-reserved")).stdout).toContain("| 62 (97%)     | 1 (2%)      |");
  });

  it("says who has an address besides, and that nobody is known to", async () => {
    await withStore(datastore.endpoint, async (store) => {
      const key = blockKey(parsePrefix("10.99.0.0/26"));
      const stored = JSON.parse((await store.get(key))?.value ?? "") as { attributes: object[] };
      stored.attributes = [{}, { ...stored.attributes[1], alternateOwnerAttrs: { node: "node3", pod: "tiny-2b" } }];
      await store.put(key, JSON.stringify(stored));
    });
    expect((await show("--ip=10.99.0.1")).stdout).toMatch(
      /\nAlternate Owner Attributes:\n {2}node: node3\n {2}pod: tiny-2b\n$/,
    );
    expect((await show("--ip=10.99.0.0")).stdout).toBe(
      "IP 10.99.0.0 is in use\nHandle ID: <none>\nNo Active Owner attributes defined\n",
    );
    expect((await show("--show-borrowed")).stdout).toContain(
      "\nOf 1 addresses it is not known for which node they are",
    );
  });
});

describe("ipam show", () => {
  it("is an empty table where there is no pool", async () => {
    expect((await show()).stdout).toContain("| GROUPING | CIDR | IPS TOTAL | IPS IN USE | IPS FREE |");
  });

  it("counts a large pool as calicoctl does", async () => {
    await terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("create", "-f", goldenInput("ippool6.yaml"));
    expect((await show()).stdout).toContain(
      "| IP Pool  | fd00:10:244::/48 | 1.2089e+24 | 0 (0%)     | 1.2089e+24 (100%) |",
    );
    const block = createBlock({
      prefix: parsePrefix("fd00:10:244::40/122"),
      owner: hostOwner("node1"),
      now: 0,
      sequenceNumber: 1n,
    });
    await withStore(datastore.endpoint, (store) => store.put(blockKey(block.prefix), encodeBlock(block)));
    expect((await show("--show-blocks")).stdout).toContain(
      "| Block    | fd00:10:244::40/122 |         64 | 0 (0%)     | 64 (100%)         |",
    );
  });
});
