import { spawn } from "node:child_process";
import { origin } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import {
  ACCEPT,
  baseChain,
  COUNTER,
  chain,
  DROP,
  element,
  equal,
  goTo,
  inSet,
  interfaceName,
  interfacePrefix,
  jump,
  meta,
  NftReconciler,
  number,
  rule,
  set,
  type Table,
  table,
  verdict,
  verdictFrom,
  verdictMap,
} from "../../src/index.ts";
import { stagesOf } from "../../src/plan/stages.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";
import { Router } from "../support/router.ts";

const why = origin("a test's");
const REF = { family: "inet", name: "test" } as const;
const ICMP = 1;
const CHANGES = 1_500;

/** Says the same in every form: pings to a pod pass. Chain, set and what the map leads to are others each time. */
function form(round: number): Table {
  const allowed = `allowed-${round}`;
  const policy = `to-${round}`;
  return table({
    ...REF,
    origin: why,
    sets: [
      set({ name: allowed, key: "inet_proto", origin: why, elements: [element(why, number(ICMP))] }),
      verdictMap({
        name: "to",
        key: "ifname",
        origin: why,
        elements: [element(why, interfaceName("cali2222"), goTo(policy))],
      }),
    ],
    chains: [
      chain({
        name: policy,
        origin: why,
        rules: [
          rule(why, inSet(meta("l4proto"), allowed), COUNTER, verdict(ACCEPT)),
          rule(why, COUNTER, verdict(DROP)),
        ],
      }),
      chain({ name: "workloads", origin: why, rules: [rule(why, verdictFrom(meta("oifname"), "to"))] }),
      baseChain({
        name: "forward",
        type: "filter",
        hook: "forward",
        priority: 0,
        policy: "accept",
        origin: why,
        rules: [
          rule(why, equal(meta("oifname"), interfacePrefix("cali2")), verdict(jump("workloads"))),
          rule(why, equal(meta("oifname"), interfacePrefix("cali2")), COUNTER, verdict(DROP)),
        ],
      }),
    ],
  });
}

describe("a packet that comes while everything changes", () => {
  it("meets the old or the new, and nothing between", async () => {
    using network = new Router();
    using kernel = new NfnetlinkSocket(network.router);
    const nft = new NftReconciler(kernel);
    const program = (round: number) => {
      nft.setTables([REF], [form(round)]);
      nft.apply();
    };
    program(0);
    // Each is sent as soon as the one before is answered.
    const flood = ["netns", "exec", network.pods.pod1.name, "ping", "-f", "-q", "-w", "60", "10.244.0.2"];
    const ping = spawn("ip", flood, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    ping.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const ended = new Promise((resolve) => ping.once("close", resolve));
    try {
      for (let round = 1; round <= CHANGES; round++) {
        program(round);
        // Signals and output are looked at between.
        if (round % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      ping.kill("SIGINT");
    }
    await ended;
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
    expect(Number(sent)).toBeGreaterThan(CHANGES);
    // The last one may still have been on its way when it was told to end.
    expect(Number(sent) - Number(received)).toBeLessThanOrEqual(1);
  }, 60_000);
});

describe("the transactions of a change", () => {
  const at = { table: REF };
  const [policy, , forward] = form(1).chains;
  const [allowed, map] = form(1).sets;
  if (policy === undefined || forward === undefined || allowed === undefined || map === undefined)
    throw new Error("the form has them");

  it("are what is led to, what leads there, and what nobody is led to any more", () => {
    const change = [
      { op: "set.create", ...at, set: allowed },
      { op: "chain.create", ...at, chain: policy },
      { op: "chain.create", ...at, chain: forward },
      { op: "elements.add", ...at, set: allowed, elements: allowed.elements },
      { op: "elements.add", ...at, set: map, elements: map.elements },
      { op: "chain.flush", ...at, chain: "stays" },
      { op: "chain.flush", ...at, chain: "goes" },
      { op: "set.delete", ...at, set: "old" },
      { op: "chain.delete", ...at, chain: "goes" },
    ] as const;
    expect(stagesOf(change)).toEqual([
      [change[0], change[1], change[3]],
      [change[2], change[4], change[5]],
      [change[6], change[7], change[8]],
    ]);
  });

  it("are one where a table is made or goes, and none where nothing changes", () => {
    const remade = [
      { op: "table.delete", ...at },
      { op: "table.create", table: form(1), owned: true },
      { op: "set.create", ...at, set: allowed },
    ] as const;
    expect(stagesOf(remade)).toEqual([remade]);
    expect(stagesOf([])).toEqual([]);
  });
});
