import { MemoryDatastore } from "@ocicat/datastore";
import { type Random, seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { ClusterState, judge, type Subject } from "../src/collect/index.ts";
import { FakeAgent, pool } from "./support/fake-agent.ts";

const SEEDS = Number(process.env["OCICAT_RUNS"] ?? 6);
const STEPS = 100;
/** The whole is judged anew so often. */
const EVERY = 4;

/** Everything that can happen to the rows, by agents and by hands. */
async function step(
  store: MemoryDatastore,
  agents: readonly FakeAgent[],
  random: Random,
  clock: TestClock,
): Promise<void> {
  const pick = <T>(values: readonly T[]): T | undefined => values[random.uint32() % Math.max(1, values.length)];
  const agent = pick(agents);
  if (agent === undefined) return;
  const pod = `p${random.uint32() % 6}`;
  const container = `${agent.name}${pod}${random.uint32() % 3}`;
  const keys = (await store.list("/calico/")).items;
  const any = pick(keys);
  const deeds: readonly (() => Promise<unknown>)[] = [
    () => agent.add(pod, container),
    () => agent.add(pod, container),
    () => agent.addHalf(pod, container),
    () => agent.del(pod, container),
    () => agent.register(),
    () => agent.vanish(),
    () => agent.tunnelAddress(),
    async () => any && store.delete(any.key),
    async () => any && store.put(any.key, "{"),
    async () => any && store.put(any.key, any.value),
    () =>
      store.put(
        `/calico/ipam/v2/host/${agent.name}/ipv4/block/10.0.${random.uint32() % 4}.0-26`,
        `{"state":"pending"}`,
      ),
    () => store.put(`/calico/ipam/v2/handle/net.${container}`, `{"block":{"10.0.0.0/26":2},"deleted":false}`),
  ];
  // What an agent cannot do on such rows is no matter here; where it would wait and try again, time passes.
  let isDone = false;
  const deed = pick(deeds)?.().catch(() => undefined);
  const settled = deed?.finally(() => {
    isDone = true;
  });
  while (settled !== undefined && !isDone) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("what changes tell", () => {
  it.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
    "is what everything tells, whatever happens (seed %i)",
    async (seed) => {
      const random = seededRandom(seed);
      const clock = new TestClock();
      const store = new MemoryDatastore();
      const pools = [pool("default", "10.0.0.0/24")];
      const agents = ["node1", "node2", "node3"].map((name) => new FakeAgent({ store, clock, random, name, pools }));
      const watch = store.watch("/calico/", { from: 1n });
      const batches = watch[Symbol.asyncIterator]();
      const state = new ClusterState();
      const verdicts = new Map<Subject, string>();
      let seen = 0n;
      for (let count = 0; count < STEPS; count++) {
        await step(store, agents, random, clock);
        // Some deeds write nothing that is watched.
        const { modRevision } = await store.put("/calico/mark", `${count}`);
        while (seen < modRevision) {
          const next = await batches.next();
          if (next.done === true) throw new Error("the watch has ended");
          seen = next.value.revision;
          for (const event of next.value.events) {
            if (event.type === "put") state.put(event.item);
            else state.remove(event.key);
          }
          for (const subject of state.takeDirty()) {
            const verdict = judge(state, subject);
            if (verdict === undefined) verdicts.delete(subject);
            else verdicts.set(subject, `${verdict.reason} ${verdict.evidence}`);
          }
        }
        if (count % EVERY > 0) continue;
        const fresh = new ClusterState();
        for (const item of (await store.list("/calico/")).items) fresh.put(item);
        const expected = [...fresh.subjects()].flatMap((subject) => {
          const verdict = judge(fresh, subject);
          return verdict === undefined ? [] : [[subject, `${verdict.reason} ${verdict.evidence}`] as const];
        });
        const byName = (a: readonly [string, string], b: readonly [string, string]) => (a[0] < b[0] ? -1 : 1);
        expect([...verdicts].sort(byName), `step ${count}`).toEqual([...expected].sort(byName));
        expect(state.indexSize, `step ${count}`).toBe(fresh.indexSize);
      }
      // And of nothing nothing is kept.
      for (const { key } of (await store.list("/calico/")).items) state.remove(key);
      for (const subject of state.takeDirty()) expect(judge(state, subject)).toBeUndefined();
      expect(state.indexSize).toBe(0);
      watch.close();
    },
  );
});
