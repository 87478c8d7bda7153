/** What the daemons did, as cases of the report: ours beside each of the others. */
import { type Case, type Goal, measured, median } from "../report.ts";
import type { DaemonName } from "./daemons.ts";
import type { Results } from "./segment.ts";

/** Those that the goals are about. */
const RIVALS: readonly DaemonName[] = ["BIRD", "FRR"];

/** Ours beside each other daemon; the goal, `most` times as much, is for the faster of those that it is about. */
export function compared<T>(
  what: string,
  results: Results<T>,
  value: (result: T) => number,
  unit: string,
  most?: number,
): Case[] {
  const own = (results.get("Ocicat") ?? []).map(value);
  const others = [...results].flatMap(([name, list]) =>
    name === "Ocicat" || list.length === 0 ? [] : [{ name, values: list.map(value) }],
  );
  const rivals = others.filter(({ name }) => RIVALS.includes(name));
  const fastest = rivals.toSorted((a, b) => median(a.values) - median(b.values))[0];
  return others.map(({ name, values }) => {
    const pairs = values.map((one, round) => (own[round] ?? median(own)) / one);
    const goal: Goal =
      most !== undefined && name === fastest?.name ? { kind: "at most", value: most } : { kind: "none" };
    return measured(what, unit, median(own), { name, value: median(values), ratio: median(pairs) }, goal);
  });
}

/** Ours, for itself. */
export function alone<T>(
  what: string,
  results: Results<T>,
  value: (result: T) => number,
  unit: string,
  most?: number,
): Case {
  const goal: Goal = most === undefined ? { kind: "none" } : { kind: "at most", value: most };
  return measured(what, unit, median((results.get("Ocicat") ?? []).map(value)), undefined, goal);
}
