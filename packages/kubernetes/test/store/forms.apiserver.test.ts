import { readFileSync } from "node:fs";
import {
  affinitiesPrefix,
  affinityKey,
  blockKey,
  handleKey,
  hostOwner,
  IPAM_CONFIG_KEY,
  resourceKey,
} from "@ocicat/api";
import type { WatchEvent } from "@ocicat/datastore";
import type { JsonValue } from "@ocicat/kit";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { parsePrefix } from "@ocicat/net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { API_GROUPS, type ApiGroup, type KubernetesDatastore } from "../../src/index.ts";
import { openStore, startCluster } from "../support/cluster.ts";

/** What a real Calico stored in etcd. */
const GOLDEN = readFileSync(new URL("../../../api/test/golden/etcd-dump.jsonl", import.meta.url), "utf8");

let cluster: PrivateControlPlane;
beforeAll(async () => {
  cluster = await startCluster({ controllers: true });
}, 60_000);
afterAll(() => cluster?.stop());

function during(group: ApiGroup, work: (store: KubernetesDatastore) => Promise<void>): () => Promise<void> {
  return async () => {
    const store = openStore(cluster, group);
    try {
      await work(store);
    } finally {
      await store.close();
    }
  };
}

/** The object behind a row, as the API has it, without what the server adds. */
async function object(store: KubernetesDatastore, key: string): Promise<Readonly<Record<string, unknown>>> {
  const found = await store.objectOf(key);
  if (found === undefined) throw new Error(`there is nothing behind ${key}`);
  const { metadata, ...rest } = found.object;
  const { name, labels, annotations } = metadata;
  return { ...rest, metadata: { name, ...(labels === undefined ? {} : { labels }), annotations } };
}

const BLOCK = parsePrefix("10.0.0.0/26");
const POOL = resourceKey("IPPool", "pool");

function pool(): string {
  const metadata = { name: "pool", uid: "u", creationTimestamp: "2026-11-21T10:00:00Z", labels: { a: "b" } };
  return JSON.stringify({
    kind: "IPPool",
    apiVersion: "projectcalico.org/v3",
    metadata,
    spec: { cidr: "10.0.0.0/16" },
  });
}

describe.each(API_GROUPS)("rows in %s", (group) => {
  it(
    "of a real Calico come back as they were",
    during(group, async (store) => {
      const rows = GOLDEN.trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { readonly key: string; readonly value: string });
      let count = 0;
      for (const { key, value } of rows) {
        if (!isKept(key)) continue;
        // Kubernetes has neither of Calico's namespaces.
        await store.put(key, value);
        const item = await store.get(key);
        const isIpam = key.startsWith("/calico/ipam/");
        expect([key, isIpam ? item?.value : stripped(item?.value ?? "")]).toEqual([
          key,
          isIpam ? value : stripped(value),
        ]);
        await store.delete(key);
        expect(await store.get(key)).toBeUndefined();
        count += 1;
      }
      expect(count).toBeGreaterThan(10);
    }),
    60_000,
  );
});

/** Not what follows from other objects here, nor what has no place. */
function isKept(key: string): boolean {
  return !/\/(nodes|workloadendpoints|profiles|networkpolicies|networksets)\/|\/v2\/host\/[^/]+$/.test(key);
}

/** What the API server says of an object; and the order of an object's fields says nothing. */
const SERVERS: ReadonlySet<string> = new Set(["uid", "creationTimestamp", "generation"]);

function stripped(text: string): JsonValue {
  return JSON.parse(text, (name, value: unknown) => (SERVERS.has(name) ? undefined : value)) as JsonValue;
}

describe("crd.projectcalico.org/v1", () => {
  const group = "crd.projectcalico.org/v1";

  it(
    "has a resource's metadata in an annotation",
    during(group, async (store) => {
      await store.create(POOL, pool());
      expect(await object(store, POOL)).toEqual({
        apiVersion: group,
        kind: "IPPool",
        metadata: {
          name: "pool",
          annotations: {
            "projectcalico.org/metadata": '{"creationTimestamp":"2026-11-21T10:00:00Z","labels":{"a":"b"}}',
          },
        },
        spec: { cidr: "10.0.0.0/16" },
      });
      await store.delete(POOL);
    }),
  );

  it(
    "has a policy under the name of its key, and its own name in the annotation",
    during(group, async (store) => {
      const key = resourceKey("GlobalNetworkPolicy", "default.web");
      const annotations = { "projectcalico.org/metadata": '{"name":"web"}', note: "x" };
      const document = { kind: "GlobalNetworkPolicy", apiVersion: "projectcalico.org/v3" };
      const value = { ...document, metadata: { name: "default.web", annotations }, spec: { selector: "all()" } };
      await store.create(key, JSON.stringify(value));
      expect(await object(store, key)).toMatchObject({
        metadata: {
          name: "default.web",
          annotations: { "projectcalico.org/metadata": '{"name":"web","annotations":{"note":"x"}}' },
        },
      });
      expect(stripped((await store.get(key))?.value ?? "")).toMatchObject({ metadata: { annotations } });
      await store.delete(key);
    }),
  );

  it(
    "has labels that an older Calico left on the object itself",
    during(group, async (store) => {
      const annotations = { "projectcalico.org/metadata": '{"creationTimestamp":"2026-11-21T10:00:00Z"}', note: "x" };
      const metadata = { name: "old", labels: { a: "b" }, annotations };
      const resource = { group: "crd.projectcalico.org", version: "v1", plural: "ippools", namespaced: false };
      await store.api.create(resource, undefined, {
        apiVersion: group,
        kind: "IPPool",
        metadata,
        spec: { cidr: "10.9.0.0/16" },
      });
      const key = resourceKey("IPPool", "old");
      expect(stripped((await store.get(key))?.value ?? "")).toMatchObject({
        metadata: { labels: { a: "b" }, annotations: { note: "x" } },
      });
      await store.delete(key);
    }),
  );

  it(
    "has IPAM's objects as Calico names and writes them",
    during(group, async (store) => {
      const affinity = affinityKey(hostOwner("node1"), BLOCK);
      await store.create(affinity, '{"state":"pending","deleted":false}');
      expect(await object(store, affinity)).toMatchObject({
        kind: "BlockAffinity",
        metadata: {
          name: "node1-10-0-0-0-26",
          labels: {
            "projectcalico.org/affinity-type": "host",
            "projectcalico.org/ip-version": "4",
            "projectcalico.org/hostname-hash": expect.stringMatching(/^[A-Z2-7]{52}$/),
          },
        },
        spec: { state: "pending", node: "node1", type: "host", cidr: "10.0.0.0/26", deleted: "false" },
      });
      const handle = handleKey("k8s-pod-network.ABC");
      await store.create(handle, '{"block":{"10.0.0.0/26":1},"deleted":false}');
      expect(await object(store, handle)).toMatchObject({
        kind: "IPAMHandle",
        metadata: { name: "k8s-pod-network.abc" },
        spec: { handleID: "k8s-pod-network.ABC", block: { "10.0.0.0/26": 1 }, deleted: false },
      });
      // Another's, whose name differs in capitals alone.
      expect(await store.get(handleKey("k8s-pod-network.abc"))).toBeUndefined();
      await expect(
        store.create(handleKey("k8s-pod-network.abc"), '{"block":{},"deleted":false}'),
      ).rejects.toMatchObject({
        code: "ALREADY_EXISTS",
      });
      await store.put(IPAM_CONFIG_KEY, '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":4}');
      expect(await object(store, IPAM_CONFIG_KEY)).toMatchObject({
        kind: "IPAMConfig",
        metadata: { name: "default" },
        spec: { strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 4 },
      });
      for (const key of [affinity, handle, IPAM_CONFIG_KEY]) await store.delete(key);
    }),
  );
});

describe("projectcalico.org/v3", () => {
  const group = "projectcalico.org/v3";

  it(
    "has a resource as it is",
    during(group, async (store) => {
      await store.create(POOL, pool());
      expect(await object(store, POOL)).toMatchObject({
        apiVersion: group,
        metadata: { name: "pool", labels: { a: "b" } },
        spec: { cidr: "10.0.0.0/16" },
      });
      const value = (await store.get(POOL))?.value ?? "";
      await store.update(POOL, value, (await store.get(POOL))?.modRevision ?? 0n);
      expect((await store.get(POOL))?.value).toBe(value);
      await store.delete(POOL);
    }),
  );

  it(
    "has the settings of IPAM under their kind's new name, and a mark that is no word",
    during(group, async (store) => {
      await store.put(IPAM_CONFIG_KEY, '{"strict_affinity":true,"auto_allocate_blocks":true}');
      expect(await object(store, IPAM_CONFIG_KEY)).toMatchObject({ kind: "IPAMConfiguration" });
      const affinity = affinityKey(hostOwner("node1"), BLOCK);
      await store.create(affinity, '{"state":"confirmed","deleted":false}');
      expect(await object(store, affinity)).toMatchObject({ spec: { deleted: false } });
      for (const key of [affinity, IPAM_CONFIG_KEY]) await store.delete(key);
    }),
  );
});

describe("affinities from before they had labels", () => {
  const group = "crd.projectcalico.org/v1";
  const AFFINITIES = { group: "crd.projectcalico.org", version: "v1", plural: "blockaffinities", namespaced: false };

  it(
    "are not found by who asks for a node's, until they are given theirs; others' are left to them",
    during(group, async (store) => {
      for (const node of ["node1", "node2"]) {
        await store.api.create(AFFINITIES, undefined, {
          apiVersion: group,
          kind: "BlockAffinity",
          metadata: { name: `${node}-10-0-0-0-26` },
          spec: { cidr: "10.0.0.0/26", node, state: "confirmed", deleted: "false" },
        });
      }
      const found = async (node: string) =>
        (await store.list(affinitiesPrefix(hostOwner(node), 4))).items.map(({ key }) => key);
      expect(await found("node1")).toEqual([]);
      expect(await store.labelAffinities("node1")).toBe(1);
      expect(await found("node1")).toEqual([affinityKey(hostOwner("node1"), BLOCK)]);
      expect(await found("node2")).toEqual([]);
      expect((await store.get(affinityKey(hostOwner("node1"), BLOCK)))?.value).toBe(
        '{"state":"confirmed","deleted":false}',
      );
      expect(await store.labelAffinities("node1")).toBe(0);
      for (const node of ["node1", "node2"]) await store.delete(affinityKey(hostOwner(node), BLOCK));
    }),
  );
});

describe("a deletion of IPAM's", () => {
  const group = "crd.projectcalico.org/v1";
  const HANDLES = { group: "crd.projectcalico.org", version: "v1", plural: "ipamhandles", namespaced: false };
  const VALUE = '{"block":{"10.0.0.0/26":1},"deleted":false}';

  it(
    "compares, and is told once",
    during(group, async (store) => {
      const key = handleKey("net.told");
      const created = await store.create(key, VALUE);
      const updated = await store.update(key, VALUE, created.modRevision);
      // A write that changes nothing is one all the same: who compares must notice.
      expect(updated.modRevision).toBeGreaterThan(created.modRevision);
      await expect(store.delete(key, created.modRevision)).rejects.toMatchObject({ code: "CONFLICT" });
      const watch = store.watch(key, { from: updated.modRevision + 1n })[Symbol.asyncIterator]();
      expect(await store.delete(key, updated.modRevision)).toEqual(updated);
      const other = await store.create(key, VALUE);
      const told: WatchEvent[] = [];
      while (told.length < 2) told.push(...((await watch.next()).value?.events ?? []));
      expect(told).toMatchObject([
        { type: "delete", key },
        { type: "put", item: other },
      ]);
      await store.delete(key);
    }),
  );

  it(
    "that stopped after its mark has happened: nobody reads the row, and it can be made anew",
    during(group, async (store) => {
      const key = handleKey("net.marked");
      const { modRevision } = await store.create(key, VALUE);
      const place = { namespace: undefined, name: "net.marked" };
      await store.api.patch(HANDLES, place, { spec: { deleted: true } });
      expect(await store.get(key)).toBeUndefined();
      expect((await store.list("/calico/ipam/v2/handle/net.marked")).items).toEqual([]);
      await expect(store.update(key, VALUE, modRevision)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(store.delete(key)).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect((await store.create(key, VALUE)).value).toBe(VALUE);
      await store.delete(key);
    }),
  );
});

describe("a node's affinities", () => {
  it(
    "are listed and watched without those of others",
    during("crd.projectcalico.org/v1", async (store) => {
      const long = `node-${"x".repeat(240)}`;
      const keys = ["node1", "node2", long].map((node) => affinityKey(hostOwner(node), BLOCK));
      const family6 = affinityKey(hostOwner("node1"), parsePrefix("fd00::/122"));
      for (const key of [...keys, family6]) await store.create(key, '{"state":"confirmed","deleted":false}');
      const listed = async (prefix: string) => (await store.list(prefix)).items.map(({ key }) => key);
      expect(await listed(affinitiesPrefix(hostOwner("node1")))).toEqual([keys[0], family6]);
      expect(await listed(affinitiesPrefix(hostOwner("node1"), 6))).toEqual([family6]);
      expect(await listed(affinitiesPrefix(hostOwner(long)))).toEqual([keys[2]]);
      expect((await listed("/calico/ipam/v2/host/")).length).toBe(4);
      const { revision } = await store.list("/calico/ipam/v2/host/");
      const watch = store.watch(affinitiesPrefix(hostOwner("node2")), { from: revision + 1n })[Symbol.asyncIterator]();
      for (const key of keys) await store.delete(key);
      expect((await watch.next()).value).toMatchObject({ events: [{ type: "delete", key: keys[1] }] });
      await store.delete(family6);
      expect(await listed("/calico/ipam/v2/host/")).toEqual([]);
      expect(await store.get(blockKey(BLOCK))).toBeUndefined();
    }),
  );
});

describe("a prefix over several resources", () => {
  it(
    "is listed at one version, whole and in order, and watched",
    during("crd.projectcalico.org/v1", async (store) => {
      const { items, revision } = await store.list("/calico/");
      const keys = items.map(({ key }) => key);
      expect(keys).toEqual(keys.toSorted());
      expect(keys).toContain(resourceKey("Profile", "kns.default"));
      expect(keys).toContain("/calico/resources/v3/projectcalico.org/kubernetesservice/default/kubernetes");
      const watch = store.watch("/calico/", { from: revision + 1n })[Symbol.asyncIterator]();
      const created = await store.create(POOL, pool());
      for (;;) {
        const { value } = await watch.next();
        if (JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}` : each)).includes(created.key))
          break;
      }
      expect((await store.list("/calico/", { revision })).items.map(({ key }) => key)).not.toContain(POOL);
      await store.delete(POOL);
    }),
  );

  it(
    "that Kubernetes has no resource for is empty, and is not written",
    during("crd.projectcalico.org/v1", async (store) => {
      const key = "/calico/felix/v2/no-region/host/node1/status";
      expect(await store.get(key)).toBeUndefined();
      expect(await store.list("/calico/felix/")).toMatchObject({ items: [], more: false });
      await expect(store.put(key, "{}")).rejects.toMatchObject({ code: "UNSUPPORTED" });
      await expect(store.put(resourceKey("Profile", "kns.default"), "{}")).rejects.toMatchObject({
        code: "UNSUPPORTED",
      });
      await expect(store.create(POOL, "no json")).rejects.toMatchObject({ code: "INVALID" });
      const policy = resourceKey("NetworkPolicy", "a", "nowhere");
      await expect(store.create(policy, '{"metadata":{},"spec":{}}')).rejects.toThrow(
        'there is no namespace "nowhere"',
      );
    }),
  );
});
