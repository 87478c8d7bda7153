import { compileModel, PolicyTables } from "@ocicat/enforcement";
import type { Chain, Table } from "@ocicat/nftables";
import { needsOf, type Policy, PolicyIndex, type PolicyModel, type Workload } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import { model, policy, SETTINGS, workload } from "../../../policy/test/support/build.ts";
import { RecordedTable } from "../support/recorded.ts";

const OPTIONS = { interfacePrefix: "cali", flowLog: false, logPrefix: "calico-packet" };

const pods: readonly Workload[] = Array.from({ length: 20 }, (_, index) =>
  workload({
    name: String(index),
    addresses: [`10.65.0.${index + 1}`],
    labels: { app: index === 0 ? "mine" : "theirs" },
  }),
);

/** For the first pod, or for all others. */
const policies = (app: "mine" | "theirs", count: number): readonly Policy[] =>
  Array.from({ length: count }, (_, index) =>
    policy(`${app}-${index}`, {
      order: index,
      selector: `app == '${app}'`,
      ingress: [{ action: "Allow", protocol: "TCP", source: { selector: `peer == '${index}'` } }],
    }),
  );

const withTheirs = (count: number): PolicyModel =>
  model({ endpoints: pods, policies: [...policies("mine", 10), ...policies("theirs", count)] });

describe("what policies of others cost", () => {
  it("a packet: nothing, the rules on its way are the same", () => {
    const none = onTheWay(withTheirs(0), "cali0");
    expect(none).toBeGreaterThan(10);
    expect(onTheWay(withTheirs(500), "cali0")).toBe(none);
  });

  it("a change: nothing, it is told in as many steps", () => {
    const stepsOf = (count: number) => {
      const whole = withTheirs(count);
      const { recorded, tables, index } = enforced(whole);
      const before = recorded.operations;
      const [first] = policies("mine", 1);
      if (first === undefined) throw new TypeError("there is a policy");
      index.setPolicy(first.id, { ...first, ingress: first.ingress.map((rule) => ({ ...rule, action: "deny" })) });
      tables.apply(index.flush());
      return recorded.operations - before;
    };
    expect(stepsOf(0)).toBe(1);
    expect(stepsOf(500)).toBe(1);
  });
});

describe("what a change tells", () => {
  it("is one element for a member of a set", () => {
    const { recorded, tables, index } = enforced(withTheirs(0));
    const before = recorded.operations;
    const peer = workload({ name: "peer", node: "node2", addresses: ["10.65.1.1"], labels: { peer: "3" } });
    index.setEndpoint("workload peer", peer);
    tables.apply(index.flush());
    expect(recorded.operations - before).toBe(1);
  });

  it("is two elements for an endpoint like another", () => {
    const { recorded, tables, index } = enforced(withTheirs(5));
    const before = recorded.operations;
    index.setEndpoint("workload new", workload({ name: "new", addresses: ["10.65.0.99"], labels: { app: "theirs" } }));
    tables.apply(index.flush());
    expect(recorded.operations - before).toBe(2);
  });
});

function enforced(of: PolicyModel) {
  const recorded = new RecordedTable();
  const tables = new PolicyTables(recorded, { ...OPTIONS, settings: SETTINGS });
  const index = new PolicyIndex("node1");
  for (const tier of of.tiers) index.setTier(tier.name, tier);
  for (const one of of.policies) index.setPolicy(one.id, one);
  for (const profile of of.profiles) index.setProfile(profile.name, profile);
  for (const endpoint of of.endpoints) index.setEndpoint(`workload ${endpoint.id}`, endpoint);
  tables.apply(index.flush());
  expect(needsOf(of, "node1").policies.size).toBe(of.policies.length);
  return { recorded, tables, index };
}

/** How many rules a packet to the interface meets at most. */
function onTheWay(of: PolicyModel, interfaceName: string): number {
  const [table] = compileModel(of, "node1", OPTIONS);
  if (table === undefined) throw new TypeError("a model has a table");
  return below(table, "forward-ingress", interfaceName);
}

function below(table: Table, name: string, interfaceName: string): number {
  const chain = table.chains.find((one) => one.name === name);
  return (chain?.rules ?? []).reduce(
    (sum, { body }) =>
      sum + 1 + targetsOf(body, table, interfaceName).reduce((all, one) => all + below(table, one, interfaceName), 0),
    0,
  );
}

function targetsOf(body: Chain["rules"][number]["body"], table: Table, interfaceName: string): readonly string[] {
  return body.flatMap((one) => {
    const verdicts =
      one.kind === "verdict"
        ? [one.verdict]
        : one.kind === "verdictLookup"
          ? (table.sets.find(({ name }) => name === one.map)?.elements ?? [])
              .filter(({ key: [key] }) => key?.kind === "interface" && key.name === interfaceName)
              .map(({ verdict }) => verdict)
          : [];
    return verdicts.flatMap((verdict) => (verdict?.kind === "jump" || verdict?.kind === "goto" ? [verdict.chain] : []));
  });
}
