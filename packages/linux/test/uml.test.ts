import { release } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testDirectory } from "./helpers.ts";
import { bootUml } from "./uml/boot.ts";

const LIMIT_MS = 400_000;

interface Report {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** What the report says against the run, one line each. */
function complaints(report: Report): string[] {
  return report.testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message === "" ? [] : [`${name}: ${message}`]),
    ...assertionResults
      .filter(({ status }) => status !== "passed")
      .map(({ status, fullName, failureMessages }) => `${status}: ${fullName}\n${failureMessages.join("\n")}`),
  ]);
}

describe("user-mode Linux", () => {
  it(
    "a second kernel passes what this one passes: namespaces, the compliance suite, nftables, monitors",
    async () => {
      const run = await bootUml(join(import.meta.dirname, "../../.."), testDirectory(), LIMIT_MS - 20_000);
      expect(run.kernel, run.log).toMatch(/^\d+\.\d+/);
      expect(run.kernel).not.toBe(release());
      expect(run.report, run.log).toBeDefined();
      const report: Report = JSON.parse(run.report ?? "{}");
      expect(complaints(report)).toEqual([]);
      expect(run.status, run.log).toBe(0);
      expect(report.numPassedTests).toBe(report.numTotalTests);
      // The compliance suite alone is 68: a run that found no tests is no success.
      expect(report.numPassedTests).toBeGreaterThan(100);
    },
    LIMIT_MS,
  );
});
