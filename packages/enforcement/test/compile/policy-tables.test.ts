import { type CompileOptions, compileModel, interfacesOf, PolicyTables } from "@ocicat/enforcement";
import { checkTable } from "@ocicat/nftables";
import type { Policy, PolicyModel } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import { NODE, randomPolicies } from "../support/random-policies.ts";
import { contentOfTable, RecordedTable } from "../support/recorded.ts";
import { Told } from "../support/told.ts";

const OPTIONS: Omit<CompileOptions, "settings"> = {
  interfacePrefix: "cali",
  flowLog: false,
  logPrefix: "calico-packet",
};

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

describe("the tables of random policies", () => {
  it("are such as the kernel takes", () => {
    for (const seed of SEEDS) {
      for (const flowLog of [false, true]) {
        const [table, ...more] = compileModel(randomPolicies(seed, { hosts: seed % 2 === 0 }), NODE, {
          ...OPTIONS,
          flowLog,
        });
        expect(more).toEqual([]);
        if (table !== undefined) checkTable(table);
      }
    }
  });

  it("are the same change by change as from scratch, and no step names what is not there", () => {
    for (const seed of SEEDS.slice(0, 20)) {
      const recorded = new RecordedTable();
      const told = new Told(NODE);
      const [first, ...later] = history(seed);
      if (first === undefined) throw new RangeError("a history has a beginning");
      const tables = new PolicyTables(recorded, { ...OPTIONS, settings: first.settings });
      for (const model of [first, ...later, { ...first, policies: [], endpoints: [], profiles: [] }]) {
        tables.setOptions({ ...OPTIONS, settings: model.settings });
        tables.setInterfaces(interfacesOf(model, NODE));
        tables.apply(told.tell(model));
        recorded.check();
        const [whole] = compileModel(model, NODE, OPTIONS);
        if (whole !== undefined) expect(recorded.content, `seed ${seed}`).toEqual(contentOfTable(whole));
      }
    }
  });

  it("change by nothing when nothing changes", () => {
    const model = randomPolicies(5, { hosts: true });
    const recorded = new RecordedTable();
    const told = new Told(NODE);
    const tables = new PolicyTables(recorded, { ...OPTIONS, settings: model.settings });
    tables.apply(told.tell(model));
    const before = recorded.operations;
    tables.apply(told.tell(model));
    expect(recorded.operations).toBe(before);
  });
});

/** Models that have more or less in common with each other. */
function history(seed: number): readonly PolicyModel[] {
  const hosts = seed % 3 === 0;
  const [one, two, three] = [1, 2, 3].map((part) => randomPolicies(seed * 10 + part, { hosts }));
  if (one === undefined || two === undefined || three === undefined) throw new RangeError("three models");
  return [
    one,
    { ...one, policies: one.policies.slice(1) },
    { ...one, policies: byId([...one.policies.slice(1), ...two.policies.slice(0, 3)]) },
    { ...one, policies: two.policies, networkSets: three.networkSets },
    { ...two, endpoints: one.endpoints },
    { ...two, endpoints: two.endpoints.slice(2), services: three.services },
    { ...three, tiers: two.tiers },
    one,
  ];
}

/** The last of the same id. */
function byId(policies: readonly Policy[]): readonly Policy[] {
  return [...new Map(policies.map((policy) => [policy.id, policy])).values()];
}
