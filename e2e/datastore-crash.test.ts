import { seededRandom } from "@ocicat/kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AcknowledgedWriter } from "./support/acknowledged-writer.ts";
import { allocations, ipamProblems } from "./support/datastore.ts";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";
import { RouteWitness } from "./support/route-witness.ts";
import { RuleWitness } from "./support/rule-witness.ts";
import { SteadyPing } from "./support/steady-ping.ts";
import { runAsKubelet } from "./support/stubborn.ts";
import { WriteWitness } from "./support/write-witness.ts";

const NODES = ["master", "node1", "node2"];
const CRASHES = 6;
/** Of these, the one after which the datastore stays away until clients have given up waiting for it. */
const LONG_ONE = 4;
const SEED = 20_261_121;

const lab = new TestLab();

async function witness(node: string) {
  const [routes, rules, writes] = await Promise.all([
    RouteWitness.start(lab, node),
    RuleWitness.start(lab, node),
    WriteWitness.start(lab, node),
  ]);
  return { routes, rules, writes };
}

/** As RTM_NEWROUTE has it: iproute2 leaves the length of a host route out. */
function destinationOf(route: string): string {
  const destination = route.replace("blackhole ", "").split(" ")[0] ?? "";
  return destination.includes("/") ? destination : `${destination}/32`;
}

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

describe("an embedded datastore that is killed in the middle of writes, again and again", () => {
  it("loses no acknowledged write; agents come back by themselves; nothing is programmed twice; no ping is lost", async () => {
    const random = seededRandom(SEED);
    const agents = NODES.map((node) => lab.pid(`agent-${node}`));
    const witnesses = await Promise.all(NODES.map(witness));
    const pings = [
      new SteadyPing(lab, "pod1", lab.address("pod2")),
      new SteadyPing(lab, "pod2", lab.address("pod3")),
      new SteadyPing(lab, "pod0", lab.address("pod1")),
    ];
    const writer = new AcknowledgedWriter(lab.store, "/test/crash/");
    let adding = true;
    let added = 0;
    const pods = (async () => {
      for (; adding; added++) await runAsKubelet(lab, `more${added}`, NODES[added % NODES.length] ?? "");
    })();

    for (let crash = 1; crash <= CRASHES; crash++) {
      // The moment is counted in writes: it falls between any two steps of commit, flush and acknowledgement.
      const moment = writer.acknowledged.length + 50 + (random.uint32() % 400);
      await eventually(
        () => writer.acknowledged.length,
        (count) => count >= moment,
      );
      // And pods come all the while, however slow the machine is.
      await eventually(
        () => added,
        (count) => count >= crash,
      );
      await lab.lab.kill("datastore");
      if (crash === LONG_ONE) {
        await eventually(
          () => writer.failures.get("UNAVAILABLE") ?? 0,
          (count) => count > 0,
        );
      }
      await lab.lab.restartDatastore();
    }
    const beforeLast = writer.acknowledged.length;
    await eventually(
      () => writer.acknowledged.length,
      (count) => count > beforeLast + 50,
    );
    adding = false;
    await pods;
    await writer.stop();

    expect(await writer.lost()).toEqual([]);
    // The crashes did hit writes under way.
    expect([...writer.failures.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    expect(added).toBeGreaterThan(CRASHES);
    expect(NODES.map((node) => lab.pid(`agent-${node}`))).toEqual(agents);
    for (const node of NODES)
      expect(await lab.exec(node, "kill", "-0", String(lab.pid(`agent-${node}`)))).toMatchObject({ code: 0 });

    for (const ping of pings) {
      const report = await ping.stop();
      expect(report.missing).toEqual([]);
      expect(report.received).toBeGreaterThan(100);
    }
    for (const { routes, rules, writes } of witnesses) {
      const [table, guard, asked] = await Promise.all([routes.stop(), rules.stop(), writes.stop()]);
      expect(table.changed).toEqual([]);
      expect(table.taken).toEqual([]);
      expect(guard.changed).toEqual([]);
      // Each write the agent asked for changed something: none was made twice.
      const inPool = asked.routes.filter((destination) => destination.startsWith("10.244."));
      expect(inPool.toSorted()).toEqual(table.added.map(destinationOf).toSorted());
      expect(asked.elements).toBe(guard.added.length);
      expect(table.added.length).toBeGreaterThan(0);
      expect(guard.added.length).toBeGreaterThan(0);
    }
  }, 60_000);

  it("has given every pod an address of its own, and allocated no other", async () => {
    const pods = lab.lab.pods().list();
    const addresses = pods.flatMap((pod) => pod.addresses);
    expect(new Set(addresses).size).toBe(pods.length);
    for (const pod of pods) {
      const shown = await lab.out(pod.name, "ip", "-4", "-o", "address", "show", "dev", "eth0");
      expect(shown).toContain(` ${pod.addresses[0]}/32 `);
    }
    expect([...(await allocations(lab.store)).keys()].sort()).toEqual(addresses.toSorted());
    expect(await ipamProblems(lab.store)).toEqual([]);
  });

  it("serves every node as before: a pod added on each is reached from every other", async () => {
    for (const node of NODES) {
      const { addresses } = await lab.lab.run(`after-${node}`, "default", node);
      for (const from of ["pod0", "pod1", "pod2"]) {
        await eventually(
          () => lab.exec(from, "ping", "-n", "-c", "1", "-W", "1", addresses[0] ?? ""),
          (result) => pingCounts(result.stdout).received === 1,
        );
      }
    }
  });
});
