import { origin } from "@ocicat/kit";
import {
  elementKey,
  type NamedSet,
  type NftKernel,
  NftReconciler,
  type Table,
  type TableEdits,
  table,
  tableKey,
} from "@ocicat/nftables";
import { FakeNftables } from "@ocicat/nftables/fake";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sameShape } from "../../src/equality.ts";
import { elementDelta } from "../../src/plan/elements.ts";
import { tables } from "../support/arbitrary.ts";
import { canonical, readCanonical } from "../support/canonical.ts";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

const REFS = [
  { family: "inet", name: "oct-a" },
  { family: "ip", name: "oct-b" },
] as const;

let namespace: Namespace;

beforeAll(() => {
  namespace = new Namespace("seq");
});

afterAll(() => {
  namespace[Symbol.dispose]();
});

/** What happens between one desired state and the next. */
type Event = "nothing" | "resync" | "restart" | "skip";

const steps = fc.array(
  fc.record({
    desired: fc.tuple(...REFS.map((ref) => fc.option(tables({ ...ref, timed: false }), { nil: undefined, freq: 4 }))),
    event: fc.constantFrom<Event>("nothing", "nothing", "resync", "restart", "skip"),
  }),
  { minLength: 1, maxLength: 6 },
);

/** The kernel, and what stands in for it where there is none. */
const BACKENDS: readonly (readonly [string, () => () => NftKernel & Disposable])[] = [
  ["the kernel", () => () => new NfnetlinkSocket(namespace)],
  [
    "the fake",
    () => {
      const nftables = new FakeNftables();
      return () => nftables.open();
    },
  ],
];

it.each(BACKENDS)(
  "on %s: whatever was desired on the way, and however often it was read back, restarted or left out, the end is the last desired state",
  (_name, backend) => {
    const open = backend();
    fc.assert(
      fc.property(steps, (history) => {
        let kernel = open();
        try {
          let reconciler = new NftReconciler(kernel);
          let last: readonly Table[] = [];
          for (const { desired, event } of history) {
            last = desired.flatMap((table) => table ?? []);
            if (event === "restart") {
              kernel[Symbol.dispose]();
              kernel = open();
              reconciler = new NftReconciler(kernel);
            }
            reconciler.setTables(REFS, last);
            if (event === "resync") reconciler.resync();
            if (event === "skip") continue;
            reconciler.apply();
            expectState(kernel, last);
          }
          reconciler.apply();
          expectState(kernel, last);
          expect(reconciler.apply()).toEqual([]);
          reconciler.resync();
          expect(reconciler.apply()).toEqual([]);
          reconciler.setTables(REFS, []);
          reconciler.apply();
          expectState(kernel, []);
        } finally {
          kernel[Symbol.dispose]();
        }
      }),
      { seed: 13, numRuns: 40, endOnFailure: true },
    );
  },
);

/** A change of a table, piece by piece. */
type Edit = (nft: TableEdits) => void;

/** From one table to another of the same name. `order`: of the edits, for which there is none that is right. */
function editsTo(from: Table, to: Table, whole: boolean, order: readonly number[]): readonly Edit[] {
  const edits: Edit[] = [
    ...to.chains.map(
      (chain): Edit =>
        (nft) =>
          nft.putChain(to, chain),
    ),
    ...gone(from.chains, to.chains).map(
      (name): Edit =>
        (nft) =>
          nft.deleteChain(to, name),
    ),
    ...gone(from.sets, to.sets).map(
      (name): Edit =>
        (nft) =>
          nft.deleteSet({ table: to, set: name }),
    ),
    ...to.sets.flatMap((set) => {
      const before = from.sets.find(({ name }) => name === set.name);
      return before === undefined || whole || !sameShape(before, set)
        ? [(nft: TableEdits) => nft.putSet(to, set)]
        : elementEdits(to, before, set);
    }),
  ];
  return edits
    .map((edit, index) => ({ edit, place: order[index % order.length] ?? 0 }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ edit }) => edit);
}

function elementEdits(table: Table, from: NamedSet, to: NamedSet): readonly Edit[] {
  const ref = { table, set: to.name };
  const { remove, add } = elementDelta(to, from);
  const wanted = new Set(to.elements.map((one) => elementKey(to, one)));
  return [
    ...add.map(
      (one): Edit =>
        (nft) =>
          nft.putElement(ref, one),
    ),
    ...remove
      .filter((one) => !wanted.has(elementKey(to, one)))
      .map(
        (one): Edit =>
          (nft) =>
            nft.deleteElement(ref, one.key),
      ),
  ];
}

function gone(from: readonly { readonly name: string }[], to: readonly { readonly name: string }[]): readonly string[] {
  const names = new Set(to.map(({ name }) => name));
  return from.map(({ name }) => name).filter((name) => !names.has(name));
}

const pieces = fc.array(
  fc.record({
    desired: tables({ ...REFS[0], timed: false }),
    whole: fc.boolean(),
    order: fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
    event: fc.constantFrom<Event>("nothing", "nothing", "resync", "restart", "skip"),
  }),
  { minLength: 2, maxLength: 6 },
);

it.each(BACKENDS)("on %s: piece by piece, in whatever order, it comes to the same", (_name, backend) => {
  const open = backend();
  fc.assert(
    fc.property(pieces, (history) => {
      const kernel = open();
      try {
        let reconciler = new NftReconciler(kernel);
        let last = table({ ...REFS[0], origin: origin("because of a test") });
        reconciler.setTables([REFS[0]], [last]);
        for (const { desired, whole, order, event } of history) {
          for (const edit of editsTo(last, desired, whole, order)) edit(reconciler);
          last = table({ ...desired, origin: last.origin });
          if (event === "skip") continue;
          if (event === "resync") reconciler.resync();
          if (event === "restart") {
            reconciler = new NftReconciler(kernel);
            reconciler.setTables([REFS[0]], [last]);
          }
          reconciler.apply();
          expectState(kernel, [last]);
          reconciler.resync();
          expect(reconciler.apply()).toEqual([]);
        }
        reconciler.setTables([REFS[0]], []);
        reconciler.apply();
        expectState(kernel, []);
      } finally {
        kernel[Symbol.dispose]();
      }
    }),
    { seed: 14, numRuns: 40, endOnFailure: true },
  );
});

function expectState(kernel: NftKernel, desired: readonly Table[]): void {
  const read = readCanonical(kernel, ...REFS).toSorted((a, b) => compare(tableKey(a), tableKey(b)));
  expect(read).toEqual(desired.map(canonical).toSorted((a, b) => compare(tableKey(a), tableKey(b))));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
