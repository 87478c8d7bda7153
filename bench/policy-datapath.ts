/**
 * What policies cost a packet, from one pod to another of the same node: connections one after the other (each judged once), and
 * questions and answers within one (nobody is asked any more). Ten policies are on the asked pod, of which the last lets the
 * packet in; none to a thousand are on the node's other pods. Beside it the same rules as one chain that every packet walks along,
 * and each connection's first packet decided about in userspace, as kube-network-policies does.
 *
 * All tables are measured in turn in each of many short slices, as in datapath.ts: figures are medians, ratios medians of the
 * slices'.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileModel, POLICY_TABLE } from "@ocicat/enforcement";
import { origin } from "@ocicat/kit";
import { openKernel, openNamespace } from "@ocicat/linux";
import { parsePrefix } from "@ocicat/net";
import {
  ACCEPT,
  baseChain,
  ctState,
  DROP,
  equal,
  interfaceName,
  meta,
  NftReconciler,
  number,
  payload,
  prefixValue,
  rule,
  type Table,
  table,
  verdict,
} from "@ocicat/nftables";
import type { Policy } from "@ocicat/policy";
import { model, policy, workload } from "../packages/policy/test/support/build.ts";
import { Twin } from "./datapath-twin.ts";
import { type Case, type Goal, measured, median } from "./report.ts";

const PROGRAMS = ["datapath-peer", "first-packet"] as const;
const PORT = 5001;
const SLICES = 20;
/** Slices before those that count. */
const WARM_UP = 2;
const QUESTIONS = "3000";
const CONNECTIONS = "1000";
/** Of what it takes without policies, at most: 0.97 of the speed. */
const GOAL: Goal = { kind: "at most", value: 1.03 };
const NONE: Goal = { kind: "none" };

const ON_IT = 10;
const ELSEWHERE = [0, 10, 100, 1000];
const PODS = 100;

export async function run(): Promise<Case[]> {
  const scratch = mkdtempSync(join(tmpdir(), "ocicat-bench-"));
  const program = (name: (typeof PROGRAMS)[number]) => join(scratch, name);
  for (const name of PROGRAMS) {
    const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
    execFileSync("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", program(name), source]);
  }
  const twin = new Twin({ encapsulation: "none" });
  try {
    return casesOf(await measure(twin, program));
  } finally {
    twin.remove();
    rmSync(scratch, { recursive: true });
  }
}

const BASE = "no policy";
const LINEAR = "10 on it, 1000 elsewhere, as one chain";
const NO_TABLE = "no rules at all";
const IN_USERSPACE = "first packet to userspace, which asks nobody";
const QUEUE = 7;

function tablesOf(twin: Twin): ReadonlyMap<string, readonly Table[]> {
  const asked = workload({ name: "3", addresses: [twin.address("pod3")], labels: { app: "asked" } });
  const asking = workload({ name: "1", addresses: [twin.address("pod1")], labels: { app: "asking" } });
  const others = Array.from({ length: PODS }, (_, index) =>
    workload({ name: `o${index}`, addresses: [`10.250.0.${index + 1}`], labels: { app: "other" } }),
  );
  const compiled = (policies: readonly Policy[]) =>
    compileModel(model({ endpoints: [asked, asking, ...others], policies }), "node1", {
      interfacePrefix: "cali",
      flowLog: false,
      logPrefix: "calico-packet",
    });
  const most = Math.max(...ELSEWHERE);
  return new Map<string, readonly Table[]>([
    [BASE, compiled([])],
    ...ELSEWHERE.map((count): [string, readonly Table[]] => [
      `${ON_IT} on it, ${count} elsewhere`,
      compiled([...policiesOf("asked", ON_IT), ...policiesOf("other", count)]),
    ]),
    [LINEAR, [oneChain(most)]],
    [NO_TABLE, []],
    [IN_USERSPACE, []],
  ]);
}

/** Beside our table, which is empty then. By iptables: nft's own `queue` is not in every kernel. */
function queueFirstPackets(namespace: string, isOn: boolean): void {
  const rule = `FORWARD -o cali3 -m conntrack --ctstate NEW -j NFQUEUE --queue-num ${QUEUE}`.split(" ");
  execFileSync("ip", ["netns", "exec", namespace, "iptables", isOn ? "-A" : "-D", ...rule]);
}

/** The last of them lets the measured packets in. */
function policiesOf(app: string, count: number): readonly Policy[] {
  return Array.from({ length: count }, (_, index) =>
    policy(`${app}-${index}`, {
      order: index,
      selector: `app == '${app}'`,
      types: ["Ingress"],
      ingress: ["TCP", "UDP"].map((protocol) => ({
        action: "Allow",
        protocol,
        source: { nets: ["10.0.0.0/8"] },
        destination: { ports: [index === count - 1 ? PORT : 10_000 + index] },
      })),
    }),
  );
}

/** As somebody writes them who knows no maps: pod after pod, policy after policy, the measured one last. */
function oneChain(elsewhere: number): Table {
  const why = origin("one chain for all");
  const from = equal(payload("ip saddr"), prefixValue(parsePrefix("10.0.0.0/8")));
  const rules = (device: string, ports: readonly number[]) =>
    ports.flatMap((port) =>
      [6, 17].map((protocol) =>
        rule(
          why,
          equal(meta("oifname"), interfaceName(device)),
          equal(meta("nfproto"), number(2)),
          from,
          equal(meta("l4proto"), number(protocol)),
          equal(payload("th dport"), number(port)),
          verdict(ACCEPT),
        ),
      ),
    );
  const ports = (count: number) => Array.from({ length: count }, (_, index) => 10_000 + index);
  return table({
    ...POLICY_TABLE,
    origin: why,
    chains: [
      baseChain({
        name: "forward",
        type: "filter",
        hook: "forward",
        priority: 0,
        policy: "accept",
        origin: why,
        rules: [
          rule(why, ctState("established", "related"), verdict(ACCEPT)),
          ...rules("calio0", ports(elsewhere)),
          ...rules("cali3", [...ports(ON_IT - 1), PORT]),
          rule(why, equal(meta("oifname"), interfaceName("cali3")), verdict(DROP)),
        ],
      }),
    ],
  });
}

/** Microseconds, one of each slice. */
interface Sample {
  readonly connection: number[];
  readonly question: number[];
}

async function measure(
  twin: Twin,
  program: (name: (typeof PROGRAMS)[number]) => string,
): Promise<ReadonlyMap<string, Sample>> {
  using namespace = openNamespace(`/run/netns/${twin.namespace("node1")}`);
  const kernel = openKernel({ namespace });
  const nft = new NftReconciler(kernel);
  const tables = [...tablesOf(twin)];
  const samples = new Map(tables.map(([name]): [string, Sample] => [name, { connection: [], question: [] }]));
  const within = (place: string, ...command: readonly string[]) =>
    spawn("ip", ["netns", "exec", twin.namespace(place), ...command], { stdio: ["ignore", "pipe", "inherit"] });
  const inPod = (pod: string, ...command: readonly string[]) => within(pod, program("datapath-peer"), ...command);
  const server = inPod("pod3", "serve", String(PORT));
  const judge = within("node1", program("first-packet"), String(QUEUE));
  try {
    await Promise.all([firstWords(server), firstWords(judge)]);
    for (let slice = -WARM_UP; slice < SLICES; slice++) {
      for (const [name, wanted] of turned(tables, slice + WARM_UP)) {
        nft.setTables([POLICY_TABLE], wanted);
        nft.apply();
        if (name === IN_USERSPACE) queueFirstPackets(twin.namespace("node1"), true);
        const to = [twin.address("pod3"), String(PORT)];
        const [connection = Number.NaN] = await words(inPod("pod1", "open", ...to, CONNECTIONS));
        const [question = Number.NaN] = await words(inPod("pod1", "ask", ...to, QUESTIONS));
        if (name === IN_USERSPACE) queueFirstPackets(twin.namespace("node1"), false);
        if (slice < 0) continue;
        samples.get(name)?.connection.push(connection);
        samples.get(name)?.question.push(question);
      }
      process.stderr.write(`bench: slice ${slice + WARM_UP + 1} of ${SLICES + WARM_UP}\n`);
    }
  } finally {
    server.kill("SIGKILL");
    judge.kill("SIGKILL");
    kernel.close();
  }
  return samples;
}

function casesOf(samples: ReadonlyMap<string, Sample>): Case[] {
  return (["connection", "question"] as const).flatMap((kind) => {
    const base = samples.get(BASE)?.[kind] ?? [];
    return [...samples]
      .filter(([name]) => name !== BASE)
      .map(([name, sample]) => {
        const ratio = median(sample[kind].map((value, slice) => value / (base[slice] ?? Number.NaN)));
        const goal = [LINEAR, NO_TABLE, IN_USERSPACE].includes(name) ? NONE : GOAL;
        return measured(
          `${name}: ${kind === "connection" ? "TCP connection" : "question and answer"}`,
          "µs",
          median(sample[kind]),
          { name: BASE, value: median(base), ratio },
          goal,
        );
      });
  });
}

/** So that nobody is always the first, or always after the same one. */
function turned<T>(values: readonly T[], by: number): T[] {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}

function firstWords(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => reject(new Error("a program of the measurement ended")));
    child.stdout?.once("data", () => resolve());
  });
}

function words(child: ChildProcess): Promise<number[]> {
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0
        ? resolve(output.trim().split(" ").map(Number))
        : reject(new Error(`datapath-peer: exit code ${code}`)),
    );
  });
}
