import { type Logger, Scope, silentLogger, TestClock } from "@ocicat/kit";
import { NftReconciler } from "@ocicat/nftables";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RuleReconciler } from "../../src/program/rule-reconciler.ts";
import { type AgentEndpointRow, endpointRow } from "../../src/tables/rows.ts";
import { CALI, Lab, OUTSIDE, POD } from "../support/lab.ts";

const ALLOWED = "198.51.100.7";
const FOREIGN = "203.0.113.7";

function endpoint(allowSpoofedSourcePrefixes: readonly string[]): AgentEndpointRow {
  return endpointRow("/endpoint", {
    kind: "WorkloadEndpoint",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "node1-k8s-web-eth0", namespace: "default" },
    spec: {
      orchestrator: "k8s",
      node: "node1",
      pod: "web",
      endpoint: "eth0",
      interfaceName: CALI,
      ipNetworks: [`${POD}/32`],
      allowSpoofedSourcePrefixes,
    },
  });
}

describe("a workload's IPv4 source, really", () => {
  let lab: Lab;
  let scope: Scope;
  let refusals: string[];

  beforeEach(async () => {
    lab = new Lab();
    scope = new Scope("test");
    refusals = [];
    lab.kernel.writeSysctl(`net/ipv4/conf/${CALI}/rp_filter`, "1");
    for (const address of [ALLOWED, FOREIGN]) {
      await lab.run("pod", "ip", "address", "add", `${address}/32`, "dev", "eth0");
      // So that an answer finds back, if the question came through.
      await lab.run("outside", "ip", "route", "add", address, "via", "192.0.2.1");
    }
  });
  afterEach(async () => {
    await scope.close();
    await lab.close();
    expect(refusals).toEqual([]);
  });

  function start(widerSources: boolean, row: AgentEndpointRow): RuleReconciler {
    const { kernel } = lab;
    const logger: Logger = {
      ...silentLogger,
      error: (message, fields) => refusals.push(JSON.stringify([message, fields])),
    };
    const rules = new RuleReconciler({
      kernel,
      nft: new NftReconciler(kernel),
      clock: new TestClock(),
      logger,
      scope,
      interfacePrefix: "cali",
      widerSources,
      natOutgoingExclusions: "IPPoolsOnly",
      serviceLoops: "drop",
      hostAddresses: () => new Map(),
      refreshMs: 0,
      defer: (work) => work(),
    });
    rules.setEndpoint(row.key, row, undefined);
    rules.start();
    return rules;
  }

  /** Which addresses a packet of the pod gets out with, as seen outside. */
  async function getsOut(): Promise<string[]> {
    const out: string[] = [];
    for (const source of [POD, ALLOWED, FOREIGN]) {
      await lab.run(
        "outside",
        "nft",
        "flush ruleset; add table ip seen; add chain ip seen in { type filter hook input priority 0; }",
      );
      await lab.run("outside", "nft", `add rule ip seen in ip saddr ${source} icmp type echo-request counter`);
      await lab.run("pod", "ping", "-c", "1", "-W", "0.2", "-I", source, OUTSIDE);
      const seen = await lab.run("outside", "nft", "list", "chain", "ip", "seen", "in");
      if (!seen.includes("packets 0")) out.push(source);
    }
    return out;
  }

  const rpFilter = () => lab.kernel.readSysctl(`net/ipv4/conf/${CALI}/rp_filter`);

  it("may be another than its own where it asks for it and the settings allow it, for as long as it asks", async () => {
    const plain = endpoint([]);
    const rules = start(true, plain);
    expect(await getsOut()).toEqual([POD]);
    const wider = endpoint(["198.51.100.0/24"]);
    rules.setEndpoint(wider.key, wider, plain);
    rules.schedule();
    expect(await getsOut()).toEqual([POD, ALLOWED]);
    rules.setEndpoint(plain.key, plain, wider);
    rules.schedule();
    expect(rpFilter()).toBe("1");
    expect(await getsOut()).toEqual([POD]);
  });

  it("is its own where the settings do not allow more", async () => {
    start(false, endpoint(["198.51.100.0/24"]));
    expect(await getsOut()).toEqual([POD]);
  });

  it("is checked again by an agent that starts after the settings have changed", async () => {
    start(true, endpoint(["198.51.100.0/24"]));
    expect(rpFilter()).not.toBe("1");
    start(false, endpoint(["198.51.100.0/24"]));
    expect(rpFilter()).toBe("1");
    expect(await getsOut()).toEqual([POD]);
  });

  it("may be wider also where the node's own setting is strict for all interfaces", async () => {
    lab.kernel.writeSysctl("net/ipv4/conf/all/rp_filter", "1");
    lab.kernel.writeSysctl("net/ipv4/conf/out0/rp_filter", "2");
    // Loose: there must be a way back to the source, by whatever interface.
    await lab.run("host", "ip", "route", "add", "default", "via", OUTSIDE);
    start(true, endpoint(["198.51.100.0/24"]));
    expect(rpFilter()).toBe("2");
    expect(await getsOut()).toEqual([POD, ALLOWED]);
  });
});
