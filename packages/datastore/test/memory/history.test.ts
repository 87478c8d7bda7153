import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KeyValue, Operation, Revision } from "../../src/datastore.ts";
import { History } from "../../src/memory/history.ts";

const KEYS = ["a", "b", "b/", "b/1", "c"];

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ put: fc.constantFrom(...KEYS), value: fc.string({ maxLength: 2 }) }),
  fc.record({ delete: fc.constantFrom(...KEYS) }),
);
const group = fc.uniqueArray(operation, {
  maxLength: 3,
  selector: (each) => ("put" in each ? each.put : each.delete),
});
const step = fc.oneof({ weight: 9, arbitrary: group }, { weight: 1, arbitrary: fc.constant("compact" as const) });

/** The whole state at every revision, copied each time: slow and plainly right. */
class Model {
  readonly states = new Map<Revision, ReadonlyMap<string, KeyValue>>([[1n, new Map()]]);
  revision: Revision = 1n;

  apply(operations: readonly Operation[]): void {
    const state = new Map(this.states.get(this.revision));
    const next = this.revision + 1n;
    let changed = false;
    for (const each of operations) {
      if ("delete" in each) changed = state.delete(each.delete) || changed;
      else {
        const old = state.get(each.put);
        const item = { key: each.put, value: each.value, lease: 0n, modRevision: next };
        const createRevision = old === undefined ? next : old.createRevision;
        state.set(each.put, { ...item, createRevision, version: old === undefined ? 1n : old.version + 1n });
        changed = true;
      }
    }
    if (!changed) return;
    this.revision = next;
    this.states.set(next, state);
  }

  list(prefix: string, revision: Revision): KeyValue[] {
    const state = this.states.get(revision) ?? new Map<string, KeyValue>();
    return [...state.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

describe("History", () => {
  it("shows every revision as a model does, also after compactions, and its changes replay to each state", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const history = new History();
        const model = new Model();
        for (const each of steps) {
          if (each !== "compact") {
            history.apply(each);
            model.apply(each);
          } else if (history.revision > history.compacted) {
            history.compact(history.compacted + (history.revision - history.compacted + 1n) / 2n);
          }
        }
        expect(history.revision).toBe(model.revision);
        const oldest = history.compacted > 1n ? history.compacted : 1n;
        for (let revision = oldest; revision <= model.revision; revision++) {
          for (const prefix of ["", "b", "b/"]) {
            expect(history.list(prefix, { revision }).items).toEqual(model.list(prefix, revision));
          }
          for (const key of KEYS) expect(history.get(key, revision)).toEqual(model.states.get(revision)?.get(key));
        }

        const replayed = new Map(model.states.get(oldest));
        for (const { revision, events } of history.since(oldest + 1n)) {
          for (const event of events) {
            const key = event.type === "put" ? event.item.key : event.key;
            expect(event.previous).toEqual(replayed.get(key));
            if (event.type === "put") replayed.set(key, event.item);
            else replayed.delete(key);
          }
          expect(replayed).toEqual(model.states.get(revision));
        }
        expect(replayed).toEqual(model.states.get(model.revision));
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
