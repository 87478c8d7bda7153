import { clusterInformation, decodeStored, encodeStored, ippool, readDocument, resourceKey } from "@ocicat/api";
import { MemoryDatastore } from "@ocicat/datastore";
import { seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { splitPool } from "../../src/index.ts";
import { InterceptedStore } from "../support/intercepted-store.ts";

const HEAD = { apiVersion: "projectcalico.org/v3" };
const LOCK = resourceKey("ClusterInformation", "default");

function pool(name: string, spec: object) {
  return readDocument({ ...HEAD, kind: "IPPool", metadata: { name, labels: { rack: "r1" } }, spec });
}

async function world(options: { readonly transactions: boolean; readonly locked?: boolean }) {
  const store = new MemoryDatastore({ transactions: options.transactions });
  const spec = { datastoreReady: options.locked === false };
  const cluster = readDocument({ ...HEAD, kind: clusterInformation.kind, metadata: { name: "default" }, spec });
  await store.put(LOCK, encodeStored(cluster));
  for (const each of [
    pool("four", { cidr: "10.0.0.0/24", blockSize: 28, natOutgoing: true, nodeSelector: "has(rack)" }),
    pool("six", { cidr: "fd00::/118", blockSize: 122, disabled: true }),
  ]) {
    await store.put(resourceKey("IPPool", each.metadata.name), encodeStored(each));
  }
  const tools = { store, clock: new TestClock(), random: seededRandom(1) };
  const pools = async () => {
    const rows = (await store.list(ippool.storage.prefix())).items;
    return rows.map((row) => decodeStored(ippool, row));
  };
  return { store, tools, pools };
}

const MODES = [
  { mode: "in one step", transactions: true },
  { mode: "step by step", transactions: false },
];

describe.each(MODES)("the split of a pool, $mode", ({ transactions }) => {
  it.each(["four", "10.0.0.0/24"])("of %s puts pools alike but smaller in its place", async (name) => {
    const { tools, pools } = await world({ transactions });
    expect(await splitPool(tools, { pool: name, parts: 4 })).toEqual({
      pool: "four",
      parts: [
        { name: "split-four-0", cidr: "10.0.0.0/26" },
        { name: "split-four-1", cidr: "10.0.0.64/26" },
        { name: "split-four-2", cidr: "10.0.0.128/26" },
        { name: "split-four-3", cidr: "10.0.0.192/26" },
      ],
    });
    const all = await pools();
    expect(all.map(({ metadata }) => metadata.name)).toEqual([
      "six",
      "split-four-0",
      "split-four-1",
      "split-four-2",
      "split-four-3",
    ]);
    for (const { metadata, spec } of all.slice(1)) {
      expect(metadata.labels).toEqual({ rack: "r1" });
      expect(spec).toMatchObject({ blockSize: 28, natOutgoing: true, nodeSelector: "has(rack)", disabled: false });
    }
    expect(new Set(all.map(({ metadata }) => metadata.uid)).size).toBe(5);
  });

  it("divides IPv6, down to one block each, and enables what was disabled", async () => {
    const { tools, pools } = await world({ transactions });
    const { parts } = await splitPool(tools, { pool: "six", parts: 16 });
    expect(parts.at(-1)).toEqual({ name: "split-six-15", cidr: "fd00::3c0/122" });
    expect((await pools()).filter(({ spec }) => spec.disabled)).toEqual([]);
  });

  it.each([
    [{ pool: "four", parts: 3 }, "IPAM_SPLIT_INVALID", /power of two/],
    [{ pool: "four", parts: 1 }, "IPAM_SPLIT_INVALID", /power of two/],
    [{ pool: "four", parts: 0 }, "IPAM_SPLIT_INVALID", /power of two/],
    [{ pool: "four", parts: -2 }, "IPAM_SPLIT_INVALID", /power of two/],
    [{ pool: "four", parts: 2.5 }, "IPAM_SPLIT_INVALID", /power of two/],
    [{ pool: "four", parts: 32 }, "IPAM_SPLIT_INVALID", /smaller than one of its blocks, a \/28.*at most 16/],
    [{ pool: "none", parts: 2 }, "IPAM_NO_POOL", /name one of four \(10\.0\.0\.0\/24\), six/],
  ])("refuses %j and changes nothing", async (request, code, message) => {
    const { store, tools } = await world({ transactions });
    const { revision } = await store.list("/");
    await expect(splitPool(tools, request)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect((await store.list("/")).revision).toBe(revision);
  });

  it("refuses while the datastore is open to all", async () => {
    const { tools } = await world({ transactions, locked: false });
    const attempt = splitPool(tools, { pool: "four", parts: 2 });
    await expect(attempt).rejects.toMatchObject({ code: "IPAM_NOT_LOCKED" });
    await tools.store.delete(LOCK);
    await expect(splitPool(tools, { pool: "four", parts: 2 })).rejects.toMatchObject({ code: "IPAM_NOT_LOCKED" });
  });

  it("refuses where another pool has a part's name", async () => {
    const { store, tools } = await world({ transactions });
    const other = pool("split-four-1", { cidr: "10.7.0.0/24" });
    await store.put(resourceKey("IPPool", "split-four-1"), encodeStored(other));
    await expect(splitPool(tools, { pool: "four", parts: 2 })).rejects.toThrow(
      /IP pool split-four-1 already, for 10\.7\.0\.0\/24/,
    );
  });
});

describe("a split that is disturbed", () => {
  it("does nothing if the lock is opened under it", async () => {
    const { store, tools, pools } = await world({ transactions: true });
    const disturbed = new InterceptedStore(store, async (call, run) => {
      if (call.name === "commit") await store.put(LOCK, (await store.get(LOCK))?.value ?? "");
      return run();
    });
    const attempt = splitPool({ ...tools, store: disturbed }, { pool: "four", parts: 2 });
    await expect(attempt).rejects.toMatchObject({ code: "IPAM_CONTENTION", retryable: true });
    expect(await pools()).toHaveLength(2);
  });

  it.each([0, 1, 2, 3, 4, 5])("finishes when it is asked again after %i of its 6 single writes", async (writes) => {
    const { store, tools, pools } = await world({ transactions: false });
    let left = writes;
    const cut = new InterceptedStore(store, async (call, run) => {
      if (call.isWrite && left-- === 0) throw new Error("cut");
      return run();
    });
    await expect(splitPool({ ...tools, store: cut }, { pool: "four", parts: 4 })).rejects.toThrow("cut");
    await splitPool(tools, { pool: "four", parts: 4 });
    expect((await pools()).map(({ spec }) => spec.cidr).slice(1)).toEqual([
      "10.0.0.0/26",
      "10.0.0.64/26",
      "10.0.0.128/26",
      "10.0.0.192/26",
    ]);
  });
});
