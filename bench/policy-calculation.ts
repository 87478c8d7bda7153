/**
 * What a node's needs cost to work out: growth curves of one endpoint's change with more and more selectors, what touches a
 * hundred policies at once, and cold starts, each in a process of its own. Nothing here talks to a kernel or a datastore.
 *
 * There is no peer to run beside it. Calico's figures stand in the last column as context: measured with the benchmarks of
 * v3.32.1's own calculation on this kind of machine.
 */
import { execFileSync } from "node:child_process";
import { endpointKey, PolicyIndex, type Workload } from "@ocicat/policy";
import { applications, NODE, policy, tell, workload } from "./policy-calculation/clusters.ts";
import type { Cold } from "./policy-calculation/cold.ts";
import { type Case, type Goal, measured, median, percentile } from "./report.ts";

const SELECTORS = [10, 100, 1_000, 10_000];
const ENDPOINTS = 10_000;
const CHANGES = 2_000;
const ROUNDS = 3;

const NONE: Goal = { kind: "none" };
const CALICO: Readonly<Record<string, string>> = {
  "new endpoint, 10": "Calico: 16 µs",
  "new endpoint, 100": "Calico: 55 µs",
  "new endpoint, 1000": "Calico: 530 µs",
  "new endpoint, 10000": "Calico: 9700 µs",
  "networkSetPerPolicy, 1000": "Calico: 1300 ms, heap 98 MB",
  "networkSetPerPolicy, 10000": "Calico: 21500 ms, heap 792 MB",
};

/** All parts, or those named in OCICAT_BENCH_PARTS. */
export function run(): Promise<Case[]> {
  const wanted = process.env.OCICAT_BENCH_PARTS?.split(",");
  const parts = Object.entries(PARTS).filter(([name]) => wanted === undefined || wanted.includes(name));
  return Promise.resolve(parts.flatMap(([, part]) => part()));
}

const PARTS = { oneEndpoint, hundred, among, cold };

/** With context where there is some; the goal is absolute. */
function figure(name: string, unit: string, ours: number, goal: Goal, context?: string): Case {
  return { ...measured(name, unit, ours, undefined, goal), peerName: CALICO[context ?? ""] ?? "" };
}

/** What each of the changes takes, with its flush, in µs. */
function timed(index: PolicyIndex, changes: number, change: (at: number) => void): readonly number[] {
  return Array.from({ length: changes }, (_, at) => {
    const start = performance.now();
    change(at);
    index.flush();
    return (performance.now() - start) * 1_000;
  });
}

/** A cluster of 10,000 endpoints, and as many selectors in use here as told, each of a set of its own. */
function indexWith(selectors: number): PolicyIndex {
  const index = new PolicyIndex(NODE);
  tell(index, applications(ENDPOINTS, 0));
  for (let at = 0; at < selectors; at++) {
    const { id, ...rest } = policy(`watch-${at}`, undefined, "all()", [`alpha == "beta" && has(set-${at})`]);
    index.setPolicy(id, { id, ...rest });
  }
  index.flush();
  return index;
}

function oneEndpoint(): Case[] {
  return SELECTORS.flatMap((selectors) => {
    const index = indexWith(selectors);
    const set = (labels: Readonly<Record<string, string>>) => {
      const remote = workload(ENDPOINTS, "node-far", "ns-1", labels);
      index.setEndpoint(endpointKey(remote), remote);
    };
    const ways: Readonly<Record<string, readonly [(at: number) => void, Goal]>> = {
      "label that none names": [
        (at) => {
          set({ alpha: "beta", release: `${at % 2}` });
        },
        { kind: "at most", value: 20 },
      ],
      "label that all name": [
        (at) => {
          set({ alpha: at % 2 === 0 ? "beta" : "gamma" });
        },
        { kind: "at most", value: 20 },
      ],
      // The shape of Calico's own benchmark: a new endpoint joins one of the sets.
      "new endpoint": [
        (at) => {
          const fresh = workload(ENDPOINTS + 1 + at, "node-far", "ns-1", { alpha: "beta", "set-1": "true" });
          index.setEndpoint(endpointKey(fresh), fresh);
        },
        NONE,
      ],
    };
    return Object.entries(ways).map(([way, [change, goal]]) => {
      timed(index, CHANGES, change);
      const name = `${way}, ${selectors} selectors`;
      return figure(name, "µs", median(timed(index, CHANGES, change)), goal, `${way}, ${selectors}`);
    });
  });
}

/** One endpoint's label decides about a hundred policies, or about its place in a hundred sets of a hundred members. */
function hundred(): Case[] {
  const cluster = applications(ENDPOINTS, 1_000);
  const index = new PolicyIndex(NODE);
  tell(index, cluster);
  const [local] = cluster.endpoints;
  const remote = cluster.endpoints.at(-1);
  if (local === undefined || remote === undefined) throw new Error("a cluster without endpoints");
  for (let at = 0; at < 100; at++) {
    const { id, ...rest } = policy(`debug-${at}`, undefined, "debug == 'yes'", [
      `release == 'release-1' && role == 'role-${at % 20}'`,
    ]);
    index.setPolicy(id, { id, ...rest });
    const { id: other, ...others } = policy(`open-${at}`, undefined, "all()", [
      `app in {'app-${at}', 'app-${at + 1}'} || guest == 'yes'`,
    ]);
    index.setPolicy(other, { id: other, ...others });
  }
  index.flush();
  const turn = (endpoint: Workload, label: string) => (at: number) => {
    const labels = { ...endpoint.labels, [label]: at % 2 === 0 ? "yes" : "no" };
    index.setEndpoint(endpointKey(endpoint), { ...endpoint, labels });
  };
  const both = (name: string, change: (at: number) => void) => {
    timed(index, 100, change);
    const times = timed(index, 200, change).map((us) => us / 1_000);
    return [
      figure(name, "ms", median(times), { kind: "at most", value: 10 }),
      figure(`${name}: p99`, "ms", percentile(times, 99), NONE),
    ];
  };
  return [
    ...both("local endpoint's label begins or ends 100 policies", turn(local, "debug")),
    ...both("remote endpoint's label changes 100 sets", turn(remote, "guest")),
  ];
}

/** What should not grow with the policies around it: one policy put and changed, one namespace's labels, one new local endpoint. */
function among(): Case[] {
  return [1_000, 10_000].flatMap((policies) => {
    const cluster = applications(ENDPOINTS, policies);
    const index = new PolicyIndex(NODE);
    tell(index, cluster);
    index.flush();
    const [local] = cluster.endpoints;
    const [profile] = cluster.profiles;
    if (local === undefined || profile === undefined) throw new Error("a cluster without endpoints");
    const ways: Readonly<Record<string, (at: number) => void>> = {
      // Its set is a new one each time, of 500 members.
      "a policy is put": (at) => {
        const { id, ...rest } = policy("put", "ns-0", "app == 'app-0'", [`role == 'role-1' && serial != '${at}'`]);
        index.setPolicy(id, { id, ...rest });
      },
      "a namespace's label, of 100 endpoints": (at) => {
        index.setProfile(profile.name, { ...profile, labels: { ...profile.labels, "pcns.serial": `${at}` } });
      },
      "a new local endpoint": (at) => {
        const fresh = workload(ENDPOINTS + at, NODE, "ns-0", local.labels);
        index.setEndpoint(endpointKey(fresh), fresh);
      },
    };
    return Object.entries(ways).map(([way, change]) => {
      timed(index, 200, change);
      return figure(`${way}, among ${policies} policies`, "µs", median(timed(index, 200, change)), {
        kind: "at most",
        value: 1_000,
      });
    });
  });
}

/** Budgets are those of a node with ten thousand endpoints around it: a second and five, and 300 MiB with the agent's whole rest. */
function cold(): Case[] {
  return [
    ...coldOf("applications", 1_000, { kind: "at most", value: 1_000 }, NONE),
    ...coldOf("applications", 10_000, { kind: "at most", value: 5_000 }, { kind: "at most", value: 300 }),
    ...coldOf("networkSetPerPolicy", 1_000, { kind: "at most", value: 1_300 }, NONE),
    ...coldOf("networkSetPerPolicy", 10_000, { kind: "at most", value: 21_500 }, NONE),
  ];
}

function coldOf(shape: string, policies: number, time: Goal, memory: Goal): Case[] {
  const script = new URL("./policy-calculation/cold.ts", import.meta.url).pathname;
  const runs = Array.from({ length: ROUNDS }, () => {
    const words = ["--expose-gc", script, shape, String(ENDPOINTS), String(policies)];
    return JSON.parse(execFileSync(process.execPath, words, { encoding: "utf8" })) as Cold;
  });
  // Of times the least: whatever else the machine does only adds.
  const of = (field: keyof Cold) => Math.min(...runs.map((each) => each[field]));
  const name = `cold: ${shape}, ${ENDPOINTS} endpoints, ${policies} policies`;
  return [
    figure(name, "ms", of("ms"), time, `${shape}, ${policies}`),
    figure(`${name}: processor's time`, "ms", of("cpuMs"), NONE),
    figure(`${name}: heap`, "MiB", of("heapMib"), NONE),
    figure(`${name}: heap of the values alone`, "MiB", of("inputMib"), NONE),
    figure(`${name}: resident`, "MiB", of("rssMib"), memory),
    figure(`${name}: sets in use`, "sets", of("sets"), NONE),
  ];
}
