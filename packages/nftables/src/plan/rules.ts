import { ruleKey } from "../equality.ts";
import type { Rule } from "../ir/rule.ts";
import type { TableRef } from "../ir/table.ts";
import type { RuleState } from "../read/actual.ts";
import type { Operation } from "./operation.ts";

/**
 * From the rules of a chain to the rules wanted, keeping as many as can stay in order: those keep handle and counters.
 * `states` is asked only if some stay. Without them (see ActualTable), the chain is flushed and filled anew, in one transaction all the same.
 */
export function planRules(
  table: TableRef,
  chain: string,
  desired: readonly Rule[],
  actual: readonly Rule[],
  states: () => readonly RuleState[] | undefined,
): readonly Operation[] {
  if (desired === actual) return [];
  const kept = keep(desired, actual);
  if (kept.size === desired.length && kept.size === actual.length) return [];
  if (actual.length === 0) return edit(table, chain, desired, kept, []);
  const known = kept.size === 0 ? undefined : states();
  return known === undefined ? refill(table, chain, desired) : edit(table, chain, desired, kept, known);
}

function edit(
  table: TableRef,
  chain: string,
  desired: readonly Rule[],
  kept: ReadonlyMap<number, number>,
  states: readonly RuleState[],
): readonly Operation[] {
  const staying = new Set(kept.values());
  const deletions = states.flatMap(({ handle }, place): readonly Operation[] =>
    staying.has(place) ? [] : [{ op: "rule.delete", table, chain, handle }],
  );
  // From the back, so that the rule to insert before is known: the next one that stays.
  const insertions: Operation[] = [];
  let before: bigint | undefined;
  for (const [index, rule] of [...desired.entries()].toReversed()) {
    const place = kept.get(index);
    if (place === undefined) insertions.push({ op: "rule.add", table, chain, rule, before });
    else before = states[place]?.handle;
  }
  return [...deletions, ...insertions.toReversed()];
}

function refill(table: TableRef, chain: string, desired: readonly Rule[]): readonly Operation[] {
  return [
    { op: "chain.flush", table, chain },
    ...desired.map((rule): Operation => ({ op: "rule.add", table, chain, rule, before: undefined })),
  ];
}

/** Index in desired → index in actual, for the most rules that are equal and in the same order in both. */
export function keep(desired: readonly Rule[], actual: readonly Rule[]): ReadonlyMap<number, number> {
  const places = new Map<string, number[]>();
  for (const [place, rule] of actual.entries()) {
    const key = ruleKey(rule);
    const same = places.get(key);
    if (same === undefined) places.set(key, [place]);
    else same.push(place);
  }
  // Of equal rules, the first wanted takes the first there is.
  const pairs = desired.flatMap((rule, index) => {
    const place = places.get(ruleKey(rule))?.shift();
    return place === undefined ? [] : [{ index, place }];
  });
  const increasing = new Set(longestIncreasing(pairs.map((pair) => pair.place)));
  return new Map(pairs.filter((_, at) => increasing.has(at)).map(({ index, place }) => [index, place]));
}

/** Indices of a longest increasing subsequence of distinct numbers, in O(n log n): patience sorting. */
export function longestIncreasing(numbers: readonly number[]): readonly number[] {
  /** tails[l]: where the increasing run of length l + 1 that ends lowest ends. */
  const tails: number[] = [];
  const before = new Array<number | undefined>(numbers.length);
  for (const [index, number] of numbers.entries()) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[tails[middle] ?? 0] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    before[index] = low === 0 ? undefined : tails[low - 1];
    tails[low] = index;
  }
  const run: number[] = [];
  for (let index = tails.at(-1); index !== undefined; index = before[index]) run.push(index);
  return run.toReversed();
}
