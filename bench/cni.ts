/**
 * CNI ADD and DEL, exec to result, with the embedded datastore on disk, against Debian's ptp + host-local, both executed in
 * one node of a lab, rounds interleaved. Also the agent's memory and idle CPU with 100 pods and 200 nodes.
 */
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { API_VERSION, type Node } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { Lab, LabPlaces, parseTopology } from "@ocicat/lab";
import { type Case, measured, median, percentile } from "./report.ts";

const OCICAT = fileURLToPath(new URL("../packages/cli/bin/ocicat.js", import.meta.url));
const DRIVER = fileURLToPath(new URL("cni-driver.ts", import.meta.url));
const ROUNDS = 5;
const CALLS = 60;

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
  const places = new LabPlaces(`bench${process.pid}`);
  const lab = new Lab({
    places,
    command: [process.execPath, OCICAT],
    progress: (step) => process.stderr.write(`bench: ${step}\n`),
  });
  try {
    await lab.up({ ...parseTopology(TOPOLOGY, "bench"), name: places.lab });
    const single = await rounds(lab, 1);
    const eight = await rounds(lab, 8);
    const fsync = fsyncTimes(places.disk);
    const agent = await agentFootprint(lab, places);
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
      measured("fsync of the datastore's disk, p50", "ms", median(fsync), undefined, { kind: "none" }),
      measured("agent RSS, 100 pods, 200 nodes", "MiB", agent.rssMiB, undefined, { kind: "at most", value: 100 }),
      measured("agent CPU when idle", "% of a core", agent.idlePercent, undefined, { kind: "at most", value: 1 }),
      measured("longest turn of the agent's event loop", "ms", agent.longestTurnMs, undefined, {
        kind: "at most",
        value: 20,
      }),
    ];
  } finally {
    await lab.down();
  }
}

interface Sample {
  readonly add: number[];
  readonly del: number[];
  addRate: number;
  delRate: number;
}

async function rounds(lab: Lab, atOnce: number): Promise<Record<keyof typeof PLUGINS, Sample>> {
  const result = { ours: emptySample(), peer: emptySample() };
  const rates = {
    ours: { add: [] as number[], del: [] as number[] },
    peer: { add: [] as number[], del: [] as number[] },
  };
  for (let round = -1; round < ROUNDS; round++) {
    for (const who of ["ours", "peer"] as const) {
      const { add, del } = await drive(lab, who, atOnce, round + 1);
      // The first round warms both up: the agent's code, the file system's caches.
      if (round < 0) continue;
      result[who].add.push(...add.times);
      result[who].del.push(...del.times);
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
  return { add: [], del: [], addRate: 0, delRate: 0 };
}

async function drive(
  lab: Lab,
  who: keyof typeof PLUGINS,
  atOnce: number,
  round: number,
): Promise<{ add: Times; del: Times }> {
  const task = { ...PLUGINS[who], rounds: CALLS, atOnce, prefix: `b${atOnce}r${round}${who[0]}` };
  const output = await inNode(lab, [process.execPath, DRIVER, JSON.stringify(task)]);
  return JSON.parse(output) as { add: Times; del: Times };
}

function inNode(lab: Lab, command: readonly [string, ...string[]]): Promise<string> {
  const child = lab.spawn("node1", command, { stdio: ["ignore", "pipe", "pipe"] });
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
async function agentFootprint(lab: Lab, places: LabPlaces) {
  const processes = JSON.parse(readFileSync(places.processFile, "utf8")) as { name: string; pid: number }[];
  const pid = (name: string) => processes.find((process) => process.name === name)?.pid ?? 0;
  const store = openEtcd({ endpoints: [`unix:///proc/${pid("datastore")}/root/run/ocicat/datastore.sock`] });
  const client = new ResourceClient({ store, clock: systemClock, random: systemRandom });
  for (let index = 0; index < 198; index++) await client.create(strangerNode(index));
  await store.close();
  for (let index = 0; index < 100; index++) await lab.run(`pod${index}`, "default", "node1");
  const agent = pid("agent-node1");
  const cpu = () => {
    const fields = readFileSync(`/proc/${agent}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    // utime and stime, in ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const [start, before] = [performance.now(), cpu()];
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const idlePercent = ((cpu() - before) / (performance.now() - start)) * 100;
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${agent}/status`, "utf8"))?.[1];
  const metrics = await inNode(lab, ["curl", "-s", "http://127.0.0.1:9099/metrics"]);
  const longest = /^ocicat_event_loop_lag_max_seconds (\S+)/m.exec(metrics)?.[1];
  return { rssMiB: Number(rss) / 1024, idlePercent, longestTurnMs: Number(longest) * 1000 };
}

function strangerNode(index: number): Node {
  return {
    kind: "Node",
    apiVersion: API_VERSION,
    metadata: { name: `stranger${index}` },
    spec: { bgp: { ipv4Address: `192.168.${1 + (index >> 7)}.${1 + (index & 127)}/16` } },
  };
}
