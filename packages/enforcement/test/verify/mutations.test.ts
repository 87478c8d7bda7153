import type { Table } from "@ocicat/nftables";
import { FAMILIES, type PolicyModel } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import { compileModel, type Difference, verifyNode } from "../../src/index.ts";
import { judgePacket } from "../../src/verify/kernel/judge.ts";
import type { Journey } from "../../src/verify/traffic.ts";
import { Dice } from "../support/dice.ts";
import { mutate } from "../support/mutations.ts";
import { NODE, randomPolicies } from "../support/random-policies.ts";
import { edgeAddresses, randomProbe } from "../support/random-probes.ts";

const OPTIONS = { interfacePrefix: "cali", flowLog: false, logPrefix: "test" };
const WAYS: readonly {
  readonly journey: Journey;
  readonly incoming: readonly string[];
  readonly outgoing: readonly string[];
}[] = [
  { journey: "forward", incoming: ["cali0", "cali1", "caliX", "eth0"], outgoing: ["cali0", "cali1", "caliX", "eth0"] },
  { journey: "input", incoming: ["cali0", "cali1", "caliX", "eth0", "eth1"], outgoing: [""] },
  { journey: "output", incoming: [""], outgoing: ["cali0", "caliX", "eth0", "eth1"] },
];

/** How often each kind of mutation was found, over all seeds. */
const found = new Map<string, number>();

describe("a table with one thing otherwise", () => {
  it.each([...Array(60).keys()])(
    "is found with a packet that is judged otherwise, or means the same: seed %i",
    (seed) => {
      const dice = new Dice(seed);
      const model = randomPolicies(seed, { hosts: seed % 3 === 0, local: 3, policies: 5 });
      const [table] = compileModel(model, NODE, OPTIONS);
      if (table === undefined) throw new Error("no table");
      for (let round = 0; round < 8; round++) {
        const mutation = mutate(table, dice);
        if (mutation === undefined) continue;
        const said = `seed ${seed}, round ${round}: ${mutation.name}`;
        const options = { node: NODE, interfacePrefixes: ["cali"] };
        const { differences } = verifyNode({ table: mutation.table, model, options });
        for (const difference of differences) expectReal(difference, table, said);
        if (differences.length === 0) expectSame(table, mutation.table, model, dice, said);
        else found.set(mutation.name, (found.get(mutation.name) ?? 0) + 1);
      }
    },
  );

  it("is found for nearly each kind of mutation, and not only now and then: or the mutations would be none", () => {
    expect(found.size).toBeGreaterThan(15);
    expect([...found.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
  });
});

/** The packet is judged as the model wants by the table as it was, and otherwise by the one that was found. */
function expectReal(difference: Difference, before: Table, said: string): void {
  if (difference.kind === "table") return;
  const { probe, journey, incoming, outgoing, unknown, kernel, model } = difference;
  const traffic = { incoming: incoming?.name ?? "", outgoing: outgoing?.name ?? "" };
  expect(judgePacket(before, probe, journey, traffic).verdict, said).toBe(model);
  if (unknown === undefined) expect(kernel.verdict, said).not.toBe(model);
}

/** No packet of many is judged otherwise. */
function expectSame(before: Table, after: Table, model: PolicyModel, dice: Dice, said: string): void {
  for (const family of FAMILIES) {
    const addresses = edgeAddresses(model, family);
    for (let round = 0; round < 100 && addresses.length > 0; round++) {
      const probe = randomProbe(addresses, dice);
      const { journey, incoming, outgoing } = dice.pick(WAYS);
      const traffic = { incoming: dice.pick(incoming), outgoing: dice.pick(outgoing) };
      // What belongs to no connection may be forwarded between the host's interfaces, or not.
      if (probe.state === "invalid" && !`${traffic.incoming}${traffic.outgoing}`.includes("cali")) continue;
      const { verdict } = judgePacket(after, probe, journey, traffic);
      if (verdict === "unknown") continue;
      expect(verdict, said).toBe(judgePacket(before, probe, journey, traffic).verdict);
    }
  }
}
