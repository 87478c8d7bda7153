import { FAMILIES } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import { compileModel, describeDifference, verifyNode } from "../../src/index.ts";
import { NODE, randomPolicies, shrinkPolicies } from "../support/random-policies.ts";

const COMPILE = { interfacePrefix: "cali", flowLog: false, logPrefix: "test" };
const OPTIONS = { node: NODE, interfacePrefixes: ["cali"] };

function verified(model: ReturnType<typeof randomPolicies>) {
  return verifyNode({ table: compileModel(model, NODE, COMPILE)[0], model, options: OPTIONS });
}

describe("what is compiled", () => {
  it.each([
    ["workloads", { hosts: false }],
    ["workloads and host endpoints", { hosts: true }],
    ["IPv6 alone", { families: FAMILIES.slice(1) }],
    ["many policies", { policies: 40, rules: 6 }],
  ] as const)("is what the model wants, for every packet: %s", (_name, size) => {
    for (let seed = 1000; seed < 1040; seed++) {
      const model = randomPolicies(seed, size);
      if (verified(model).differences.length === 0) continue;
      const small = shrinkPolicies(model, (smaller) => verified(smaller).differences.length > 0);
      expect.fail(`seed ${seed}:\n${verified(small).differences.map(describeDifference).join("\n")}`);
    }
  });

  it("is told from nothing, from what is switched off, and from what cannot be understood", () => {
    const model = randomPolicies(5);
    const [table] = compileModel(model, NODE, COMPILE);
    if (table === undefined) throw new Error("no table");
    const missing = verifyNode({ table: undefined, model, options: OPTIONS });
    expect(missing.differences.map(describeDifference)).toEqual(["the policy table is not there"]);
    const off = verifyNode({ table: { ...table, dormant: true }, model, options: OPTIONS });
    expect(off.differences.map(describeDifference)[0]).toBe("inet ocicat-policy: is switched off");
    expect(off.differences.some(({ kind }) => kind === "packet")).toBe(true);
    const unknown = verifyNode({ table, unknown: ["set foo: of a kind that is not known"], model, options: OPTIONS });
    expect(unknown.differences.map(describeDifference)).toEqual([
      "inet ocicat-policy: set foo: of a kind that is not known: cannot be understood",
    ]);
  });
});
