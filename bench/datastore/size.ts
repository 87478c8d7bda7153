/** What 1,000, 10,000 and 100,000 keys cost: each call should cost the same, and a start little. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { EtcdDatastore } from "@ocicat/datastore/etcd";
import { type Case, measured, median } from "../report.ts";
import { key, PREFIX, rate, timed, VALUE } from "./load.ts";
import { inDirectory, residentMemory, type Server, type Start, startEtcd, startOurs } from "./servers.ts";

const SIZES = [1_000, 10_000, 100_000] as const;
const [SMALLEST, , LARGEST] = SIZES;
const TURNS = 20;
/** What noise leaves of "the same". */
const FLAT = 1.25;

export async function size(): Promise<Case[]> {
  return [...(await growth()), ...(await large())];
}

type Turn = (store: EtcdDatastore, keys: number, turn: number) => Promise<number[]>;

const CALLS: Readonly<Record<string, Turn>> = {
  put: (store, keys, turn) => timed(25, (number) => store.put(key(turn * 25 + number, keys), VALUE)),
  "transaction of a compare and three puts": (store, keys, turn) =>
    timed(25, async (number) => {
      const operations = [0, 1, 2].map((part) => ({ put: key(turn * 75 + number * 3 + part, keys), value: VALUE }));
      await store.commit({ compares: [{ key: key(turn * 75 + number * 3, keys), exists: true }], operations });
    }),
  get: (store, keys, turn) => timed(25, (number) => store.get(key(turn * 25 + number, keys))),
  "list of 100 keys": (store, keys, turn) =>
    timed(5, (number) => store.list(PREFIX, { after: key(turn * 5 + number, keys), limit: 100 })),
};

/** Three servers of ours at once, one of each size, asked in turns. */
async function growth(): Promise<Case[]> {
  return inDirectory(async (directory) => {
    const servers: Server[] = [];
    try {
      for (const keys of SIZES) {
        const own = join(directory, `${keys}`);
        mkdirSync(own);
        const server = await startOurs(own);
        servers.push(server);
        await rate(keys, 64, (number) => server.store.put(key(number, keys), VALUE));
      }
      const cases: Case[] = [];
      for (const [name, run] of Object.entries(CALLS)) cases.push(...(await compare(name, run, servers)));
      return cases;
    } finally {
      for (const server of servers) await server.stop();
    }
  });
}

async function compare(name: string, run: Turn, servers: readonly Server[]): Promise<Case[]> {
  const figures = SIZES.map((): number[] => []);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [index, { store }] of servers.entries()) {
      figures[index]?.push(...(await run(store, SIZES[index] ?? 0, turn)));
    }
  }
  const [first = [], ...more] = figures;
  const peer = { name: `${SMALLEST} keys`, value: median(first) };
  return more.map((each, index) =>
    measured(`${name}, p50, ${SIZES[index + 1]} keys`, "µs", median(each), peer, { kind: "at most", value: FLAT }),
  );
}

/** A store of the largest size after a power cut: until it answers, until it has listed everything, and its memory then. */
async function large(): Promise<Case[]> {
  return inDirectory(async (directory) => {
    const ours = await restarted(startOurs, directory);
    const etcd = await restarted(startEtcd, directory);
    const against = (name: string, unit: string, field: keyof Restart) =>
      measured(`${LARGEST} keys: ${name}`, unit, ours[field], { name: "etcd", value: etcd[field] }, { kind: "none" });
    return [
      against("restart to first answer", "ms", "readyMs"),
      against("cold list", "ms", "listMs"),
      against("resident memory after it", "MiB", "residentMiB"),
    ];
  });
}

interface Restart {
  readonly readyMs: number;
  readonly listMs: number;
  readonly residentMiB: number;
}

async function restarted(start: Start, directory: string): Promise<Restart> {
  const filled = await start(directory);
  await rate(LARGEST, 64, (number) => filled.store.put(key(number, LARGEST), VALUE));
  await filled.stop();
  const begin = performance.now();
  const server = await start(directory);
  const readyMs = performance.now() - begin;
  const { items } = await server.store.list(PREFIX);
  const listMs = performance.now() - begin - readyMs;
  if (items.length !== LARGEST) throw new Error(`${server.name} lists ${items.length} keys of ${LARGEST}`);
  const residentMiB = residentMemory(server);
  await server.stop();
  return { readyMs, listMs, residentMiB };
}
