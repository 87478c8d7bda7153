import { describe, expect, it } from "vitest";
import { goTimestamp, parseGoTimestamp } from "../../src/index.ts";

describe("a time as Go prints it", () => {
  it.each([
    ["2026-11-21T02:19:57.063Z", "2026-11-21 02:19:57.063 +0000 UTC"],
    ["2026-11-21T02:19:50.000Z", "2026-11-21 02:19:50 +0000 UTC"],
    ["2026-11-21T02:19:57.120Z", "2026-11-21 02:19:57.12 +0000 UTC"],
  ])("%s is %s, and is read back", (iso, text) => {
    expect(goTimestamp(Date.parse(iso))).toBe(text);
    expect(parseGoTimestamp(text)).toBe(Date.parse(iso));
  });

  it("is read with the nanoseconds Calico stores, and not guessed from other text", () => {
    expect(parseGoTimestamp("2026-11-21 02:19:57.063242461 +0000 UTC")).toBe(Date.parse("2026-11-21T02:19:57.063Z"));
    expect(parseGoTimestamp("yesterday")).toBeUndefined();
    expect(parseGoTimestamp("2026-13-41 02:19:57 +0000 UTC")).toBeUndefined();
  });
});
