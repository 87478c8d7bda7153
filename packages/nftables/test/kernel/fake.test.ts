import { encodeBatch, type Operation, plan, type Table } from "@ocicat/nftables";
import { FakeNftables, type FakeNftSocket } from "@ocicat/nftables/fake";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errnoOf } from "../../src/kernel.ts";
import { tables } from "../support/arbitrary.ts";
import { readActual, readCanonical } from "../support/canonical.ts";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

const REF = { family: "inet", name: "oct-same" } as const;

let namespace: Namespace;
let kernel: NfnetlinkSocket;
let fake: FakeNftSocket;

beforeAll(() => {
  namespace = new Namespace("fk");
  kernel = new NfnetlinkSocket(namespace);
  fake = new FakeNftables().open();
});

afterAll(() => {
  kernel[Symbol.dispose]();
  namespace[Symbol.dispose]();
});

/** "taken", or errno's name. */
function outcome(run: () => void): string {
  try {
    run();
    return "taken";
  } catch (error) {
    return errnoOf(error) ?? String(error);
  }
}

/** Plans for each from what it holds (handles are its own affair), and has both say the same. */
function commitBoth(desired: readonly Table[], damage: Damage = { kind: "none", at: 0 }): string {
  const [real, imagined] = [kernel, fake].map((one) => {
    const operations = plan(desired, readActual(one, REF), { ownership: true });
    return outcome(() => one.nftCommit(encodeBatch(damaged(operations, damage)).messages));
  });
  expect(imagined).toBe(real);
  expect(readCanonical(fake, REF)).toEqual(readCanonical(kernel, REF));
  return real ?? "";
}

/** What goes wrong with a plan: an operation is lost, or done twice, or the wrong way round. */
type Damage = { readonly kind: "none" | "lose" | "repeat" | "swap"; readonly at: number };

const damages: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom<Damage["kind"]>("none", "lose", "repeat", "swap"),
  at: fc.nat(),
});

function damaged(operations: readonly Operation[], { kind, at }: Damage): readonly Operation[] {
  const index = operations.length === 0 ? 0 : at % operations.length;
  switch (kind) {
    case "none":
      return operations;
    case "lose":
      return operations.toSpliced(index, 1);
    case "repeat":
      return operations.toSpliced(index, 0, ...operations.slice(index, index + 1));
    case "swap":
      return operations.toSpliced(index, 2, ...operations.slice(index, index + 2).toReversed());
  }
}

describe("the fake", () => {
  it("takes and refuses what the kernel takes and refuses, and holds the same after it", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(tables(REF), tables(REF), damages, (from, to, damage) => {
        commitBoth([from]);
        const said = commitBoth([to], damage);
        seen.set(said, (seen.get(said) ?? 0) + 1);
        commitBoth([]);
      }),
      { seed: 10, numRuns: 120, endOnFailure: true },
    );
    // Refusals of every kind, and successes, were among them.
    expect([...seen.keys()].toSorted()).toEqual(["EBUSY", "EEXIST", "ENOENT", "taken"]);
  });

  it("gives tables to owners, keeps others out, and leaves orphans to be claimed, as the kernel does", () => {
    const seen = new Set<string>();
    const actions = fc.array(
      fc.record({ who: fc.constantFrom(0, 1), what: fc.constantFrom("write", "write", "delete", "leave") }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(actions, fc.array(tables(REF), { minLength: 3, maxLength: 3 }), (history, desired) => {
        const imagined = new FakeNftables();
        const sockets = [0, 1].map(() => ({ real: new NfnetlinkSocket(namespace), fake: imagined.open() }));
        for (const [index, { who, what }] of history.entries()) {
          const one = sockets[who];
          if (one === undefined) throw new Error("no such socket");
          if (what === "leave") {
            one.real[Symbol.dispose]();
            one.fake.close();
            sockets[who] = { real: new NfnetlinkSocket(namespace), fake: imagined.open() };
            continue;
          }
          const wanted = what === "delete" ? [] : desired.slice(index % 3, (index % 3) + 1);
          const [real, fake] = [one.real, one.fake].map((socket) => {
            const operations = plan(wanted, readActual(socket, REF), { ownership: true });
            return outcome(() => socket.nftCommit(encodeBatch(operations).messages));
          });
          expect(fake).toBe(real);
          expect(readCanonical(one.fake, REF)).toEqual(readCanonical(one.real, REF));
          seen.add(real ?? "");
        }
        for (const { real } of sockets) real[Symbol.dispose]();
        namespace.run("nft", "flush", "ruleset");
      }),
      { seed: 12, numRuns: 40, endOnFailure: true },
    );
    expect([...seen].toSorted()).toEqual(["EPERM", "taken"]);
  });
});
