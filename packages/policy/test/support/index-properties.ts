import assert from "node:assert/strict";
import fc from "fast-check";
import { needsOf, PolicyIndex } from "../../src/index.ts";
import { Accumulated } from "./accumulate.ts";
import { type Change, changes, lastOf, modelOf, tell } from "./random-cluster.ts";

const NODE = "here";

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

/** Ways that lead from nothing to the same end. */
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

/** What holds of an index whatever it is told; each throws where it does not. */
export const INDEX_PROPERTIES = {
  "what it tells is, taken together, after each flush what the whole model needs": fc.property(
    changes(50),
    fc.array(fc.nat(4), { minLength: 50, maxLength: 50 }),
    (told, pauses) => {
      const index = new PolicyIndex(NODE);
      const all = new Accumulated();
      for (const [at, change] of told.entries()) {
        tell(index, change);
        if (pauses[at] === 0) assert.equal(all.apply(index.flush()).text, wanted(told.slice(0, at + 1)));
      }
    },
  ),
  "the end does not depend on the way there": fc.property(changes(30), (told) => {
    const end = wanted(told);
    for (const [way, replay] of Object.entries(REPLAYS)) assert.equal(follow(replay(told)).text, end, way);
  }),
  "nothing is left after everything is gone": fc.property(changes(30), (told) => {
    const index = new PolicyIndex(NODE);
    const all = new Accumulated();
    const gone = lastOf(told).map((change): Change => ({ ...change, value: undefined }));
    for (const change of [...told, ...gone]) {
      tell(index, change);
      all.apply(index.flush());
    }
    assert.deepEqual([all.sets.size, all.policies.size, all.profiles.size, all.endpoints.size], [0, 0, 0, 0]);
    assert.deepEqual(
      Object.entries(index.counts).filter(([, count]) => count > 0),
      [],
    );
  }),
  "nothing is told where nothing has changed": fc.property(changes(30), (told) => {
    const index = new PolicyIndex(NODE);
    for (const change of told) tell(index, change);
    index.flush();
    for (const change of lastOf(told)) tell(index, readAgain(change));
    const { sets, policies, profiles, endpoints } = index.flush();
    assert.deepEqual([sets.size, policies.size, profiles.size, endpoints.size], [0, 0, 0, 0]);
  }),
} as const;
