import { type NftKernel, NftReconciler, type Table, tableKey } from "@ocicat/nftables";
import { FakeNftables } from "@ocicat/nftables/fake";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
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
    desired: fc.tuple(...REFS.map((ref) => fc.option(tables(ref), { nil: undefined, freq: 4 }))),
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

function expectState(kernel: NftKernel, desired: readonly Table[]): void {
  const read = readCanonical(kernel, ...REFS).toSorted((a, b) => compare(tableKey(a), tableKey(b)));
  expect(read).toEqual(desired.map(canonical).toSorted((a, b) => compare(tableKey(a), tableKey(b))));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
