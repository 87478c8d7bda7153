import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { Scope, silentLogger } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { startControllers } from "../src/index.ts";
import { CONTROLLER_NAMES } from "../src/options.ts";
import { churn } from "./soak/churn.ts";
import { type Instance, metricIn } from "./soak/instances.ts";

/** The soak of ten minutes is `npm run soak -- node-churn`. */
describe("nodes that come and go", () => {
  it("leave nothing behind for longer than the grace period and what it takes to collect", async () => {
    const report = await churn({
      nodes: 10,
      pods: 8,
      ms: 8_000,
      lifeMs: 2_500,
      graceMs: 1_500,
      leaseSeconds: 1,
      seed: 20_261_121,
      startInstance,
      say: () => {},
    });
    expect(report.left).toEqual([]);
    expect(report.problems).toEqual([]);
    expect(report.violations).toEqual([]);
    expect(report.nodes).toBeGreaterThan(20);
    expect(report.collected).toBeGreaterThan(10);
    // The grace period, a leader that has to be succeeded, and a second of a busy machine for the rest.
    expect(report.longestTraceMs).toBeLessThan(1_500 + 2_500 + 2_000);
  }, 40_000);
});

let made = 0;

/** In this process: what is measured by the soak, memory, is not here. */
async function startInstance(endpoint: string, leaseSeconds: number): Promise<Instance> {
  const scope = new Scope("instance");
  const store = openEtcd({ endpoints: [endpoint] });
  scope.add("store", () => store.close());
  const controllers = await startControllers(
    {
      enabled: new Set(CONTROLLER_NAMES),
      environment: {},
      overrides: {},
      identity: `instance ${made}`,
      leaseSeconds,
      perSecond: 1_000,
      host: "127.0.0.1",
      port: 0,
      socket: `/tmp/oct-churn-${process.pid}-${made++}.sock`,
      lagResolutionMs: 100,
    },
    { store, clock: systemClock, random: systemRandom, logger: silentLogger },
    scope,
  );
  return {
    metric: async (name) => {
      const text = await (await fetch(`http://127.0.0.1:${controllers.port}/metrics`)).text();
      return metricIn(text, name);
    },
    kill: () => scope.close(),
  };
}
