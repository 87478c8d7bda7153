import { origin } from "@ocicat/kit";
import { Prefix, parsePrefix } from "@ocicat/net";
import { element, NftReconciler, prefixValue, set, table, type Value } from "@ocicat/nftables";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canonical, readCanonical } from "../support/canonical.ts";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

const REF = { family: "inet", name: "oct-intervals" } as const;
const NETS = { 4: { table: REF, set: "nets4" }, 6: { table: REF, set: "nets6" } } as const;
const why = origin("because of a test");

let namespace: Namespace;
let kernel: NfnetlinkSocket;
let reconciler: NftReconciler;

const empty = table({
  ...REF,
  origin: why,
  sets: [
    set({ name: "nets4", key: "ipv4_addr", interval: true, origin: why }),
    set({ name: "nets6", key: "ipv6_addr", interval: true, origin: why }),
  ],
});

beforeEach(() => {
  namespace = new Namespace("iv");
  kernel = new NfnetlinkSocket(namespace);
  reconciler = new NftReconciler(kernel);
  reconciler.setTables([REF], [empty]);
  reconciler.apply();
});

afterEach(() => {
  kernel[Symbol.dispose]();
  namespace[Symbol.dispose]();
});

const net = (text: string): Value => prefixValue(parsePrefix(text));

function put(...blocks: readonly string[]): void {
  for (const block of blocks) reconciler.putElement(NETS[block.includes(":") ? 6 : 4], element(why, net(block)));
}

function drop(...blocks: readonly string[]): void {
  for (const block of blocks) reconciler.deleteElement(NETS[block.includes(":") ? 6 : 4], net(block));
}

/** What the kernel holds, as nft would write it. */
function held(family: 4 | 6 = 4): readonly string[] {
  const [read] = readCanonical(kernel, REF);
  return read?.sets.find(({ name }) => name === NETS[family].set)?.elements.map(({ text }) => text) ?? [];
}

describe("blocks in a set of intervals", () => {
  it("come and go one by one, next to each other and at both ends", () => {
    put("10.0.0.0/9", "10.128.0.0/9", "0.0.0.0/8", "255.0.0.0/8", "fd00::/16", "ffff::/16", "::/16");
    expect(reconciler.apply().map(({ op }) => op)).toEqual(["elements.add", "elements.add"]);
    expect(held()).toEqual(["0.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "255.0.0.0/8"]);
    expect(held(6)).toEqual(["::/16", "fd00::/16", "ffff::/16"]);
    drop("10.0.0.0/9", "255.0.0.0/8", "ffff::/16");
    reconciler.apply();
    expect(held()).toEqual(["0.0.0.0/8", "10.128.0.0/9"]);
    expect(held(6)).toEqual(["::/16", "fd00::/16"]);
  });

  it("may be all addresses there are", () => {
    put("0.0.0.0/0", "::/0");
    reconciler.apply();
    expect([held(), held(6)]).toEqual([["0.0.0.0/0"], ["::/0"]]);
    reconciler.resync();
    expect(reconciler.apply()).toEqual([]);
    drop("0.0.0.0/0", "::/0");
    put("0.0.0.0/1", "::/1");
    reconciler.apply();
    expect([held(), held(6)]).toEqual([["0.0.0.0/1"], ["::/1"]]);
  });

  it("that overlap are refused before a byte is sent, and the rest waits for it to be mended", () => {
    put("10.0.0.0/8");
    reconciler.apply();
    const { commits } = kernel;
    put("192.168.0.0/16", "10.1.0.0/16");
    expect(() => reconciler.apply()).toThrow(/10.0.0.0\/8 and 10.1.0.0\/16 overlap/);
    expect(kernel.commits).toBe(commits);
    drop("10.1.0.0/16");
    reconciler.apply();
    expect(held()).toEqual(["10.0.0.0/8", "192.168.0.0/16"]);
  });

  it("may change places in whatever order is told", () => {
    put("10.0.0.0/8");
    reconciler.apply();
    put("10.0.0.0/9", "10.128.0.0/9");
    drop("10.0.0.0/8");
    reconciler.apply();
    expect(held()).toEqual(["10.0.0.0/9", "10.128.0.0/9"]);
  });

  it("are in the kernel what they were told to be, whatever came and went", () => {
    // Few addresses, so that blocks meet: at both ends of all of them, and in each other.
    const blocks = fc
      .tuple(fc.constantFrom(0, 0x40, 0x80, 0xc0, 0xf0, 0xff), fc.integer({ min: 0, max: 8 }))
      .map(([first, length]) => Prefix.of(parsePrefix(`${first}.0.0.0/8`).address, length));
    const steps = fc.array(fc.record({ block: blocks, goes: fc.boolean(), commit: fc.boolean() }), { maxLength: 25 });
    let refused = 0;
    fc.assert(
      fc.property(steps, (history) => {
        reconciler.setTables([REF], [empty]);
        const wanted = new Map<string, Prefix>();
        for (const { block, goes, commit } of history) {
          const text = block.toString();
          if (goes) {
            drop(text);
            wanted.delete(text);
          } else {
            put(text);
            wanted.set(text, block);
          }
          const all = [...wanted.values()];
          const overlap = all.some((a) => all.some((b) => a !== b && a.covers(b)));
          if (!commit) continue;
          if (overlap) {
            refused += 1;
            expect(() => reconciler.apply()).toThrow(/overlap/);
          } else {
            reconciler.apply();
            expect(held()).toEqual([...wanted.keys()].toSorted());
          }
        }
      }),
      { seed: 21, numRuns: 60, endOnFailure: true },
    );
    expect(refused).toBeGreaterThan(10);
  });
});

it("the empty table is what it was told to be", () => {
  expect(readCanonical(kernel, REF)).toEqual([canonical(empty)]);
});
