import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { badPart, fileNameAt } from "../../src/record/file-name.ts";
import { FileSeries } from "../../src/record/file-series.ts";

const text = (words: string) => new TextEncoder().encode(words);

let directory: string;
let clock: TestClock;
let told: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "oct-series-"));
  clock = new TestClock(Date.UTC(2026, 0, 1, 23, 59, 30));
  told = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function series(name: string, extra: { readonly everyS?: number; readonly head?: Uint8Array } = {}): FileSeries {
  const logger = createLogger("record", "error", ({ message }) => told.push(message));
  return new FileSeries({ pattern: join(directory, name), clock, logger, ...extra });
}

function files(): Readonly<Record<string, string>> {
  const names = readdirSync(directory).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), "utf8")]));
}

describe("a file's name", () => {
  it("has the time of its beginning, in UTC", () => {
    expect(fileNameAt("a-%Y%m%d-%H%M%S.%s-100%%", Date.UTC(2026, 0, 2, 3, 4, 5))).toBe(
      "a-20260102-030405.1767323045-100%",
    );
    expect(badPart("a-%Y-%%.mrt")).toBeUndefined();
    expect(badPart("a-%Y-%F.mrt")).toBe("%F");
    expect(badPart("a%")).toBe("%");
  });
});

describe("a series of files", () => {
  it("begins another at each multiple of its time, each with its head, a piece whole in one", () => {
    const files60 = series("%H%M.mrt", { everyS: 60, head: text("head ") });
    files60.write(text("one "));
    clock.advance(29_000);
    files60.write(text("two "));
    clock.advance(1_000);
    files60.write(text("three "));
    files60.close();
    expect(files()).toEqual({ "0000.mrt": "head three ", "2359.mrt": "head one two " });
  });

  it("is written a second after what happened, at the latest, and replaces what was there", () => {
    writeFileSync(join(directory, "one.mrt"), "of yesterday");
    const one = series("one.mrt");
    one.write(text("today"));
    expect(files()).toEqual({ "one.mrt": "" });
    clock.advance(1_000);
    expect(files()).toEqual({ "one.mrt": "today" });
    one.close();
  });

  it("that cannot be written says so once, and tries again with the next file", () => {
    writeFileSync(join(directory, "2359"), "a file where a directory is wanted");
    const one = series("%H%M/one.mrt", { everyS: 60 });
    for (const word of ["a", "b", "c"]) one.write(text(word));
    clock.advance(30_000);
    expect(told).toEqual(["what passes is not recorded any more"]);
    one.write(text("d"));
    one.close();
    expect(told).toHaveLength(1);
    expect(readFileSync(join(directory, "0000", "one.mrt"), "utf8")).toBe("d");
  });
});
