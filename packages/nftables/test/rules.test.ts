import { origin } from "@ocicat/kit";
import { COUNTER, equal, interfaceName, meta, type Operation, type Rule, rule } from "@ocicat/nftables";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ruleKey } from "../src/equality.ts";
import { keep, longestIncreasing, planRules } from "../src/plan/rules.ts";

const REF = { family: "inet", name: "t" } as const;
const why = origin("because of a test");
const named = (name: string): Rule => rule(why, equal(meta("iifname"), interfaceName(name)), COUNTER);
const lists = fc.array(fc.constantFrom(...Array.from("abcdefgh")).map(named), { maxLength: 10 });

interface Present {
  readonly rule: Rule;
  readonly handle: bigint;
}

/** What the kernel does with these operations on a chain. */
function perform(present: readonly Present[], operations: readonly Operation[]): readonly Present[] {
  let next = 1000n;
  let chain = [...present];
  for (const operation of operations) {
    switch (operation.op) {
      case "rule.delete":
        expect(chain.some(({ handle }) => handle === operation.handle)).toBe(true);
        chain = chain.filter(({ handle }) => handle !== operation.handle);
        break;
      case "rule.add": {
        const at = chain.findIndex(({ handle }) => handle === operation.before);
        expect(operation.before === undefined || at >= 0).toBe(true);
        chain.splice(at < 0 ? chain.length : at, 0, { rule: operation.rule, handle: next++ });
        break;
      }
      case "chain.flush":
        chain = [];
        break;
      default:
        expect.unreachable(operation.op);
    }
  }
  return chain;
}

/** By the book, in O(n·m). */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  const row = new Array<number>(b.length + 1).fill(0);
  for (const one of a) {
    let diagonal = 0;
    for (const [index, other] of b.entries()) {
      const above = row[index + 1] ?? 0;
      row[index + 1] = one === other ? diagonal + 1 : Math.max(above, row[index] ?? 0);
      diagonal = above;
    }
  }
  return row.at(-1) ?? 0;
}

describe("from any chain to any other", () => {
  it("the operations lead there, and what stays keeps its handle", () => {
    fc.assert(
      fc.property(lists, lists, (actual, desired) => {
        const present = actual.map((one, index) => ({ rule: one, handle: BigInt(index + 1) }));
        const states = present.map(({ handle }) => ({ handle, counters: undefined }));
        const operations = planRules(REF, "c", desired, actual, () => states);
        const after = perform(present, operations);
        expect(after.map((one) => ruleKey(one.rule))).toEqual(desired.map(ruleKey));
        const kept = after.filter(({ handle }) => handle < 1000n).length;
        // If none stays, they go all at once.
        const removals = kept === 0 ? Math.min(actual.length, 1) : actual.length - kept;
        expect(operations).toHaveLength(removals + desired.length - kept);
      }),
      { seed: 6, numRuns: 1000 },
    );
  });

  it("without handles, by filling it anew", () => {
    fc.assert(
      fc.property(lists, lists, (actual, desired) => {
        const present = actual.map((one, index) => ({ rule: one, handle: BigInt(index + 1) }));
        const operations = planRules(REF, "c", desired, actual, () => undefined);
        expect(perform(present, operations).map((one) => ruleKey(one.rule))).toEqual(desired.map(ruleKey));
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it("as many distinct rules stay as can", () => {
    const distinct = fc.uniqueArray(fc.constantFrom(...Array.from("abcdefghij")), { maxLength: 10 });
    fc.assert(
      fc.property(distinct, distinct, (actual, desired) => {
        const kept = keep(desired.map(named), actual.map(named));
        expect(kept.size).toBe(longestCommon(desired, actual));
      }),
      { seed: 8, numRuns: 500 },
    );
  });
});

it("the longest increasing run of indices is increasing, and the longest", () => {
  expect(longestIncreasing([])).toEqual([]);
  expect(longestIncreasing([5, 1, 6, 2, 3, 0])).toEqual([1, 3, 4]);
  expect(longestIncreasing([3, 2, 1])).toHaveLength(1);
});
