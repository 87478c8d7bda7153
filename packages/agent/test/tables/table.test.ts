import type { KeyValue } from "@ocicat/datastore";
import { silentLogger } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { Table } from "../../src/tables/table.ts";

const item = (key: string, value: string, modRevision: bigint): KeyValue => ({
  key,
  value,
  modRevision,
  createRevision: 1n,
  version: 1n,
  lease: 0n,
});

function setUp() {
  const table = new Table<string>(
    "test",
    ({ value }) => {
      if (value === "bad") throw new Error("cannot be read");
      return value === "not ours" ? undefined : value;
    },
    silentLogger,
  );
  const seen: [string, string | undefined, string | undefined][] = [];
  table.subscribe((key, row, previous) => seen.push([key, row, previous]));
  return { table, seen };
}

describe("Table", () => {
  it("tells each change once, with what was there before", () => {
    const { table, seen } = setUp();
    table.put(item("/a", "1", 5n));
    table.put(item("/a", "1", 5n));
    table.put(item("/a", "2", 6n));
    table.remove("/a", 7n);
    expect(seen).toEqual([
      ["/a", "1", undefined],
      ["/a", "2", "1"],
      ["/a", undefined, "2"],
    ]);
  });

  it("takes no older row over a newer one, also not one that this process wrote ahead of the watch", () => {
    const { table, seen } = setUp();
    table.wrote("/a", "mine", 10n);
    table.put(item("/a", "older", 9n));
    table.remove("/a", 8n);
    table.put(item("/a", "mine", 10n));
    expect(seen).toEqual([["/a", "mine", undefined]]);
    expect([table.get("/a"), table.revisionOf("/a")]).toEqual(["mine", 10n]);
  });

  it("does not bring back what this process removed when the watch still tells of its making", () => {
    const { table, seen } = setUp();
    table.wrote("/a", "mine", 10n);
    table.wrote("/a", undefined, 11n);
    table.put(item("/a", "mine", 10n));
    expect([table.get("/a"), table.revisionOf("/a")]).toEqual([undefined, undefined]);
    table.remove("/a", 11n);
    table.put(item("/a", "again", 12n));
    expect(seen.map(([, row]) => row)).toEqual(["mine", undefined, "again"]);
  });

  it("takes a list as the whole truth, and tells what is gone", () => {
    const { table, seen } = setUp();
    table.put(item("/a", "1", 5n));
    table.put(item("/b", "2", 6n));
    table.replace([item("/b", "2", 6n), item("/c", "3", 7n)]);
    expect(seen.slice(2)).toEqual([
      ["/c", "3", undefined],
      ["/a", undefined, "1"],
    ]);
    expect([...table.rows()]).toEqual(["2", "3"]);
  });

  it("treats what it cannot read as absent, names it, and forgets that when it can", () => {
    const { table, seen } = setUp();
    table.put(item("/a", "1", 5n));
    table.put(item("/a", "bad", 6n));
    expect(seen.at(-1)).toEqual(["/a", undefined, "1"]);
    expect(table.unreadable.get("/a")).toBe("cannot be read");
    table.put(item("/a", "2", 7n));
    expect(table.unreadable.size).toBe(0);
    table.put(item("/b", "not ours", 8n));
    expect(table.get("/b")).toBeUndefined();
  });

  it("gives a late subscriber every row there is", () => {
    const { table } = setUp();
    table.put(item("/x/a", "1", 5n));
    const late: string[] = [];
    table.subscribe((key) => late.push(key));
    expect(late).toEqual(["/x/a"]);
    expect(table.named("a")).toBe("1");
  });
});
