/** Nodes with pods appear and vanish on a real etcd, under two instances of the controllers, of which the leading one is killed. */
import { type ChurnReport, churn, growth } from "../packages/controllers/test/soak/churn.ts";
import { startProcess } from "../packages/controllers/test/soak/instances.ts";
import type { SoakOptions } from "./options.ts";

const LEASE_SECONDS = 15;
/** On top of the grace period: a leader that has to be succeeded, and what it takes to see and to collect. */
const SLACK_MS = (LEASE_SECONDS + 10) * 1000;
/** Memory of the last third of the time over that of the second. */
const FLAT = 1.15;

export async function run(options: SoakOptions, say: (line: string) => void): Promise<void> {
  const { seconds = 600, nodes = 200, pods = 30, grace = 60, seed } = options;
  say(`seed ${seed}`);
  const report = await churn({
    nodes,
    pods,
    ms: seconds * 1000,
    lifeMs: 110_000,
    graceMs: grace * 1000,
    leaseSeconds: LEASE_SECONDS,
    seed,
    startInstance: startProcess,
    say,
  });
  for (const line of tell(report, grace)) say(line);
  const broken = judge(report, grace);
  if (broken.length > 0) throw new Error(broken.join("\n"));
}

function judge({ left, problems, violations, longestTraceMs, rss }: ChurnReport, grace: number): readonly string[] {
  const last = longestTraceMs / 1000;
  return [
    ...left.map((key) => `left behind: ${key}`),
    ...problems,
    ...violations,
    ...(longestTraceMs > grace * 1000 + SLACK_MS ? [`something of a node was there ${last} s after it`] : []),
    ...(growth(rss) > FLAT ? [`the controllers' memory grew to ${growth(rss).toFixed(2)} times what it was`] : []),
  ];
}

function tell(report: ChurnReport, grace: number): readonly string[] {
  const { nodes, pods, longestTraceMs, rss, collected, takeoverMs, left } = report;
  const at = (part: number) => rss[Math.min(rss.length - 1, Math.floor(rss.length * part))] ?? 0;
  const memory = [0.05, 0.25, 0.5, 0.75, 1].map((part) => `${(at(part) / 2 ** 20).toFixed(0)} MiB`).join(", ");
  return [
    `nodes that came and went       ${nodes}, with ${pods} pods`,
    `left in the end                ${left.length} keys`,
    `last trace of a node           ${(longestTraceMs / 1000).toFixed(1)} s after it went; the grace period is ${grace} s`,
    `takeover from a killed leader  ${(takeoverMs / 1000).toFixed(1)} s; the lease is ${LEASE_SECONDS} s`,
    `holders collected after that   ${collected}`,
    `memory of the controllers      ${memory}, at 5, 25, 50, 75, 100 % of the time`,
    `                               last third over second: ${growth(rss).toFixed(3)}`,
  ];
}
