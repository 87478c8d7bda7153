/**
 * The embedded server against Debian's etcd, both on the same disk and through the same client:
 *
 *     node bench/datastore.ts [--json] [--rounds N] [--directory DIR]
 *
 * Both run at once and are asked in turns of some ten milliseconds, so that what else the machine does meets both; what is
 * told is medians and their ratio. The keys and values have the size of Calico's workload endpoints.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { type EtcdDatastore, openEtcd } from "@ocicat/datastore/etcd";
import { alignColumns } from "./report.ts";

interface Server {
  readonly name: string;
  readonly pid: number;
  readonly store: EtcdDatastore;
  stop(): Promise<void>;
}

/** As `npm run bench -- --json` prints it. */
interface Result {
  readonly case: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number;
  readonly peerName: string;
  readonly ratio: number;
  readonly goal: string;
  readonly met: boolean;
}

const VALUE = "x".repeat(256);
const PREFIX = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/";
const KEYS = 5000;
const key = (number: number) => `${PREFIX}node-${(number * 7919) % KEYS}-k8s-pod--${number % KEYS}-eth0`;

/** One turn of a case: returns a figure for each thing it timed. */
type Turn = (store: EtcdDatastore, turn: number) => Promise<number[]>;

interface Case {
  readonly name: string;
  readonly unit: string;
  readonly goal: "at most" | "at least";
  readonly turns: number;
  readonly run: Turn;
}

/** Microseconds each of `count` calls took, one after the other. */
async function timed(count: number, call: (number: number) => Promise<unknown>): Promise<number[]> {
  const figures: number[] = [];
  for (let number = 0; number < count; number++) {
    const start = performance.now();
    await call(number);
    figures.push((performance.now() - start) * 1000);
  }
  return figures;
}

/** Calls a second, with `width` under way at any time. */
async function rate(count: number, width: number, call: (number: number) => Promise<unknown>): Promise<number[]> {
  let next = 0;
  const worker = async () => {
    while (next < count) await call(next++);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  return [count / ((performance.now() - start) / 1000)];
}

const CASES: readonly Case[] = [
  {
    name: "put, p50",
    unit: "µs",
    goal: "at most",
    turns: 40,
    run: (store, turn) => timed(50, (number) => store.put(key(turn * 50 + number), VALUE)),
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
    run: (store, turn) => timed(50, (number) => store.get(key(turn * 50 + number))),
  },
  {
    name: "puts with 64 under way",
    unit: "1/s",
    goal: "at least",
    turns: 16,
    run: (store, turn) => rate(1000, 64, (number) => store.put(key(turn * 1000 + number), VALUE)),
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
  const write = (number: number) => Promise.all([events.next(), store.put(`${name}${number}`, VALUE)]);
  await write(-1);
  const figures: number[] = [];
  for (let number = 0; number < 25; number++) {
    const start = performance.now();
    const arrived = events.next().then(() => figures.push((performance.now() - start) * 1000));
    await Promise.all([arrived, store.put(`${name}${number}`, VALUE)]);
  }
  watch.close();
  return figures;
}

async function measure(benchmark: Case, ours: Server, peer: Server): Promise<Result> {
  const figures = new Map<Server, number[]>([
    [ours, []],
    [peer, []],
  ]);
  for (let turn = 0; turn < benchmark.turns; turn++) {
    // Each goes first every other time.
    const order = turn % 2 === 0 ? [ours, peer] : [peer, ours];
    for (const server of order) figures.get(server)?.push(...(await benchmark.run(server.store, turn)));
  }
  return result(benchmark, median(figures.get(ours) ?? []), peer.name, median(figures.get(peer) ?? []));
}

function result(
  { name, unit, goal }: Pick<Case, "name" | "unit" | "goal">,
  ours: number,
  peerName: string,
  peer: number,
): Result {
  const ratio = ours / peer;
  const met = goal === "at most" ? ratio <= 1 : ratio >= 1;
  return { case: name, unit, ours, peer, peerName, ratio, goal: `${goal} 1 ×`, met };
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Mebibytes. */
function residentMemory(server: Server): number {
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** Plain JavaScript without the client: what runs where the server runs, and no more, is what its memory is measured of. */
const SERVER = `
  import { startServer } from "@ocicat/datastore/server";
  import { silentLogger as logger } from "@ocicat/kit";

  const clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(ms, _name, callback) {
      const timer = setTimeout(callback, ms);
      return { cancel: () => clearTimeout(timer) };
    },
  };
  const listen = [{ host: "127.0.0.1", port: 0 }];
  const { endpoints } = await startServer({ listen, dataFile: process.argv[1], clock, logger });
  console.log(endpoints[0].port);
`;

async function startOurs(directory: string): Promise<Server> {
  // As docs/server.md recommends to run it.
  const args = ["--max-semi-space-size=2", "--input-type=module", "--eval", SERVER, join(directory, "data")];
  const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] });
  const [port] = await once(createInterface(child.stdout), "line");
  return attach("embedded server", child, `http://127.0.0.1:${String(port)}`);
}

async function startEtcd(directory: string): Promise<Server> {
  const child = spawn(
    "etcd",
    [
      ["--data-dir", join(directory, "etcd")],
      ["--listen-client-urls", "http://127.0.0.1:0", "--advertise-client-urls", "http://127.0.0.1:1"],
      ["--listen-peer-urls", "http://127.0.0.1:0", "--logger=zap", "--log-outputs=stderr"],
    ].flat(),
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const failed = Promise.withResolvers<never>();
  child.once("error", (error) => {
    failed.reject(new Error("etcd cannot be started; install it with: apt-get install etcd-server", { cause: error }));
  });
  child.once("exit", () => failed.reject(new Error("etcd ended")));
  const address = Promise.withResolvers<string>();
  createInterface(child.stderr).on("line", (line) => {
    const found = /serving client traffic insecurely.*"address":"([^"]+)"/.exec(line)?.[1];
    if (found !== undefined) address.resolve(found);
  });
  failed.promise.catch(() => {});
  return attach("etcd", child, `http://${await Promise.race([address.promise, failed.promise])}`);
}

async function attach(name: string, child: ChildProcess, endpoint: string): Promise<Server> {
  const store = openEtcd({ endpoints: [endpoint] });
  await store.get("/bench/none");
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no process id`);
  return {
    name,
    pid,
    store,
    async stop() {
      await store.close();
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, "exit");
        child.kill("SIGKILL");
        await exit;
      }
    },
  };
}

async function compare(directory: string): Promise<Result[]> {
  const servers: Server[] = [];
  try {
    const ours = await startOurs(directory);
    servers.push(ours);
    const etcd = await startEtcd(directory);
    servers.push(etcd);
    const memory = (when: string) =>
      result(
        { name: `resident memory, ${when}`, unit: "MiB", goal: "at most" },
        residentMemory(ours),
        etcd.name,
        residentMemory(etcd),
      );

    const results = [memory("idle")];
    for (const { store } of servers) await rate(KEYS, 64, (number) => store.put(key(number), VALUE));
    for (const benchmark of CASES) results.push(await measure(benchmark, ours, etcd));
    return [...results, memory("at the end")];
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** The median round by ratio, case by case. */
function middle(rounds: readonly Result[][]): Result[] {
  return (rounds[0] ?? []).map((_, index) => {
    const results = rounds.flatMap((round) => round[index] ?? []).toSorted((a, b) => a.ratio - b.ratio);
    const chosen = results[Math.floor(results.length / 2)];
    if (chosen === undefined) throw new Error("no round was run");
    return chosen;
  });
}

function table(results: readonly Result[]): string {
  const rows = results.map(({ case: name, unit, ours, peer, ratio, goal, met }) => [
    name,
    `${figure(ours)} ${unit}`,
    `${figure(peer)} ${unit}`,
    `${ratio.toFixed(2)} ×`,
    `${goal}${met ? "" : " (missed)"}`,
  ]);
  return alignColumns([["case", "embedded server", "etcd", "ratio", "goal"], ...rows]);
}

function figure(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    directory: { type: "string", default: tmpdir() },
  },
});

const rounds: Result[][] = [];
while (rounds.length < Number(values.rounds)) {
  const directory = mkdtempSync(join(values.directory, "oct-bench-"));
  try {
    rounds.push(await compare(directory));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
const results = middle(rounds);
console.log(values.json ? results.map((one) => JSON.stringify(one)).join("\n") : table(results));
