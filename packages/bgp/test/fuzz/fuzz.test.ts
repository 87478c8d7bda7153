import { describe, expect, it } from "vitest";
import { fuzz, readCorpus } from "./run.ts";

describe("mutations of what BIRD, FRR, GoBGP and ExaBGP say", () => {
  it("begin with OPENs, UPDATEs, ROUTE-REFRESHes, NOTIFICATIONs and KEEPALIVEs of theirs", () => {
    const types = new Set(readCorpus().map((bytes) => bytes[18]));
    expect([...types].sort()).toEqual([1, 2, 3, 4, 5]);
  });

  it("end in no crash, and the session ends exactly where RFC 4271 and RFC 7606 say so", () => {
    const { fates } = fuzz({ seed: 7, messages: 3_000 });
    // Each end is reached, or the test tests nothing.
    expect(fates.accept).toBeGreaterThan(150);
    expect(fates.withdraw).toBeGreaterThan(150);
    expect(fates.reset).toBeGreaterThan(150);
  });
});
