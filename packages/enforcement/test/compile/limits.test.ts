import { compileModel, policyChainName } from "@ocicat/enforcement";
import { type Chain, checkTable, type Table } from "@ocicat/nftables";
import type { Policy } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import { model, policy, workload } from "../../../policy/test/support/build.ts";

const OPTIONS = { interfacePrefix: "cali", flowLog: false, logPrefix: "calico-packet" };
const names = (count: number) => Array.from({ length: count }, (_, index) => `port-${index}`);

/** Has every port that rules below name, so that none of their sets is empty. */
const pod = workload({
  name: "0",
  addresses: ["10.65.0.1", "fd65::1"],
  ports: names(60).map((name, index) => ({ name, protocol: 6, port: 1000 + index })),
});

function compiled(spec: Record<string, unknown>): { readonly table: Table; readonly rules: Chain["rules"] } {
  const one: Policy = policy("large", { types: ["Ingress"], ...spec });
  const [table] = compileModel(model({ endpoints: [pod], policies: [one] }), "node1", OPTIONS);
  if (table === undefined) throw new TypeError("a model has a table");
  return { table, rules: table.chains.find(({ name }) => name === policyChainName(one.id, "ingress"))?.rules ?? [] };
}

describe("a rule that is too large for the kernel", () => {
  it.each([
    ["long", { notPorts: names(60) }, {}],
    ["manifold", { ports: names(40) }, { ports: names(40) }],
  ])("(too %s) opens nothing, and closes everything where it would close anything", (_, destination, source) => {
    const of = (action: string) => compiled({ ingress: [{ action, protocol: "TCP", destination, source }] });
    const [allow, deny] = [of("Allow"), of("Deny")];
    checkTable(allow.table);
    checkTable(deny.table);
    expect(allow.rules).toEqual([]);
    expect(deny.rules.map(({ body }) => body.map(({ kind }) => kind))).toEqual([["counter", "verdict"]]);
    expect(deny.rules[0]?.origin.reason).toContain("too large");
  });

  it("is larger than any that people write", () => {
    const many = { ports: [...names(10), ...Array.from({ length: 500 }, (_, index) => 20_000 + 2 * index)] };
    const { table, rules } = compiled({ ingress: [{ action: "Allow", protocol: "TCP", destination: many }] });
    checkTable(table);
    // For each family the list of numbers as one set, and each name.
    expect(rules).toHaveLength(2 * 11);
  });
});
