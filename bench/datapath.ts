/**
 * From pod to pod, in each mode: a lab's path against the same one made by hand, with no agent and no rules. A TCP stream, and
 * questions and answers of 64 bytes over UDP, by a small C program in the pods' namespaces.
 *
 * Twice: of a pool without natOutgoing, and of one with it, against a path by hand with the one rule that does the same (with
 * any implementation, the kernel then tracks connections). What natOutgoing costs is told besides.
 *
 * All paths are measured in turn in each of many short slices. The figures are medians, and the ratios medians of the
 * slices': what else the machine does falls on all alike. One more path by hand does not leave checksums to the VXLAN device.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Lab, LabPlaces, parseTopology } from "@ocicat/lab";
import { runInUml } from "../e2e/support/uml.ts";
import { type Encapsulation, Twin, type TwinOptions } from "./datapath-twin.ts";
import { type Case, type Goal, measured, median } from "./report.ts";

const OCICAT = fileURLToPath(new URL("../packages/cli/bin/ocicat.js", import.meta.url));
const THIS_FILE = fileURLToPath(import.meta.url);
const PEER_SOURCE = fileURLToPath(new URL("datapath-peer.c", import.meta.url));
const PORT = "5001";
const UML_LIMIT_MS = 900_000;
const SLICES = 30;
/** Slices before those that count: neighbours are found, processors are awake. */
const WARM_UP = 2;
const STREAM_MS = "100";
const QUESTIONS = "4000";
/** Of the throughput by hand, at least; of its latency, at most its reciprocal. */
const GOAL = 0.97;

const OURS = "ours";
const BY_HAND = "by hand";
const MASQUERADE = "by hand, masquerade";
const NO_OFFLOAD = "by hand, tx checksums off";

const MODES: Readonly<Record<Encapsulation, string>> = {
  none: "ipipMode: Never, vxlanMode: Never",
  vxlan: "ipipMode: Never, vxlanMode: Always",
  ipip: "ipipMode: Always, vxlanMode: Never",
};

const topology = ({ encapsulation, natOutgoing }: Lay) => `
segments: [lan]
routers: [{ name: gateway, interfaces: [{ segment: lan, address: 192.168.0.1/24 }] }]
nodes:
  - { name: node1, segment: lan, address: 192.168.0.81/24, gateway: 192.168.0.1 }
  - { name: node2, segment: lan, address: 192.168.0.82/24, gateway: 192.168.0.1 }
datastore: node1
pools: [{ name: pool, cidr: 10.244.0.0/16, ${MODES[encapsulation]}, natOutgoing: ${natOutgoing} }]
pods:
  - { name: pod1, node: node1 }
  - { name: pod2, node: node2 }
  - { name: pod3, node: node1 }
`;

/** How a lab is laid out. */
interface Lay {
  readonly encapsulation: Encapsulation;
  readonly natOutgoing: boolean;
}

interface Way {
  readonly name: string;
  readonly to: "pod2" | "pod3";
}

/** What is asked of each lab. */
const WAYS: Readonly<Record<Encapsulation, readonly Way[]>> = {
  none: [
    { name: "same node", to: "pod3" },
    { name: "Never", to: "pod2" },
  ],
  vxlan: [{ name: "VXLAN Always", to: "pod2" }],
  ipip: [{ name: "IPIP Always", to: "pod2" }],
};

/** A network with pods, of the lab's or by hand. */
interface Network {
  spawn(pod: string, command: readonly [string, ...string[]]): ChildProcess;
  address(pod: string): string;
}

export async function run(): Promise<Case[]> {
  const scratch = mkdtempSync(join(tmpdir(), "ocicat-bench-"));
  const peer = join(scratch, "datapath-peer");
  execFileSync("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", peer, PEER_SOURCE]);
  try {
    // First what may be refused for want of a kernel.
    const ipip = hasIpip() ? await compareBoth("ipip", peer) : await ipipElsewhere(scratch, peer);
    return [...(await compareBoth("none", peer)), ...(await compareBoth("vxlan", peer)), ...ipip];
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** A kernel that has it gives each new network namespace its tunl0. */
function hasIpip(): boolean {
  return execFileSync("unshare", ["--net", "ip", "-o", "link"], { encoding: "utf8" }).includes("tunl0");
}

/**
 * In a user-mode machine, by this file as a program. It has one processor, whose work is that of a process among the
 * others here: its figures are for comparison, without a goal.
 */
async function ipipElsewhere(scratch: string, peer: string): Promise<Case[]> {
  const result = join(scratch, "ipip.json");
  process.stderr.write("bench: IPIP, in a user-mode machine\n");
  const { status, output, console } = await runInUml(["node", THIS_FILE, peer, result], {
    limitMs: UML_LIMIT_MS,
    share: scratch,
    onOutput: (chunk) => process.stderr.write(chunk),
  });
  if (status !== 0) throw new Error(`the user-mode machine: exit code ${status}\n${output}\n${console}`);
  const cases = JSON.parse(readFileSync(result, "utf8")) as Case[];
  return cases.map((entry) => ({ ...entry, case: `user-mode: ${entry.case}`, goal: "", met: true }));
}

async function compareBoth(encapsulation: Encapsulation, peer: string): Promise<Case[]> {
  return [
    ...(await compare({ encapsulation, natOutgoing: false }, peer)),
    ...(await compare({ encapsulation, natOutgoing: true }, peer)),
  ];
}

async function compare(lay: Lay, peer: string): Promise<Case[]> {
  const twins = new Map<string, Twin>();
  const places = new LabPlaces(`bench${process.pid}`);
  const lab = new Lab({
    places,
    command: [process.execPath, OCICAT],
    progress: (step) => process.stderr.write(`bench: ${step}\n`),
  });
  const cases: Case[] = [];
  try {
    // Before the lab: the first `ip netns` of a machine mounts /run/netns over itself, and what was there could not be removed.
    for (const [name, options] of Object.entries(variants(lay))) twins.set(name, new Twin(options));
    await lab.up({ ...parseTopology(topology(lay), "bench"), name: places.lab });
    const networks = new Map([
      [OURS, ofLab(lab)],
      ...[...twins].map(([name, twin]): [string, Network] => [name, byHand(twin)]),
    ]);
    for (const way of WAYS[lay.encapsulation]) {
      const name = lay.natOutgoing ? `${way.name}, natOutgoing` : way.name;
      process.stderr.write(`bench: ${name}\n`);
      cases.push(...casesOf(name, await measure(networks, way, peer)));
    }
    return cases;
  } finally {
    for (const twin of twins.values()) twin.remove();
    await lab.down();
  }
}

function variants({ encapsulation, natOutgoing }: Lay): Readonly<Record<string, TwinOptions>> {
  return {
    [BY_HAND]: { encapsulation },
    ...(natOutgoing ? { [MASQUERADE]: { encapsulation, masquerade: true } } : {}),
    ...(encapsulation === "vxlan" && !natOutgoing ? { [NO_OFFLOAD]: { encapsulation, checksumOffload: false } } : {}),
  };
}

function ofLab(lab: Lab): Network {
  return {
    spawn: (pod, command) => lab.spawn(pod, command, { stdio: ["ignore", "pipe", "pipe"] }),
    address: (pod) => {
      const address = lab.pods().find(pod)?.addresses[0];
      if (address === undefined) throw new Error(`the lab has no pod ${pod}`);
      return address;
    },
  };
}

function byHand(twin: Twin): Network {
  return {
    spawn: (pod, command) =>
      spawn("ip", ["netns", "exec", twin.namespace(pod), ...command], { stdio: ["ignore", "pipe", "pipe"] }),
    address: (pod) => twin.address(pod),
  };
}

interface Sample {
  /** MiB/s. */
  readonly throughput: number[];
  /** Microseconds. */
  readonly p50: number[];
  readonly p99: number[];
}

async function measure(
  networks: ReadonlyMap<string, Network>,
  { to }: Way,
  peer: string,
): Promise<ReadonlyMap<string, Sample>> {
  const samples = new Map<string, Sample>();
  const servers: ChildProcess[] = [];
  try {
    for (const network of networks.values()) {
      const server = network.spawn(to, [peer, "serve", PORT]);
      servers.push(server);
      await ready(server);
    }
    for (let slice = -WARM_UP; slice < SLICES; slice++) {
      for (const [name, network] of turned([...networks], slice + WARM_UP)) {
        const end = [network.address(to), PORT] as const;
        const [throughput = Number.NaN] = await numbers(network.spawn("pod1", [peer, "stream", ...end, STREAM_MS]));
        const [p50 = Number.NaN, p99 = Number.NaN] = await numbers(
          network.spawn("pod1", [peer, "ask", ...end, QUESTIONS]),
        );
        if (slice < 0) continue;
        const sample = samples.get(name) ?? { throughput: [], p50: [], p99: [] };
        samples.set(name, sample);
        sample.throughput.push(throughput);
        sample.p50.push(p50);
        sample.p99.push(p99);
      }
    }
  } finally {
    for (const server of servers) server.kill("SIGKILL");
  }
  return samples;
}

/** So that nobody is always the first, or always after the same one. */
function turned<T>(values: readonly T[], by: number): T[] {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}

function ready(server: ChildProcess): Promise<void> {
  let errors = "";
  server.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("close", () => reject(new Error(`datapath-peer ended: ${errors}`)));
    server.stdout?.once("data", () => resolve());
  });
}

function numbers(child: ChildProcess): Promise<number[]> {
  let [output, errors] = ["", ""];
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(output.trim().split(" ").map(Number)) : reject(new Error(errors)),
    );
  });
}

interface Figure {
  readonly key: keyof Sample;
  readonly unit: string;
  readonly goal: Goal;
}

const NO_GOAL: Goal = { kind: "none" };
const FIGURES: readonly Figure[] = [
  { key: "throughput", unit: "MiB/s", goal: { kind: "at least", value: GOAL } },
  { key: "p99", unit: "us", goal: { kind: "at most", value: Number((1 / GOAL).toFixed(3)) } },
  { key: "p50", unit: "us", goal: NO_GOAL },
];

function casesOf(way: string, samples: ReadonlyMap<string, Sample>): Case[] {
  const figure = (name: string, key: keyof Sample) => median(samples.get(name)?.[key] ?? []);
  // Slice by slice: the machine may be faster for a minute, and then all are.
  const ratio = (name: string, other: string, key: keyof Sample) =>
    median(
      (samples.get(name)?.[key] ?? []).map((value, slice) => value / (samples.get(other)?.[key][slice] ?? Number.NaN)),
    );
  const against = (name: string, what: string, other: string, held: boolean) =>
    FIGURES.map(({ key, unit, goal }) => {
      const peer = { name: other, value: figure(other, key), ratio: ratio(name, other, key) };
      return measured(`${what}: ${key}`, unit, figure(name, key), peer, held ? goal : NO_GOAL);
    });
  return [
    ...(samples.has(MASQUERADE)
      ? [...against(OURS, way, MASQUERADE, true), ...against(OURS, way, BY_HAND, false)]
      : against(OURS, way, BY_HAND, true)),
    ...(samples.has(NO_OFFLOAD) ? against(NO_OFFLOAD, `${way}, ${NO_OFFLOAD}`, BY_HAND, false) : []),
  ];
}

if (process.argv[1] === THIS_FILE) {
  const [peer = "", result = ""] = process.argv.slice(2);
  writeFileSync(result, JSON.stringify(await compareBoth("ipip", peer)));
}
