/**
 * Single calls and many at once. Both servers run and are asked in turns of some ten milliseconds, so that what else the
 * machine does meets both; the turns' figures are pooled, and of three such rounds the one with the middle ratio is told.
 */
import type { EtcdDatastore } from "@ocicat/datastore/etcd";
import { type Case, measured, median } from "../report.ts";
import { key, PREFIX, rate, timed, VALUE } from "./load.ts";
import { residentMemory, type Server, withServers } from "./servers.ts";

const ROUNDS = 3;
const KEYS = 5000;

interface Call {
  readonly name: string;
  readonly unit: string;
  readonly goal: "at most" | "at least";
  readonly turns: number;
  /** One turn: a figure for each thing it timed. */
  readonly run: (store: EtcdDatastore, turn: number) => Promise<number[]>;
}

const CALLS: readonly Call[] = [
  {
    name: "put, p50",
    unit: "µs",
    goal: "at most",
    turns: 40,
    run: (store, turn) => timed(50, (number) => store.put(key(turn * 50 + number, KEYS), VALUE)),
  },
  {
    name: "transaction of a compare and three puts, p50",
    unit: "µs",
    goal: "at most",
    turns: 40,
    run: (store, turn) =>
      timed(25, (number) => {
        const name = `/bench/txn/${turn}-${number}`;
        return store.commit({
          compares: [{ key: `${name}/a`, exists: false }],
          operations: ["a", "b", "c"].map((part) => ({ put: `${name}/${part}`, value: VALUE })),
        });
      }),
  },
  { name: "put to watch event, p50", unit: "µs", goal: "at most", turns: 40, run: putToEvent },
  {
    name: "get, p50",
    unit: "µs",
    goal: "at most",
    turns: 40,
    run: (store, turn) => timed(50, (number) => store.get(key(turn * 50 + number, KEYS))),
  },
  {
    name: "puts with 64 under way",
    unit: "/s",
    goal: "at least",
    turns: 16,
    run: async (store, turn) => [await rate(1000, 64, (number) => store.put(key(turn * 1000 + number, KEYS), VALUE))],
  },
  {
    name: `list of ${KEYS} keys, p50`,
    unit: "µs",
    goal: "at most",
    turns: 8,
    run: (store) => timed(1, () => store.list(PREFIX)),
  },
];

async function putToEvent(store: EtcdDatastore, turn: number): Promise<number[]> {
  const name = `/bench/watch/${turn}/`;
  const { revision } = await store.list(name);
  const watch = store.watch(name, { from: revision + 1n });
  const events = watch[Symbol.asyncIterator]();
  // The first event says that the watch has begun.
  await Promise.all([events.next(), store.put(`${name}first`, VALUE)]);
  const figures: number[] = [];
  for (let number = 0; number < 25; number++) {
    const start = performance.now();
    const arrived = events.next().then(() => figures.push((performance.now() - start) * 1000));
    await Promise.all([arrived, store.put(`${name}${number}`, VALUE)]);
  }
  watch.close();
  return figures;
}

export async function calls(): Promise<Case[]> {
  const rounds: Case[][] = [];
  while (rounds.length < ROUNDS) rounds.push(await withServers(round));
  return middle(rounds);
}

async function round(ours: Server, etcd: Server): Promise<Case[]> {
  const memory = (when: string) => {
    const peer = { name: etcd.name, value: residentMemory(etcd) };
    return measured(`resident memory, ${when}`, "MiB", residentMemory(ours), peer, { kind: "none" });
  };
  const cases = [memory("idle")];
  for (const { store } of [ours, etcd]) await rate(KEYS, 64, (number) => store.put(key(number, KEYS), VALUE));
  for (const call of CALLS) cases.push(await compare(call, ours, etcd));
  return [...cases, memory("at the end")];
}

async function compare({ name, unit, goal, turns, run }: Call, ours: Server, etcd: Server): Promise<Case> {
  const figures = { ours: [] as number[], etcd: [] as number[] };
  for (let turn = 0; turn < turns; turn++) {
    const mine = async () => figures.ours.push(...(await run(ours.store, turn)));
    const theirs = async () => figures.etcd.push(...(await run(etcd.store, turn)));
    // Each goes first every other time.
    for (const side of turn % 2 === 0 ? [mine, theirs] : [theirs, mine]) await side();
  }
  const peer = { name: etcd.name, value: median(figures.etcd) };
  return measured(name, unit, median(figures.ours), peer, { kind: goal, value: 1 });
}

/** The round in the middle by ratio, case by case. */
function middle(rounds: readonly (readonly Case[])[]): Case[] {
  return (rounds[0] ?? []).map((_, index) => {
    const cases = rounds.flatMap((round) => round[index] ?? []).sort((a, b) => (a.ratio ?? 0) - (b.ratio ?? 0));
    const chosen = cases[Math.floor(cases.length / 2)];
    if (chosen === undefined) throw new Error("no round was run");
    return chosen;
  });
}
