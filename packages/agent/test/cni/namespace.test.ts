import { encodeStored, ippool, node, readDocument, resourceKey } from "@ocicat/api";
import { hostOwner } from "@ocicat/api/ipam";
import type { EndpointIdentity } from "@ocicat/cni";
import { MemoryDatastore } from "@ocicat/datastore";
import { createIpam } from "@ocicat/ipam";
import { seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { poolsForNamespace } from "../../src/cni/namespace.ts";
import { ipamSettings, leavePools } from "../../src/node/ipam.ts";
import { makeTables, type Tables } from "../../src/tables/tables.ts";

const HEAD = { apiVersion: "projectcalico.org/v3" };

async function put(store: MemoryDatastore, tables: Tables, kind: string, name: string, spec: object, labels = {}) {
  const resource = readDocument({ ...HEAD, kind, metadata: { name, labels }, spec });
  const item = await store.put(resourceKey(kind, name), encodeStored(resource));
  if (kind === ippool.kind) tables.pools.put(item);
  if (kind === node.kind) tables.nodes.put(item);
}

function identity(orchestrator: "k8s" | "cni", namespace: string): EndpointIdentity {
  const common = { workload: "w", endpoint: "eth0", name: "n", hostInterface: "cali0", handleId: `net.${namespace}` };
  return { orchestrator, namespace, ...common };
}

async function world() {
  const store = new MemoryDatastore();
  const tables = makeTables("node1", silentLogger);
  await put(store, tables, "IPPool", "any", { cidr: "10.9.0.0/24" });
  await put(store, tables, "IPPool", "green", { cidr: "10.1.0.0/24", namespaceSelector: "team == 'green'" });
  await put(store, tables, "IPPool", "shop", {
    cidr: "10.2.0.0/24",
    namespaceSelector: "projectcalico.org/name == 'shop'",
  });
  await put(store, tables, "Profile", "kns.meadow", {
    labelsToApply: { "pcns.team": "green", "pcns.projectcalico.org/name": "meadow", team: "of-the-pods" },
  });
  const clock = new TestClock();
  const ipam = createIpam({
    store,
    clock,
    random: seededRandom(1),
    owner: hostOwner("node1"),
    settings: () => ipamSettings(tables),
  });
  const pool = async (endpoint: EndpointIdentity) => {
    const allows = await poolsForNamespace(store, tables.pools.rows(), endpoint);
    const wants = [{ family: 4, ...(allows && { allows }) }] as const;
    const [given] = await ipam.autoAssign({ handleId: endpoint.handleId, wants });
    return given?.pool;
  };
  return { store, tables, ipam, pool };
}

describe("a pool's namespace selector", () => {
  it("looks at the labels in the namespace's profile, and at its name", async () => {
    const { store, tables, pool } = await world();
    await put(store, tables, "IPPool", "any", { cidr: "10.9.0.0/24", disabled: true });
    expect(await pool(identity("k8s", "meadow"))).toBe("green");
    expect(await pool(identity("k8s", "shop"))).toBe("shop");
    await expect(pool(identity("k8s", "other"))).rejects.toThrow(
      /any is disabled; green does not select this namespace; shop does not select this namespace/,
    );
  });

  it("is no obstacle in pools that have none, and one for containers without a namespace in those that do", async () => {
    const { pool } = await world();
    expect(await pool(identity("k8s", "other"))).toBe("any");
    expect(await pool(identity("cni", "shop"))).toBe("any");
  });

  it("costs nothing where no pool has one", async () => {
    const { store, tables } = await world();
    const pools = [...tables.pools.rows()].filter(({ name }) => name === "any");
    await store.close();
    expect(await poolsForNamespace(store, pools, identity("k8s", "shop"))).toBeUndefined();
  });
});

describe("blocks of pools that turn away from the node", () => {
  it.each([
    [
      "the pool's selector",
      (w: Awaited<ReturnType<typeof world>>) =>
        put(w.store, w.tables, "IPPool", "any", { cidr: "10.9.0.0/24", nodeSelector: "rack == 'r2'" }),
    ],
    [
      "the node's labels",
      async (w: Awaited<ReturnType<typeof world>>) => {
        await put(w.store, w.tables, "IPPool", "any", { cidr: "10.9.0.0/24", nodeSelector: "rack == 'r1'" });
        await put(w.store, w.tables, "Node", "node1", {}, { rack: "r2" });
      },
    ],
  ])("are given up when %s changes, and not while the datastore is locked", async (_what, change) => {
    const w = await world();
    await put(w.store, w.tables, "Node", "node1", {}, { rack: "r1" });
    await w.ipam.claimAffinity(parsePrefix("10.9.0.0/26"));
    const later: (() => void)[] = [];
    const listeners: ((locked: boolean) => void)[] = [];
    const lock = { locked: true, subscribe: (listener: (locked: boolean) => void) => void listeners.push(listener) };
    leavePools({ ...w, lock, defer: (work) => later.push(work), logger: silentLogger });
    const blocks = async () => {
      for (const work of later.splice(0)) work();
      // Its turn comes after what is under way.
      await w.ipam.release({ handleId: "net.nobody" });
      return (await w.store.list("/calico/ipam/v2/assignment/")).items.length;
    };
    await change(w);
    expect(later).toHaveLength(1);
    expect(await w.store.list("/calico/ipam/v2/assignment/")).toMatchObject({ items: [{}] });
    for (const work of later.splice(0)) work();
    lock.locked = false;
    for (const listener of listeners) listener(false);
    expect(await blocks()).toBe(0);
  });
});
