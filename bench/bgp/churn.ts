/** 10,000 updates a second among a million routes with a thousand sets of attributes. */
import type { Case } from "../report.ts";
import { alone, compared } from "./compare.ts";
import type { DaemonName } from "./daemons.ts";
import { type Churn, CLIENTS, type Outcome } from "./plan.ts";
import type { Segment } from "./segment.ts";
import { played } from "./tables.ts";

const MOST_P99_MS = 50;
/** Updates a second by which what is under way may grow: a thousandth of what is sent. More is a queue. */
const MOST_GROWTH = 10;

/** `seconds`: for how long. `patient`: GoBGP too, which needs long to learn the table. */
export async function churn(segment: Segment, seconds: number, patient: boolean): Promise<Case[]> {
  const countOf = (name: DaemonName) => (name === "GoBGP" && !patient ? 0 : 1);
  const scenario = { prefixes: 1_000_000, sets: 1000, churnS: seconds };
  const results = await segment.rounds<Outcome>({ clients: CLIENTS, filtered: false }, played(scenario), countOf);
  const of = (value: (churn: Churn) => number) => (outcome: Outcome) =>
    outcome.churn === null ? Number.NaN : value(outcome.churn);
  const p99 = of(({ p99Ms }) => p99Ms);
  const growth = of((one) => one.growth);
  return [
    ...compared("1,000,000 routes of 1,000 sets: CPU time", results, ({ announceCpuMs }) => announceCpuMs, "ms"),
    ...compared(
      "10,000 updates/s: median",
      results,
      of(({ p50Ms }) => p50Ms),
      "ms",
    ),
    ...compared("10,000 updates/s: 99th percentile", results, p99, "ms"),
    alone("10,000 updates/s: 99th percentile of ours", results, p99, "ms", MOST_P99_MS),
    ...compared(
      "10,000 updates/s: of a core",
      results,
      of(({ cpuShare }) => cpuShare),
      "",
    ),
    ...compared(
      "10,000 updates/s: under way at the end",
      results,
      of(({ underWay }) => underWay[1]),
      "updates",
    ),
    alone("10,000 updates/s: growth of what is under way", results, growth, "updates/s", MOST_GROWTH),
  ];
}
