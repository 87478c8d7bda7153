/** `node --expose-gc cold.ts applications|networkSetPerPolicy ENDPOINTS POLICIES`: one cold calculation in a process of its own. */
import { type NeedsChange, PolicyIndex } from "@ocicat/policy";
import { applications, NODE, networkSetPerPolicy, tell } from "./clusters.ts";

export interface Cold {
  readonly ms: number;
  /** What it cost the processor, on all cores: garbage is collected beside the work. */
  readonly cpuMs: number;
  /** Of everything alive afterwards: the cluster's values, the index, and what it told. */
  readonly heapMib: number;
  readonly inputMib: number;
  readonly rssMib: number;
  readonly sets: number;
  readonly policies: number;
}

const SHAPES = { applications, networkSetPerPolicy };
const MIB = 1024 ** 2;

function heapMib(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / MIB;
}

const [shape = "", endpoints, policies] = process.argv.slice(2);
if (shape !== "applications" && shape !== "networkSetPerPolicy") throw new Error(`no such shape: ${shape}`);
const cluster = SHAPES[shape](Number(endpoints), Number(policies));
const inputMib = heapMib();
const index = new PolicyIndex(NODE);
const start = performance.now();
const cpu = process.cpuUsage();
tell(index, cluster);
const change: NeedsChange = index.flush();
const ms = performance.now() - start;
const { user, system } = process.cpuUsage(cpu);
const cpuMs = (user + system) / 1000;
const rssMib = process.memoryUsage().rss / MIB;
const cold: Cold = {
  ms,
  cpuMs,
  inputMib,
  heapMib: heapMib(),
  rssMib,
  sets: change.sets.size,
  policies: change.policies.size,
};
process.stdout.write(`${JSON.stringify(cold)}\n`);
// Whatever is alive has to be alive until here.
if (index.flush().sets.size > 0 || cluster.policies.length === 0)
  throw new Error("a second flush has something to tell");
