import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** What brings up a Kubernetes API server, directly or by a helper. */
const STARTS = /\b(?:PrivateControlPlane|startCluster)\b/;

describe("the stages of npm test", () => {
  it("have Kubernetes built before a test needs it: such a test is named *.apiserver.test.ts", () => {
    const tests = globSync("packages/*/test/**/*.test.ts");
    const needing = tests.filter((file) => STARTS.test(readFileSync(file, "utf8")));
    expect(needing.filter((file) => !file.endsWith(".apiserver.test.ts"))).toEqual([]);
    expect(needing.length).toBeGreaterThan(1);
  });
});
