/**
 * BGP as a route reflector beside BIRD, FRR and GoBGP: the same eleven clients on real sockets, in a namespace of their own; ten
 * announce, all are told. Each round runs every daemon, one after the other, each in a new process. From the first UPDATE sent to
 * the last route received. CPU time is printed beside: on a machine that has other work, it is what to compare.
 */
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { formatAddress } from "@ocicat/net";
import { type DaemonName, withDaemon } from "./bgp/daemons.ts";
import { mesh } from "./bgp/mesh.ts";
import { CLIENTS, clientAddress, type Outcome, REFLECTOR, type Scenario } from "./bgp/plan.ts";
import { type Case, type Goal, measured, median } from "./report.ts";

const NAMES: readonly DaemonName[] = ["Ocicat", "BIRD", "FRR", "GoBGP"];
/** Those that the goals are about. */
const RIVALS: readonly DaemonName[] = ["BIRD", "FRR"];
const ROUNDS = 5;
/** GoBGP takes minutes for a million routes: once is enough to print. */
const SLOW_ROUNDS = 1;
const CHURN_S = 30;

type Outcomes = ReadonlyMap<DaemonName, readonly Outcome[]>;

export async function run(): Promise<Case[]> {
  return inNamespace(async (namespace) => {
    const small = await rounds(namespace, { prefixes: 100_000, sets: 10, churnS: 0 }, () => ROUNDS);
    const large = await rounds(namespace, { prefixes: 1_000_000, sets: 10, churnS: 0 }, (name) =>
      name === "GoBGP" ? SLOW_ROUNDS : ROUNDS,
    );
    const churned = await rounds(namespace, { prefixes: 1_000_000, sets: 1000, churnS: CHURN_S }, (name) =>
      name === "Ocicat" || name === "BIRD" ? 1 : 0,
    );
    return [
      ...compared("100,000 routes to 11 clients", small, ({ announceMs }) => announceMs, "ms", 0.5),
      ...compared("the same, CPU time", small, ({ announceCpuMs }) => announceCpuMs, "ms", undefined),
      ...compared("1,000,000 routes", large, ({ announceMs }) => announceMs, "ms", 0.2),
      ...compared("the same, CPU time", large, ({ announceCpuMs }) => announceCpuMs, "ms", undefined),
      ...compared("all 1,000,000 withdrawn", large, ({ withdrawMs }) => withdrawMs, "ms", 0.3),
      ...compared("the same, CPU time", large, ({ withdrawCpuMs }) => withdrawCpuMs, "ms", undefined),
      ...compared("most memory", large, ({ peakMib }) => peakMib, "MiB", undefined),
      absolute(
        "most memory of ours",
        ours(large, ({ peakMib }) => peakMib),
        "MiB",
        200,
      ),
      absolute(
        "one route of 1,000,000: UPDATEs a client",
        ours(large, ({ oneRouteUpdates }) => oneRouteUpdates[1]),
        "",
        1,
      ),
      absolute(
        "one route of 1,000,000: CPU time",
        ours(large, ({ oneRouteCpuMs }) => oneRouteCpuMs),
        "ms",
        1,
      ),
      absolute(
        "10,000 updates/s: median",
        ours(churned, ({ churn }) => churn?.p50Ms ?? Number.NaN),
        "ms",
        undefined,
      ),
      absolute(
        "10,000 updates/s: 99th percentile",
        ours(churned, ({ churn }) => churn?.p99Ms ?? Number.NaN),
        "ms",
        50,
      ),
      ...compared("10,000 updates/s: 99th percentile", churned, ({ churn }) => churn?.p99Ms ?? 0, "ms", undefined),
      ...compared("10,000 updates/s: of a core", churned, ({ churn }) => churn?.cpuShare ?? 0, "", undefined),
      ...(await mesh()),
    ];
  });
}

/** Ours beside each other daemon; the goal is for the fastest of those that it is about. */
function compared(
  what: string,
  outcomes: Outcomes,
  value: (outcome: Outcome) => number,
  unit: string,
  goal: number | undefined,
): Case[] {
  const mine = ours(outcomes, value);
  const others = NAMES.filter((name) => name !== "Ocicat").flatMap((name) => {
    const values = (outcomes.get(name) ?? []).map(value);
    return values.length === 0 ? [] : [{ name, value: median(values), values }];
  });
  const rivals = others.filter(({ name }) => RIVALS.includes(name));
  const fastest = rivals.toSorted((a, b) => a.value - b.value)[0];
  return others.map(({ name, value: theirs, values }) => {
    const own = (outcomes.get("Ocicat") ?? []).map(value);
    const pairs = values.map((one, round) => (own[round] ?? mine) / one);
    const isGoal = goal !== undefined && name === fastest?.name;
    const aim: Goal = isGoal ? { kind: "at most", value: goal } : { kind: "none" };
    return measured(what, unit, mine, { name, value: theirs, ratio: median(pairs) }, aim);
  });
}

function absolute(what: string, value: number, unit: string, most: number | undefined): Case {
  return measured(
    what,
    unit,
    value,
    undefined,
    most === undefined ? { kind: "none" } : { kind: "at most", value: most },
  );
}

function ours(outcomes: Outcomes, value: (outcome: Outcome) => number): number {
  return median((outcomes.get("Ocicat") ?? []).map(value));
}

async function rounds(
  namespace: string,
  scenario: Omit<Scenario, "pid">,
  countOf: (name: DaemonName) => number,
): Promise<Outcomes> {
  const outcomes = new Map<DaemonName, Outcome[]>(NAMES.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of NAMES) {
      if (round >= countOf(name)) continue;
      const outcome = await withDaemon(name, namespace, (pid) => clients(namespace, { ...scenario, pid }));
      outcomes.get(name)?.push(outcome);
      process.stderr.write(`${name} ${JSON.stringify(outcome)}\n`);
    }
  }
  return outcomes;
}

async function clients(namespace: string, scenario: Scenario): Promise<Outcome> {
  const program = join(import.meta.dirname, "bgp", "clients.ts");
  const words = ["netns", "exec", namespace, "setpriv", "--pdeathsig", "KILL", process.execPath];
  const child = spawn("ip", [...words, program, JSON.stringify(scenario)], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (bytes) => {
    said += String(bytes);
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`the clients ended with ${code}`);
  return JSON.parse(said);
}

async function inNamespace<T>(work: (name: string) => Promise<T>): Promise<T> {
  const name = `octbgp${randomBytes(3).toString("hex")}`;
  const ip = (...words: string[]) => execFileSync("ip", words, { stdio: ["ignore", "ignore", "inherit"] });
  ip("netns", "add", name);
  try {
    ip("-n", name, "link", "set", "lo", "up");
    ip("-n", name, "link", "add", "bench", "type", "veth", "peer", "name", "segment");
    ip("-n", name, "link", "set", "segment", "up");
    ip("-n", name, "link", "set", "bench", "up");
    const addresses = [
      REFLECTOR,
      ...Array.from({ length: CLIENTS }, (_, index) => formatAddress(clientAddress(index))),
    ];
    for (const address of addresses) ip("-n", name, "address", "add", `${address}/24`, "dev", "bench");
    return await work(name);
  } finally {
    ip("netns", "delete", name);
  }
}
