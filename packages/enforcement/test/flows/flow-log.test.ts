import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { type Flow, type FlowEnd, FlowLog, type FlowSighting, type FlowStep, Passes } from "../../src/index.ts";

const pod = (name: string, address: string): FlowEnd => ({
  kind: "workload",
  name: `default/${name}`,
  address: parseAddress(address),
});
const outside = (address: string): FlowEnd => ({ kind: "network", name: "public", address: parseAddress(address) });

const ALLOW: FlowStep = { action: "allow", by: "policy", name: "NetworkPolicy default/web", tier: "default", rule: 0 };
const DENY: FlowStep = { action: "deny", by: "tier", name: "default", tier: undefined, rule: undefined };
const PASS: FlowStep = { ...ALLOW, action: "pass", name: "GlobalNetworkPolicy security", tier: "security", rule: 2 };

function sighting(change: Partial<FlowSighting> = {}): FlowSighting {
  return {
    direction: "ingress",
    action: "allow",
    source: pod("client", "10.244.0.2"),
    destination: pod("web", "10.244.1.3"),
    protocol: 6,
    destinationPort: 80,
    icmp: undefined,
    steps: [ALLOW],
    ...change,
  };
}

const counts = (flows: Iterable<Flow>) => [...flows].map(({ count }) => count);

const LIMITS = { intervalMs: 15_000, buckets: 4, perBucket: 8, total: 100 };

describe("a flow log", () => {
  it("counts packets that were decided alike as one flow of its interval, from the first to the last", () => {
    const log = new FlowLog();
    log.add(sighting(), 15_001);
    log.add(sighting(), 29_000);
    log.add(sighting(), 30_000);
    expect([...log.since(0)]).toEqual([
      { ...sighting(), since: 15_001, until: 29_000, count: 2 },
      { ...sighting(), since: 30_000, until: 30_000, count: 1 },
    ]);
    expect(counts(log.since(29_001))).toEqual([1]);
  });

  it("tells flows apart by ends, protocol, port, verdict, direction and rule, and not by the port of who began", () => {
    const log = new FlowLog();
    const different: Partial<FlowSighting>[] = [
      {},
      { source: pod("other", "10.244.0.2") },
      { source: pod("client", "10.244.0.3") },
      { destination: outside("192.0.2.1") },
      { protocol: 17 },
      { destinationPort: 81 },
      { action: "deny", steps: [DENY] },
      { direction: "egress" },
      { steps: [PASS, ALLOW] },
      { steps: [{ ...ALLOW, rule: 1 }] },
      { icmp: { type: 8, code: 0 }, destinationPort: undefined, protocol: 1 },
    ];
    for (const change of different) log.add(sighting(change), 1);
    for (const change of different) log.add(sighting(change), 2);
    expect(counts(log.since(0))).toEqual(different.map(() => 2));
  });

  it("forgets what is older than its ring is long", () => {
    const log = new FlowLog(LIMITS);
    for (let index = 0; index < 6; index++) log.add(sighting({ destinationPort: index }), index * 15_000);
    expect([...log.since(0)].map(({ destinationPort }) => destinationPort)).toEqual([2, 3, 4, 5]);
    log.add(sighting(), 1_000_000);
    expect(counts(log.since(0))).toEqual([1]);
  });

  it("stays bounded under a scan: first it tells no ports and outer addresses apart, then it counts what is left", () => {
    const log = new FlowLog(LIMITS);
    for (let index = 0; index < 1000; index++) {
      const source = outside(`198.51.100.${index % 250}`);
      log.add(sighting({ source, destinationPort: index, action: "deny", steps: [DENY] }), 1);
    }
    const flows = [...log.since(0)];
    expect(flows).toHaveLength(9);
    expect(flows.at(-1)).toMatchObject({ source: { address: undefined }, destinationPort: undefined, count: 992 });
    expect(log.uncounted).toBe(0);
    for (let index = 0; index < 100; index++) log.add(sighting({ source: pod(`p${index}`, "10.244.0.9") }), 1);
    expect([...log.since(0)]).toHaveLength(10);
    expect(log.uncounted).toBe(99);
    expect(counts(log.since(0)).reduce((sum, count) => sum + count, log.uncounted)).toBe(1100);
  });

  it("keeps fewer intervals where each of them is full", () => {
    const log = new FlowLog({ ...LIMITS, total: 25 });
    for (let interval = 0; interval < 4; interval++) {
      for (let port = 0; port < 8; port++) log.add(sighting({ destinationPort: port }), interval * 15_000);
    }
    const flows = [...log.since(0)];
    expect(flows.length).toBeLessThanOrEqual(25);
    expect(flows.length).toBeGreaterThanOrEqual(16);
    expect(flows.at(-1)?.since).toBe(45_000);
  });

  it("goes on in its newest interval when the clock is set back", () => {
    const log = new FlowLog(LIMITS);
    log.add(sighting(), 100_000);
    log.add(sighting(), 1_000);
    expect(counts(log.since(0))).toEqual([2]);
  });

  it("tells who follows what has come since, counted anew", () => {
    const log = new FlowLog(LIMITS);
    log.add(sighting(), 1);
    expect(counts(log.turnPage(2))).toEqual([]);
    log.add(sighting(), 3);
    log.add(sighting(), 4);
    expect(counts(log.turnPage(5))).toEqual([2]);
    expect(counts(log.turnPage(6))).toEqual([]);
    log.closePage();
    log.add(sighting(), 7);
    expect(counts(log.turnPage(8))).toEqual([]);
    expect(counts(log.since(0))).toEqual([4]);
  });
});

describe("passes", () => {
  it("come before what decides, for each packet by itself", () => {
    const passes = new Passes();
    expect(passes.add("a", PASS)).toBeUndefined();
    expect(passes.add("b", DENY)).toEqual([DENY]);
    expect(passes.add("a", PASS)).toBeUndefined();
    expect(passes.add("a", ALLOW)).toEqual([PASS, PASS, ALLOW]);
    expect(passes.add("a", ALLOW)).toEqual([ALLOW]);
  });

  it("of packets that nothing is heard of again are forgotten, the oldest first", () => {
    const passes = new Passes();
    for (let index = 0; index < 1001; index++) passes.add(String(index), PASS);
    expect(passes.add("0", ALLOW)).toEqual([ALLOW]);
    expect(passes.add("1", ALLOW)).toEqual([PASS, ALLOW]);
  });
});
