import { Scope } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { runProcesses } from "./cluster.ts";

describe("five processes that are killed at random, on a real store", () => {
  it.each([
    { store: "etcd", seed: 20261121 },
    { store: "embedded", seed: 20261122 },
  ] as const)(
    "$store: hold in the end what they were promised, and nothing else is there",
    { timeout: 120_000 },
    async ({ store, seed }) => {
      await using scope = new Scope("processes");
      const { kills, adds, deletions } = await runProcesses(scope, { store, seconds: 0, kills: 5, seed });
      expect(kills).toBeGreaterThanOrEqual(5);
      expect(adds).toBeGreaterThan(50);
      expect(deletions).toBeGreaterThan(50);
    },
  );
});
