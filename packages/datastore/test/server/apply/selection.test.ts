import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  RangeRequest_SortOrder as Order,
  RangeRequestSchema,
  RangeRequest_SortTarget as Target,
} from "../../../src/proto/rpc_pb.ts";
import { keysToRead, needsValues, select } from "../../../src/server/apply/selection.ts";
import type { Entry } from "../../../src/server/storage/entry.ts";

const entry = (key: string, value: string, modRevision: number, createRevision: number, version: number): Entry => ({
  key: Buffer.from(key),
  value: Buffer.from(value),
  modRevision,
  createRevision,
  version,
  lease: 0n,
});
const ENTRIES = [entry("a", "z", 5, 2, 3), entry("b", "x", 9, 3, 1), entry("c", "y", 4, 4, 2)];

const request = (init: MessageInitShape<typeof RangeRequestSchema>) => create(RangeRequestSchema, init);
const selected = (init: MessageInitShape<typeof RangeRequestSchema>) => {
  const { entries, more } = select(request(init), ENTRIES);
  return `${entries.map(({ key }) => Buffer.from(key).toString()).join("")}${more ? "…" : ""}`;
};

describe("a selection", () => {
  it.each([
    ["key", Target.KEY, "abc", "cba"],
    ["version", Target.VERSION, "bca", "acb"],
    ["create revision", Target.CREATE, "abc", "cba"],
    ["mod revision", Target.MOD, "cab", "bac"],
    ["value", Target.VALUE, "bca", "acb"],
  ])("sorts by %s", (_what, sortTarget, ascending, descending) => {
    expect(selected({ sortTarget, sortOrder: Order.ASCEND })).toBe(ascending);
    expect(selected({ sortTarget, sortOrder: Order.DESCEND })).toBe(descending);
    expect(selected({ sortTarget })).toBe(ascending);
  });

  it("cuts at the limit after sorting, and says so", () => {
    expect(selected({ limit: 2n })).toBe("ab…");
    expect(selected({ limit: 3n })).toBe("abc");
    expect(selected({ limit: -1n })).toBe("abc");
    expect(selected({ limit: 1n, sortTarget: Target.MOD, sortOrder: Order.DESCEND })).toBe("b…");
  });

  it("keeps revisions from the minimum to the maximum, both included", () => {
    expect(selected({ minModRevision: 5n })).toBe("ab");
    expect(selected({ maxModRevision: 5n })).toBe("ac");
    expect(selected({ minCreateRevision: 3n, maxCreateRevision: 3n })).toBe("b");
    expect(selected({ minModRevision: 5n, limit: 1n })).toBe("a…");
  });

  it("reads no more keys than it needs: one beyond the limit, or all to sort and filter", () => {
    expect(keysToRead(request({}))).toBeUndefined();
    expect(keysToRead(request({ limit: 10n }))).toBe(11);
    expect(keysToRead(request({ limit: 10n, sortOrder: Order.ASCEND }))).toBe(11);
    expect(keysToRead(request({ limit: 10n, sortOrder: Order.DESCEND }))).toBeUndefined();
    expect(keysToRead(request({ limit: 10n, minModRevision: 3n }))).toBeUndefined();
  });

  it("reads values only to answer them or to sort by them", () => {
    expect(needsValues(request({}))).toBe(true);
    expect(needsValues(request({ keysOnly: true }))).toBe(false);
    expect(needsValues(request({ keysOnly: true, sortTarget: Target.VALUE, sortOrder: Order.ASCEND }))).toBe(true);
  });
});
