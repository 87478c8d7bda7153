import { kubeControllersConfiguration } from "@ocicat/api";
import { type EtcdDatastore, openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { auditIpam } from "@ocicat/ipam";
import { type Random, Scope, seededRandom, silentLogger } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { startControllers } from "../src/index.ts";
import { CONTROLLER_NAMES } from "../src/options.ts";
import { DATASTORES } from "./support/datastores.ts";
import { eventually } from "./support/expect.ts";
import { FakeAgent, pool } from "./support/fake-agent.ts";
import { Witness } from "./support/witness.ts";

const AGENTS = 4;
const AT_ONCE = 4;
const MS = 4_000;
const SEED = Number(process.env["OCICAT_SEED"] ?? 20_261_121);

describe.each(DATASTORES)("garbage collection without a grace period, on %s", (_name, start) => {
  it("releases no address that an endpoint has, while pods come and go as fast as they can", async () => {
    const datastore = await start();
    const scope = new Scope("test");
    scope.add("datastore", () => datastore.stop());
    const store = openEtcd({ endpoints: [datastore.endpoint] });
    scope.add("client", () => store.close());
    try {
      await setGrace(store, "1ms");
      const witness = new Witness();
      await witness.start(store);
      scope.add("witness", () => witness.stop());
      const controllers = await startControllers(
        {
          identity: "test",
          enabled: new Set(CONTROLLER_NAMES),
          environment: {},
          overrides: {},
          leaseSeconds: 5,
          perSecond: 10_000,
          host: "127.0.0.1",
          port: 0,
          socket: `/tmp/oct-controllers-${process.pid}-${scopes++}.sock`,
          lagResolutionMs: 100,
        },
        { store, clock: systemClock, random: systemRandom, logger: silentLogger },
        scope.child("controllers"),
      );
      const agents = Array.from({ length: AGENTS }, (_, index) => agentOn(store, `node${index}`));
      for (const agent of agents) await agent.register();
      const until = performance.now() + MS;
      const lives = agents.flatMap((agent, index) =>
        Array.from({ length: AT_ONCE }, (_, slot) =>
          live(agent, `p${slot}`, seededRandom(SEED + index * 100 + slot), until),
        ),
      );
      const counts = (await Promise.all(lives)).reduce((sum, { added, halves }) => ({
        added: sum.added + added,
        halves: sum.halves + halves,
      }));
      await eventually(
        () => controllers.backlog().candidates.filter(({ reason }) => reason !== "block-idle"),
        (candidates) => candidates.length === 0,
      );
      expect(witness.violations).toEqual([]);
      expect(witness.revisions).toBeGreaterThan(20);
      expect(counts.added).toBeGreaterThan(20);
      // It did something: the addresses without endpoints are gone.
      expect(counts.halves).toBeGreaterThan(5);
      const handles = (await store.list("/calico/ipam/v2/handle/")).items.length;
      expect(handles).toBe(witness.endpoints);
      expect((await auditIpam(store)).map(({ rule, key, what }) => `${rule} ${key} ${what}`)).toEqual([]);
    } finally {
      await scope.close();
    }
  });
});

let scopes = 0;

function agentOn(store: EtcdDatastore, name: string): FakeAgent {
  const pools = [pool("default", "10.0.0.0/20")];
  return new FakeAgent({ store, clock: systemClock, random: systemRandom, name, pools });
}

/** One pod after another: added, or first half added and then again as a runtime repeats it, or left half added; deleted. */
async function live(agent: FakeAgent, pod: string, random: Random, until: number) {
  let added = 0;
  let halves = 0;
  for (let count = 0; performance.now() < until; count++) {
    const container = `${agent.name}${pod}c${count}`;
    const dice = random.uint32() % 4;
    if (dice <= 1) {
      await agent.addHalf(pod, container);
      halves += 1;
      if (dice === 0) continue;
    }
    await agent.add(pod, container);
    added += 1;
    if (random.uint32() % 8 > 0) await agent.del(pod, container);
  }
  return { added, halves };
}

async function setGrace(store: EtcdDatastore, leakGracePeriod: string): Promise<void> {
  const resource = {
    kind: "KubeControllersConfiguration",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "default" },
    spec: { controllers: { node: { leakGracePeriod } } },
  };
  await store.put(kubeControllersConfiguration.storage.key("default", undefined) ?? "", JSON.stringify(resource));
}
