import { globalNetworkSet } from "@ocicat/api";
import type { Watch, WatchBatch } from "@ocicat/datastore";
import { openEtcd } from "@ocicat/datastore/etcd";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DisruptionProxy } from "../../../datastore/test/support/proxy.ts";
import { type Answered, KubernetesDatastore, readKubeconfig } from "../../src/index.ts";
import { startCluster } from "../support/cluster.ts";

let cluster: PrivateControlPlane;
let answers: Answered[];
let store: KubernetesDatastore;
let other: KubernetesDatastore;

beforeAll(async () => {
  cluster = await startCluster({}, ["crd.projectcalico.org/v1"]);
}, 60_000);
afterAll(() => cluster?.stop());
beforeEach(() => {
  answers = [];
  store = open(answers);
  other = open();
});
afterEach(async () => {
  await store.close();
  await other.close();
});

const SETS = globalNetworkSet.storage.prefix();

function open(counted: Answered[] = []): KubernetesDatastore {
  return new KubernetesDatastore({
    target: readKubeconfig(cluster.kubeconfig),
    timeoutMs: 30_000,
    onAnswer: (answer) => counted.push(answer),
  });
}

/** Writes a set, and tells its revision. */
async function put(name: string, text = ""): Promise<bigint> {
  const kind = { kind: "GlobalNetworkSet", apiVersion: "projectcalico.org/v3" };
  const value = JSON.stringify({ ...kind, metadata: { name }, spec: { text } });
  return (await other.put(`${SETS}${name}`, value)).modRevision;
}

/** What a watch tells, name by name. */
class Told {
  readonly names: string[] = [];
  readonly #iterator: AsyncIterator<WatchBatch>;

  constructor(watch: Watch) {
    this.#iterator = watch[Symbol.asyncIterator]();
  }

  async until(last: string): Promise<readonly string[]> {
    while (!this.names.includes(last)) {
      const { done, value } = await this.#iterator.next();
      if (done === true) throw new Error(`the watch ended before ${last}`);
      for (const event of value.events) {
        this.names.push((event.type === "put" ? event.item.key : `-${event.key}`).replace(SETS, ""));
      }
    }
    return this.names;
  }
}

function lists(): number {
  return answers.filter(({ verb }) => verb === "list").length;
}

describe("a connection that is cut", () => {
  it("at any byte, fifteen times, costs a watch no list, and it misses and doubles nothing", async () => {
    const proxy = await DisruptionProxy.start(cluster.plane.server);
    let next = 0;
    // TLS alone is some thousand bytes; an event is some hundred.
    proxy.cutAfter(() => {
      next += 7_919;
      return 3_000 + (next % 9_000);
    });
    const counted: Answered[] = [];
    const target = readKubeconfig(cluster.kubeconfig);
    const port = Number(new URL(proxy.endpoint).port);
    const cut = new KubernetesDatastore({
      target: { ...target, server: { ...target.server, host: "127.0.0.1", port } },
      timeoutMs: 30_000,
      onAnswer: (answer) => counted.push(answer),
    });
    try {
      const from = (await put("begin")) + 1n;
      const told = new Told(cut.watch(SETS, { from }));
      const written: string[] = [];
      while (proxy.connections < 15) {
        written.push(`n${written.length}`);
        await put(written.at(-1) ?? "");
        await told.until(written.at(-1) ?? "");
      }
      expect(told.names).toEqual(written);
      expect(counted.filter(({ verb }) => verb === "list")).toEqual([]);
      expect(counted.filter(({ verb }) => verb === "watch").length).toBeGreaterThan(5);
    } finally {
      await cut.close();
      await proxy.close();
    }
  }, 120_000);
});

describe("an API server that is killed and started again", () => {
  it("is found again; a watch goes on or says that it cannot, and one list after that shows what was missed", async () => {
    await put("before");
    const { revision } = await store.list(SETS);
    const state = new Set(["before"]);
    const told = new Told(store.watch(SETS, { from: revision + 1n }));
    await put("first");
    await told.until("first");
    await cluster.plane.kill("kube-apiserver");
    await cluster.plane.restart("kube-apiserver");
    await put("second");
    const before = lists();
    try {
      for (const name of await told.until("second")) state.add(name);
      expect(lists()).toBe(before);
    } catch (error) {
      // What it remembers begins with its start, and it has written something itself.
      expect(error).toMatchObject({ code: "COMPACTED" });
      for (const { key } of (await store.list(SETS)).items) state.add(key.slice(SETS.length));
      expect(lists()).toBe(before + 1);
    }
    expect([...state]).toEqual(expect.arrayContaining(["before", "first", "second"]));
  }, 60_000);
});

describe("history that is gone", () => {
  it("is told as COMPACTED, after a time that is another for each; the list after it shows all", async () => {
    const from = await put("old");
    const etcd = openEtcd({ endpoints: [cluster.etcdEndpoint] });
    try {
      for (let index = 0; index < 5; index++) await put("old", String(index));
      await cluster.plane.kill("kube-apiserver");
      await etcd.compact((await etcd.list("/registry/crd.projectcalico.org/", { limit: 1 })).revision);
      await cluster.plane.restart("kube-apiserver");
      const watch = store.watch(SETS, { from });
      await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "COMPACTED" });
      await expect(store.list(SETS, { revision: from })).rejects.toMatchObject({ code: "COMPACTED" });
      expect((await store.list(SETS)).items.map(({ key }) => key)).toContain(`${SETS}old`);
    } finally {
      await etcd.close();
    }
  }, 60_000);
});
