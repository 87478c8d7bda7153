/**
 * What policy costs, through a lab's real agent, datastore and kernel: from a policy's put to its rules in the kernel, and
 * from an endpoint's to the set's element, with a few endpoints and with 10,000 and 1,000 policies; then a start of the agent
 * with all of it, over an empty kernel and over one that is as it was left, and its memory; the same with 10,000 policies. And an ADD of a pod that ten
 * policies are on, beside Debian's ptp.
 */
import { readFileSync } from "node:fs";
import type { Datastore } from "@ocicat/datastore";
import { openEtcd } from "@ocicat/datastore/etcd";
import type { Lab, LabPlaces } from "@ocicat/lab";
import { cpuMs, residentMib } from "./bgp/process.ts";
import { inLab, rounds, withDriver } from "./cni.ts";
import { endpoint, LOCAL, policy, policyKey, populate } from "./policy/cluster.ts";
import { GenerationWitness } from "./policy/generation.ts";
import { type Case, measured, median, percentile } from "./report.ts";

const ROUNDS = 60;
const ENDPOINTS = 10_000;
const POLICIES = 1_000;
const MANY_POLICIES = 10_000;

export async function run(): Promise<Case[]> {
  const added = await withDriver((driver) => inLab((lab, places) => addTimes(lab, places, driver)));
  return [...added, ...(await inLab(cluster))];
}

/** A pod more, on which ten policies are. */
async function addTimes(lab: Lab, places: LabPlaces, driver: string): Promise<Case[]> {
  const store = openStore(places);
  try {
    for (let index = 0; index < 10; index++) {
      await store.put(policyKey(`ten${index}`), policy(`ten${index}`, "all()", `app${index}`, 80 + index));
    }
  } finally {
    await store.close();
  }
  const { ours, peer } = await rounds(lab, driver, 1);
  const ptp = { name: "ptp + host-local", value: median(peer.add) };
  return [measured("ADD p50 with 10 policies", "ms", median(ours.add), ptp, { kind: "at most", value: 0.5 })];
}

function openStore(places: LabPlaces): Datastore {
  return openEtcd({ endpoints: [`unix:///proc/${pidOf(places, "datastore")}/root/run/ocicat/datastore.sock`] });
}

/** The cluster, with a few endpoints and with many. */
async function cluster(lab: Lab, places: LabPlaces): Promise<Case[]> {
  const store = openStore(places);
  try {
    await populate(store, LOCAL, 0);
    const few = await latencies(places, store, ENDPOINTS);
    await populate(store, ENDPOINTS, POLICIES);
    const many = await latencies(places, store, 2 * ENDPOINTS);
    const starts = await startTimes(lab, places, 5);
    await populate(store, ENDPOINTS, MANY_POLICIES);
    const large = await startTimes(lab, places, 3);
    const atMost = (value: number) => ({ kind: "at most", value }) as const;
    return [
      ...cases("few endpoints", few, { put50: 9, put99: undefined, member50: undefined }),
      ...cases("1,000 policies, 10,000 endpoints", many, { put50: 10, put99: 50, member50: 10 }),
      measured("start over an empty kernel, to all programmed", "ms", starts.coldMs, undefined, atMost(1_000)),
      measured("start over a kernel as it was left", "ms", starts.warmMs, undefined, { kind: "none" }),
      measured("CPU of such a start", "ms", starts.cpuMs, undefined, { kind: "none" }),
      measured("agent RSS with all that", "MiB", starts.rssMib, undefined, atMost(110)),
      measured("start over an empty kernel, 10,000 policies", "ms", large.coldMs, undefined, atMost(5_000)),
      measured("CPU of such a start", "ms", large.cpuMs, undefined, { kind: "none" }),
      measured("agent RSS, 10,000 policies", "MiB", large.rssMib, undefined, atMost(300)),
    ];
  } finally {
    await store.close();
  }
}

interface Latencies {
  readonly put: readonly number[];
  readonly member: readonly number[];
}

interface Goals {
  readonly put50: number;
  readonly put99: number | undefined;
  readonly member50: number | undefined;
}

function cases(where: string, { put, member }: Latencies, { put50, put99, member50 }: Goals): Case[] {
  const goal = (value: number | undefined) =>
    value === undefined ? ({ kind: "none" } as const) : ({ kind: "at most", value } as const);
  return [
    measured(`policy put to enforced, p50, ${where}`, "ms", median(put), undefined, goal(put50)),
    measured(`policy put to enforced, p99, ${where}`, "ms", percentile(put, 99), undefined, goal(put99)),
    measured(`new remote endpoint to set element, p50, ${where}`, "ms", median(member), undefined, goal(member50)),
    measured(
      `new remote endpoint to set element, p99, ${where}`,
      "ms",
      percentile(member, 99),
      undefined,
      goal(undefined),
    ),
  ];
}

/** One change after the other, each seen in the kernel before the next. */
async function latencies(places: LabPlaces, store: Datastore, firstMember: number): Promise<Latencies> {
  const witness = new GenerationWitness(pidOf(places, "agent-node1"));
  const [put, member]: [number[], number[]] = [[], []];
  try {
    await witness.quiet(1_000);
    for (let round = 0; round < ROUNDS; round++) {
      const key = policyKey("measured");
      put.push(
        await witness.after(() =>
          store.put(key, policy("measured", `app == 'app${round % 90}'`, "app91", 1000 + round)),
        ),
      );
      await witness.quiet();
    }
    for (let round = 0; round < ROUNDS; round++) {
      // Of an application that the last policy lets in: 91.
      const [key, value] = endpoint(firstMember + 91 + round * 100);
      member.push(await witness.after(() => store.put(key, value)));
      await witness.quiet();
    }
  } finally {
    witness.close();
  }
  return { put, member };
}

/** From the agent's start as a process to its being ready: everything in sync, programmed, the plugin served. */
async function startTimes(lab: Lab, places: LabPlaces, rounds: number) {
  const warm: number[] = [];
  const cold: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await lab.kill("agent-node1");
    if (round % 2 === 0) await deleteTable(lab);
    const start = performance.now();
    await lab.restartAgent("node1");
    (round % 2 === 0 ? cold : warm).push(performance.now() - start);
    if (round % 2 === 0) cpu.push(cpuMs(pidOf(places, "agent-node1")));
  }
  // The engine gives back what a start has left behind once nothing happens for a while.
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const rssMib = residentMib(pidOf(places, "agent-node1"));
  return { coldMs: median(cold), warmMs: median(warm), cpuMs: median(cpu), rssMib };
}

/** The kernel lets nobody do it until it has noticed that the owner is gone. */
async function deleteTable(lab: Lab): Promise<void> {
  for (let code: number | null = 1; code !== 0; ) {
    const child = lab.spawn("node1", ["nft", "delete", "table", "inet", "ocicat-policy"], { stdio: "ignore" });
    code = await new Promise((resolve) => child.once("close", resolve));
  }
}

function pidOf(places: LabPlaces, name: string): number {
  const processes = JSON.parse(readFileSync(places.processFile, "utf8")) as { name: string; pid: number }[];
  return processes.find((process) => process.name === name)?.pid ?? 0;
}
