/**
 * CNI ADD and DEL, exec to result, with the embedded datastore on disk, against Debian's ptp + host-local, both executed in
 * one node of a lab, rounds interleaved. Also the agent's memory and idle CPU with 100 pods and 200 nodes.
 */
import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { API_VERSION, type Node } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { Lab, LabPlaces, parseTopology } from "@ocicat/lab";
import { cpuMs, residentMib } from "./bgp/process.ts";
import { type Case, measured, median, percentile } from "./report.ts";

const OCICAT = fileURLToPath(new URL("../packages/cli/bin/ocicat.js", import.meta.url));
const DRIVER_SOURCE = fileURLToPath(new URL("cni-driver.c", import.meta.url));
const ROUNDS = 5;
const CALLS = 100;
/** Rounds before those that count: the agent's code is compiled, the file system's caches are filled. */
const WARM_UP = 3;

const TOPOLOGY = `
segments: [lan]
routers: [{ name: gateway, interfaces: [{ segment: lan, address: 192.168.0.1/24 }] }]
nodes:
  - { name: node1, segment: lan, address: 192.168.0.81/24, gateway: 192.168.0.1 }
  - { name: node2, segment: lan, address: 192.168.0.82/24, gateway: 192.168.0.1 }
datastore: node1
pools: [{ name: pool, cidr: 10.244.0.0/16, natOutgoing: true }]
`;

interface Times {
  readonly times: readonly number[];
  readonly totalMs: number;
}

const PLUGINS = {
  ours: {
    plugin: "/opt/cni/bin/ocicat",
    conf: { cniVersion: "1.0.0", name: "bench", type: "ocicat", ipam: { type: "ocicat-ipam" } },
  },
  peer: {
    plugin: "/usr/lib/cni/ptp",
    conf: {
      cniVersion: "1.0.0",
      name: "peer",
      type: "ptp",
      ipam: { type: "host-local", subnet: "10.77.0.0/16", dataDir: "/var/lib/cni/networks" },
    },
  },
} as const;

export async function run(): Promise<Case[]> {
  // The agents inherit it: fine enough to see every turn that matters, and too costly for every day.
  process.env.OCICAT_LAG_RESOLUTION_MS = "5";
  return await withDriver(async (driver) => {
    const calls = await inLab((lab, places) => callTimes(lab, places, driver));
    delete process.env.OCICAT_LAG_RESOLUTION_MS;
    return [...calls, ...(await inLab(footprint))];
  });
}

/** With the program that calls plugins, compiled. */
export async function withDriver(work: (driver: string) => Promise<Case[]>): Promise<Case[]> {
  const scratch = mkdtempSync(join(tmpdir(), "ocicat-bench-"));
  const driver = join(scratch, "cni-driver");
  try {
    execFileSync("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", driver, DRIVER_SOURCE]);
    return await work(driver);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** A lab of its own, so that one part's pods and nodes do not weigh on the other's figures. */
export async function inLab(work: (lab: Lab, places: LabPlaces) => Promise<Case[]>): Promise<Case[]> {
  const places = new LabPlaces(`bench${process.pid}`);
  const lab = new Lab({
    places,
    command: [process.execPath, OCICAT],
    progress: (step) => process.stderr.write(`bench: ${step}\n`),
  });
  try {
    await lab.up({ ...parseTopology(TOPOLOGY, "bench"), name: places.lab });
    return await work(lab, places);
  } finally {
    await lab.down();
  }
}

async function callTimes(lab: Lab, places: LabPlaces, driver: string): Promise<Case[]> {
  const single = await rounds(lab, driver, 1);
  const eight = await rounds(lab, driver, 8);
  const turn = Math.max(...single.ours.turns, ...eight.ours.turns);
  const fsync = fsyncTimes(places.disk);
  const ptp = (value: number) => ({ name: "ptp + host-local", value });
  return [
    measured("ADD p50", "ms", median(single.ours.add), ptp(median(single.peer.add)), { kind: "at most", value: 0.5 }),
    measured("ADD p99", "ms", percentile(single.ours.add, 99), ptp(percentile(single.peer.add, 99)), {
      kind: "at most",
      value: 1,
    }),
    measured("ADD, 8 at once", "/s", eight.ours.addRate, ptp(eight.peer.addRate), { kind: "at least", value: 1.5 }),
    measured("DEL p50", "ms", median(single.ours.del), ptp(median(single.peer.del)), { kind: "at most", value: 1 }),
    measured("DEL, 8 at once", "/s", eight.ours.delRate, ptp(eight.peer.delRate), { kind: "none" }),
    measured("longest turn of the agent's event loop", "ms", turn, undefined, { kind: "at most", value: 20 }),
    measured("fsync of the datastore's disk, p50", "ms", median(fsync), undefined, { kind: "none" }),
  ];
}

interface Sample {
  readonly add: number[];
  readonly del: number[];
  addRate: number;
  delRate: number;
  /** The longest turn of the agent's event loop in each round. */
  readonly turns: number[];
}

/** ADDs and DELs of both, in turns. */
export async function rounds(lab: Lab, driver: string, atOnce: number): Promise<Record<keyof typeof PLUGINS, Sample>> {
  const result = { ours: emptySample(), peer: emptySample() };
  const rates = {
    ours: { add: [] as number[], del: [] as number[] },
    peer: { add: [] as number[], del: [] as number[] },
  };
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const who of ["ours", "peer"] as const) {
      const { add, del, turn } = await drive(lab, driver, who, atOnce, round + WARM_UP);
      if (round < 0) continue;
      result[who].add.push(...add.times);
      result[who].del.push(...del.times);
      result[who].turns.push(turn);
      rates[who].add.push((add.times.length * 1000) / add.totalMs);
      rates[who].del.push((del.times.length * 1000) / del.totalMs);
    }
  }
  for (const who of ["ours", "peer"] as const) {
    result[who].addRate = median(rates[who].add);
    result[who].delRate = median(rates[who].del);
  }
  return result;
}

function emptySample(): Sample {
  return { add: [], del: [], addRate: 0, delRate: 0, turns: [] };
}

async function drive(
  lab: Lab,
  driver: string,
  who: keyof typeof PLUGINS,
  atOnce: number,
  round: number,
): Promise<{ add: Times; del: Times; turn: number }> {
  const { plugin, conf } = PLUGINS[who];
  const prefix = `b${atOnce}r${round}${who[0]}`;
  const names = Array.from({ length: CALLS }, (_, index) => `${prefix}${index}`);
  const call = async (command: string): Promise<Times> => {
    const output = await inNode(lab, [driver, plugin, command, prefix, `${CALLS}`, `${atOnce}`], JSON.stringify(conf));
    const numbers = output.trim().split("\n").map(Number);
    return { times: numbers.slice(0, -1), totalMs: numbers.at(-1) ?? Number.NaN };
  };
  await inNode(lab, ["ip", "-batch", "-"], names.map((name) => `netns add ${name}\n`).join(""));
  try {
    await longestTurn(lab);
    return { add: await call("ADD"), del: await call("DEL"), turn: await longestTurn(lab) };
  } finally {
    await inNode(lab, ["ip", "-batch", "-"], names.map((name) => `netns del ${name}\n`).join(""));
  }
}

function inNode(lab: Lab, command: readonly [string, ...string[]], input?: string): Promise<string> {
  const child = lab.spawn("node1", command, { stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
  // One that ends before it has read everything says why by its exit code.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  let output = "";
  let errors = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${command.join(" ")}: ${errors}`)),
    );
  });
}

function fsyncTimes(dir: string): number[] {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, "fsync-probe");
  const fd = openSync(file, "w");
  const page = Buffer.alloc(4096, 1);
  const times = Array.from({ length: 200 }, () => {
    const start = performance.now();
    writeSync(fd, page);
    fdatasyncSync(fd);
    return performance.now() - start;
  });
  closeSync(fd);
  rmSync(file);
  return times;
}

/** node1's agent with 100 pods of its own and 200 nodes in the datastore, of which all but two never answer. */
async function footprint(lab: Lab, places: LabPlaces): Promise<Case[]> {
  const processes = JSON.parse(readFileSync(places.processFile, "utf8")) as { name: string; pid: number }[];
  const pid = (name: string) => processes.find((process) => process.name === name)?.pid ?? 0;
  const store = openEtcd({ endpoints: [`unix:///proc/${pid("datastore")}/root/run/ocicat/datastore.sock`] });
  const client = new ResourceClient({ store, clock: systemClock, random: systemRandom });
  for (let index = 0; index < 198; index++) await client.create(strangerNode(index));
  await store.close();
  for (let index = 0; index < 100; index++) await lab.run(`pod${index}`, "default", "node1");
  const agent = pid("agent-node1");
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const [start, before] = [performance.now(), cpuMs(agent)];
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const idlePercent = ((cpuMs(agent) - before) / (performance.now() - start)) * 100;
  const rss = residentMib(agent);
  return [
    measured("agent RSS, 100 pods, 200 nodes", "MiB", rss, undefined, { kind: "at most", value: 100 }),
    measured("agent CPU when idle", "% of a core", idlePercent, undefined, { kind: "at most", value: 1 }),
  ];
}

/** Milliseconds; since the last time it was asked. */
async function longestTurn(lab: Lab): Promise<number> {
  const metrics = await inNode(lab, ["curl", "-s", "http://127.0.0.1:9099/metrics"]);
  return Number(/^ocicat_event_loop_lag_max_seconds (\S+)/m.exec(metrics)?.[1]) * 1000;
}

function strangerNode(index: number): Node {
  return {
    kind: "Node",
    apiVersion: API_VERSION,
    metadata: { name: `stranger${index}` },
    spec: { bgp: { ipv4Address: `192.168.${1 + (index >> 7)}.${1 + (index & 127)}/16` } },
  };
}
