/**
 * BGP as a route reflector beside BIRD, FRR and GoBGP: the same clients on real sockets, in a namespace of their own. Each round
 * runs every daemon, one after the other, each in a new process. Times are from the first UPDATE sent to the last route received;
 * CPU time is printed beside: on a machine that has other work, it is what to compare.
 */
import { churn } from "./bgp/churn.ts";
import { filtered } from "./bgp/filtered.ts";
import { idle } from "./bgp/idle.ts";
import { mesh } from "./bgp/mesh.ts";
import { inSegment, type Segment } from "./bgp/segment.ts";
import { tables } from "./bgp/tables.ts";
import type { Case } from "./report.ts";

/** How much of everything: `--short` is for a look while working, and its figures are not medians. */
interface Amount {
  readonly rounds: number;
  readonly churnS: number;
  /** GoBGP takes a quarter of an hour for a million routes. */
  readonly patient: boolean;
}

const WHOLE: Amount = { rounds: 5, churnS: 30, patient: true };
const SHORT: Amount = { rounds: 1, churnS: 10, patient: false };

const PARTS: Readonly<Record<string, (segment: Segment, amount: Amount) => Promise<Case[]>>> = {
  tables: (segment, { rounds, patient }) => tables(segment, rounds, patient),
  churn: (segment, { churnS, patient }) => churn(segment, churnS, patient),
  filter: (segment, { rounds }) => filtered(segment, Math.min(rounds, 3)),
  mesh: () => mesh(),
  idle: (segment) => idle(segment),
};

/** `--short` for one round of each; `--part=NAME` for one of the parts. */
export async function run(options: readonly string[]): Promise<Case[]> {
  const amount = options.includes("--short") ? SHORT : WHOLE;
  const wanted = options.flatMap((option) => option.split("--part=").slice(1));
  const unknown = wanted.find((name) => !(name in PARTS));
  if (unknown !== undefined) throw new Error(`there is no part ${unknown}: ${Object.keys(PARTS).join(", ")}`);
  return inSegment(async (segment) => {
    const cases: Case[] = [];
    for (const [name, part] of Object.entries(PARTS)) {
      if (wanted.length === 0 || wanted.includes(name)) cases.push(...(await part(segment, amount)));
    }
    return cases;
  });
}
