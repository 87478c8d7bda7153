import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { needsOf, PolicyIndex } from "../../src/index.ts";
import { Accumulated } from "../support/accumulate.ts";
import { type Change, changes, lastOf, modelOf, tell } from "../support/random-cluster.ts";

const NODE = "here";
const RUNS = 500;

/** Each group is told, then flushed. */
function follow(groups: readonly (readonly Change[])[]): Accumulated {
  const index = new PolicyIndex(NODE);
  const all = new Accumulated();
  for (const group of groups) {
    for (const change of group) tell(index, change);
    all.apply(index.flush());
  }
  return all;
}

function wanted(told: readonly Change[]): string {
  return new Accumulated().apply(needsOf(modelOf(told), NODE)).text;
}

/** The words that lead from nothing to the same end, in other ways. */
const REPLAYS: Readonly<Record<string, (told: readonly Change[]) => readonly (readonly Change[])[]>> = {
  "all at once": (told) => [told],
  "only the last of each": (told) => [lastOf(told)],
  "the last of each, backwards": (told) => [lastOf(told).toReversed()],
  "the last of each, backwards, one by one": (told) =>
    lastOf(told)
      .toReversed()
      .map((change) => [change]),
  "taken away between": (told) =>
    lastOf(told).flatMap((change) => [[change], [{ ...change, value: undefined }], [change]]),
  "with nothing between": (told) => told.flatMap((change) => [[change], []]),
  "each told twice": (told) => told.map((change) => [change, change]),
};

/** The same in a new object, as reading a resource again gives it. */
function readAgain(change: Change): Change {
  return change.value === undefined ? change : Object.assign({ ...change }, { value: { ...change.value } });
}

describe("what the index tells, taken together", () => {
  it("is after each flush what the whole model needs", () => {
    fc.assert(
      fc.property(changes(50), fc.array(fc.nat(4), { minLength: 50, maxLength: 50 }), (told, pauses) => {
        const index = new PolicyIndex(NODE);
        const all = new Accumulated();
        for (const [at, change] of told.entries()) {
          tell(index, change);
          if (pauses[at] === 0) expect(all.apply(index.flush()).text).toBe(wanted(told.slice(0, at + 1)));
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("does not depend on the way there", () => {
    fc.assert(
      fc.property(changes(30), (told) => {
        const end = wanted(told);
        for (const [way, replay] of Object.entries(REPLAYS)) expect(follow(replay(told)).text, way).toBe(end);
      }),
      { numRuns: RUNS / 4 },
    );
  });

  it("is nothing after everything is gone, of which the index keeps nothing", () => {
    fc.assert(
      fc.property(changes(30), (told) => {
        const index = new PolicyIndex(NODE);
        const all = new Accumulated();
        const gone = lastOf(told).map((change): Change => ({ ...change, value: undefined }));
        for (const change of [...told, ...gone]) {
          tell(index, change);
          all.apply(index.flush());
        }
        expect([all.sets.size, all.policies.size, all.profiles.size, all.endpoints.size]).toEqual([0, 0, 0, 0]);
        expect(Object.values(index.counts).filter((count) => count > 0)).toEqual([]);
      }),
      { numRuns: RUNS / 4 },
    );
  });

  it("is empty where nothing has changed", () => {
    fc.assert(
      fc.property(changes(30), (told) => {
        const index = new PolicyIndex(NODE);
        for (const change of told) tell(index, change);
        index.flush();
        for (const change of lastOf(told)) tell(index, readAgain(change));
        const { sets, policies, profiles, endpoints } = index.flush();
        expect([sets.size, policies.size, profiles.size, endpoints.size]).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: RUNS / 4 },
    );
  });
});
