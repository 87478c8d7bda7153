import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  CompareSchema,
  Compare_CompareResult as Sense,
  Compare_CompareTarget as Target,
} from "../../../src/proto/rpc_pb.ts";
import { compareHolds } from "../../../src/server/apply/compare.ts";
import type { Entry } from "../../../src/server/storage/entry.ts";

const entry: Entry = {
  key: Buffer.from("k"),
  value: Buffer.from("m"),
  modRevision: 9,
  createRevision: 7,
  version: 3,
  lease: 5n,
};
type Init = MessageInitShape<typeof CompareSchema>;
const holds = (init: Init, entries: readonly Entry[]) => compareHolds(create(CompareSchema, init), entries);
/** Which of =, ≠, <, > hold. */
const senses = (init: Init, entries: readonly Entry[] = [entry]) =>
  [Sense.EQUAL, Sense.NOT_EQUAL, Sense.LESS, Sense.GREATER].map((result) => holds({ ...init, result }, entries));

const [below, same, above] = [
  [false, true, true, false],
  [true, false, false, false],
  [false, true, false, true],
];

describe("a compare", () => {
  it.each<[string, Init, Init, Init]>([
    [
      "version",
      { target: Target.VERSION, targetUnion: { case: "version", value: 4n } },
      { target: Target.VERSION, targetUnion: { case: "version", value: 3n } },
      { target: Target.VERSION, targetUnion: { case: "version", value: 2n } },
    ],
    [
      "create revision",
      { target: Target.CREATE, targetUnion: { case: "createRevision", value: 8n } },
      { target: Target.CREATE, targetUnion: { case: "createRevision", value: 7n } },
      { target: Target.CREATE, targetUnion: { case: "createRevision", value: 6n } },
    ],
    [
      "mod revision",
      { target: Target.MOD, targetUnion: { case: "modRevision", value: 2n ** 62n } },
      { target: Target.MOD, targetUnion: { case: "modRevision", value: 9n } },
      { target: Target.MOD, targetUnion: { case: "modRevision", value: -1n } },
    ],
    [
      "value",
      { target: Target.VALUE, targetUnion: { case: "value", value: Buffer.from("ma") } },
      { target: Target.VALUE, targetUnion: { case: "value", value: Buffer.from("m") } },
      { target: Target.VALUE, targetUnion: { case: "value", value: Buffer.from("") } },
    ],
    [
      "lease",
      { target: Target.LEASE, targetUnion: { case: "lease", value: 6n } },
      { target: Target.LEASE, targetUnion: { case: "lease", value: 5n } },
      { target: Target.LEASE, targetUnion: { case: "lease", value: 0n } },
    ],
  ])("of the %s knows below, equal and above", (_what, higher, equal, lower) => {
    expect(senses(higher)).toEqual(below);
    expect(senses(equal)).toEqual(same);
    expect(senses(lower)).toEqual(above);
  });

  it("judges a key that does not exist as all zeros", () => {
    expect(senses({ target: Target.VERSION, targetUnion: { case: "version", value: 0n } }, [])).toEqual(same);
    expect(senses({ target: Target.MOD, targetUnion: { case: "modRevision", value: 1n } }, [])).toEqual(below);
  });

  it("of a value fails for a key that does not exist, whatever its sense", () => {
    const none = [false, false, false, false];
    expect(senses({ target: Target.VALUE, targetUnion: { case: "value", value: Buffer.from("") } }, [])).toEqual(none);
  });

  it("takes a missing operand, or one of another target, for zero", () => {
    expect(senses({ target: Target.VERSION })).toEqual(above);
    expect(senses({ target: Target.VERSION, targetUnion: { case: "lease", value: 3n } })).toEqual(above);
  });

  it("of a range holds only if it holds for every key", () => {
    const init: Init = { target: Target.VERSION, result: Sense.LESS, targetUnion: { case: "version", value: 4n } };
    expect(holds(init, [entry, { ...entry, version: 1 }])).toBe(true);
    expect(holds(init, [entry, { ...entry, version: 4 }])).toBe(false);
  });
});
