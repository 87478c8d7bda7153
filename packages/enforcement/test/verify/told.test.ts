import { origin } from "@ocicat/kit";
import {
  ACCEPT,
  baseChain,
  bits,
  type Chain,
  DROP,
  type Expression,
  equal,
  interfaceName,
  limit,
  meta,
  opaque,
  type Rule,
  rule,
  type Table,
  verdict as verdictOf,
} from "@ocicat/nftables";
import { describe, expect, it } from "vitest";
import { model, policy, workload } from "../../../policy/test/support/build.ts";
import { compileModel, describeDifference, verifyNode } from "../../src/index.ts";

const MODEL = model({
  endpoints: [
    workload({ name: "web", addresses: ["10.65.0.1"], labels: { app: "web" } }),
    workload({ name: "db", addresses: ["10.65.0.2"], labels: { app: "db" } }),
  ],
  policies: [
    policy("db", {
      selector: "app == 'db'",
      types: ["Ingress"],
      ingress: [
        { action: "Allow", protocol: "TCP", source: { selector: "app == 'web'" }, destination: { ports: [5432] } },
      ],
    }),
  ],
});

function compiled(): Table {
  const [table] = compileModel(MODEL, "node1", { interfacePrefix: "cali", flowLog: false, logPrefix: "test" });
  if (table === undefined) throw new Error("no table");
  return table;
}

function told(table: Table): string[] {
  const options = { node: "node1", interfacePrefixes: ["cali"] };
  return verifyNode({ table, model: MODEL, options }).differences.map(describeDifference);
}

/** The table with the chain that holds the policy's rules changed. */
function withRule(change: (rule: Rule) => Rule | undefined): Table {
  const table = compiled();
  const isItsOwn = ({ name }: Chain) => name.startsWith("pi-");
  return {
    ...table,
    chains: table.chains.map((chain) =>
      isItsOwn(chain) ? { ...chain, rules: chain.rules.flatMap((rule) => change(rule) ?? []) } : chain,
    ),
  };
}

function onlyIf(expression: Expression): Table {
  return withRule((rule) => ({ ...rule, body: [expression, verdictOf(ACCEPT)] }));
}

describe("a difference is told as a packet", () => {
  it("and none as nothing", () => {
    expect(told(compiled())).toEqual([]);
  });

  it("that should pass, with the end of its way in the kernel and the rule of the model", () => {
    expect(told(withRule(() => undefined))).toMatchInlineSnapshot(`
      [
        "forwarded, from caliweb (default/web) to calidb (default/db): tcp 10.65.0.1:40000 → 10.65.0.2:5432, new
        the kernel would drop it: chain to-38fc5dead8ef60af, rule 2: drop (no policy of the tier decided [Tier default])
        the model allows it
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-db-eth0, ingress, normal: allow by GlobalNetworkPolicy db, spec.ingress[0]",
      ]
    `);
  });

  it("that should not, with the rule that lets it by", () => {
    const open = withRule((rule) => ({ ...rule, body: [verdictOf(ACCEPT)] }));
    expect(told(open)).toMatchInlineSnapshot(`
      [
        "forwarded, from caliweb (default/web) to calidb (default/db): tcp 10.65.0.1:40000 → 10.65.0.2:80, new
        the kernel would accept it: chain pi-65407188de79c241, rule 1: accept (spec.ingress[0] [GlobalNetworkPolicy db])
        the model denies it
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-db-eth0, ingress, normal: deny at the end of tier default",
        "forwarded, from other0000 to calidb (default/db): tcp [::]:40000 → [::]:80, new
        the kernel would accept it: chain pi-65407188de79c241, rule 1: accept (spec.ingress[0] [GlobalNetworkPolicy db])
        the model denies it
          workload default/node1-k8s-db-eth0, ingress, normal: deny at the end of tier default",
      ]
    `);
  });

  it("of a port that is another", () => {
    const other = withRule((rule) => ({
      ...rule,
      body: rule.body.map((one) =>
        one.kind === "compare" && one.right.kind === "number" && one.right.number === 5432
          ? { ...one, right: { kind: "number", number: 5433 } }
          : one,
      ),
    }));
    expect(told(other)).toMatchInlineSnapshot(`
      [
        "forwarded, from caliweb (default/web) to calidb (default/db): tcp 10.65.0.1:40000 → 10.65.0.2:5432, new
        the kernel would drop it: chain to-38fc5dead8ef60af, rule 2: drop (no policy of the tier decided [Tier default])
        the model allows it
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-db-eth0, ingress, normal: allow by GlobalNetworkPolicy db, spec.ingress[0]",
      ]
    `);
  });

  it("that misses in a set", () => {
    const table = compiled();
    const sets = table.sets.map((set) => (set.name.endsWith("-4h") ? { ...set, elements: [] } : set));
    expect(told({ ...table, sets })).toMatchInlineSnapshot(`
      [
        "forwarded, from caliweb (default/web) to calidb (default/db): tcp 10.65.0.1:40000 → 10.65.0.2:5432, new
        the kernel would drop it: chain to-38fc5dead8ef60af, rule 2: drop (no policy of the tier decided [Tier default])
        the model allows it
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-db-eth0, ingress, normal: allow by GlobalNetworkPolicy db, spec.ingress[0]",
      ]
    `);
  });

  it("to an interface that has lost its policies", () => {
    const table = compiled();
    const sets = table.sets.map((set) =>
      set.name === "to"
        ? {
            ...set,
            elements: set.elements.filter(({ key: [name] }) => name?.kind !== "interface" || name.name !== "caliweb"),
          }
        : set,
    );
    expect(told({ ...table, sets })).toMatchInlineSnapshot(`
      [
        "forwarded, from caliweb (default/web) to caliweb (default/web): tcp 10.65.0.1:40000 → 10.65.0.1:80, new
        the kernel would drop it: chain to-workload, rule 3: drop (no policy yet for this interface)
        the model allows it
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-web-eth0, ingress, normal: allow by profile allow-all, spec.ingress[0]",
        "forwarded, from other0000 to caliweb (default/web): tcp [::]:40000 → [::]:80, new
        the kernel would drop it: chain to-workload, rule 3: drop (no policy yet for this interface)
        the model allows it
          workload default/node1-k8s-web-eth0, ingress, normal: allow by profile allow-all, spec.ingress[0]",
      ]
    `);
  });

  it("between two interfaces alone, of a chain that somebody added", () => {
    const table = compiled();
    const pair = [equal(meta("iifname"), interfaceName("caliweb")), equal(meta("oifname"), interfaceName("calidb"))];
    const unwanted = baseChain({
      name: "unwanted",
      type: "filter",
      hook: "forward",
      priority: 5,
      policy: "accept",
      origin: origin("somebody's"),
      rules: [rule(origin("somebody's"), ...pair, verdictOf(DROP))],
    });
    expect(told({ ...table, chains: [...table.chains, unwanted] })).toMatchInlineSnapshot(`
      [
        "forwarded, from caliweb (default/web) to calidb (default/db): tcp 10.65.0.1:40000 → 10.65.0.2:5432, new
        the kernel would drop it: chain unwanted, rule 1: iifname "caliweb" oifname "calidb" drop (somebody's)
        the model allows it
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-db-eth0, ingress, normal: allow by GlobalNetworkPolicy db, spec.ingress[0]",
        "forwarded, from caliweb (default/web) to calidb (default/db): tcp [::]:40000 → [::]:80, related
        the kernel would drop it: chain unwanted, rule 1: iifname "caliweb" oifname "calidb" drop (somebody's)
        the model allows it
          of a connection that is related
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-db-eth0, ingress, normal: deny at the end of tier default",
      ]
    `);
    // Whoever has a mark gets through: one that nobody sets counts too.
    const marked = rule(origin("somebody's"), bits(meta("mark"), 0x40, 0x40), verdictOf(ACCEPT));
    const open = table.chains.map((chain) =>
      chain.name === "to-workload" ? { ...chain, rules: [marked, ...chain.rules] } : chain,
    );
    expect(told({ ...table, chains: open })[0]).toMatch(/ to calidb .*, mark 0x40\n.* would accept it/);
  });

  it("of which nobody can say what becomes of it", () => {
    expect(told(onlyIf(limit(10n, "second")))).toMatchInlineSnapshot(`
      [
        "forwarded, from caliweb (default/web) to calidb (default/db): tcp 10.65.0.1:40000 → 10.65.0.2:80, new
        the kernel does with it what cannot be told: limit rate 10/second burst 5 packets: depends on what came before: chain pi-65407188de79c241, rule 1: limit rate 10/second burst 5 packets accept (spec.ingress[0] [GlobalNetworkPolicy db])
        the model denies it
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-db-eth0, ingress, normal: deny at the end of tier default",
        "forwarded, from other0000 to calidb (default/db): tcp [::]:40000 → [::]:80, new
        the kernel does with it what cannot be told: limit rate 10/second burst 5 packets: depends on what came before: chain pi-65407188de79c241, rule 1: limit rate 10/second burst 5 packets accept (spec.ingress[0] [GlobalNetworkPolicy db])
        the model denies it
          workload default/node1-k8s-db-eth0, ingress, normal: deny at the end of tier default",
      ]
    `);
    expect(told(onlyIf(opaque("osf", new Uint8Array([1]))))).toMatchInlineSnapshot(`
      [
        "inet ocicat-policy: chain pi-65407188de79c241, rule 1: osf: cannot be understood",
        "forwarded, from caliweb (default/web) to calidb (default/db): tcp 10.65.0.1:40000 → 10.65.0.2:80, new
        the kernel does with it what cannot be told: osf: an expression that is not known: chain pi-65407188de79c241, rule 1: osf accept (spec.ingress[0] [GlobalNetworkPolicy db])
        the model denies it
          workload default/node1-k8s-web-eth0, egress, normal: allow by profile allow-all, spec.egress[0]
          workload default/node1-k8s-db-eth0, ingress, normal: deny at the end of tier default",
        "forwarded, from other0000 to calidb (default/db): tcp [::]:40000 → [::]:80, new
        the kernel does with it what cannot be told: osf: an expression that is not known: chain pi-65407188de79c241, rule 1: osf accept (spec.ingress[0] [GlobalNetworkPolicy db])
        the model denies it
          workload default/node1-k8s-db-eth0, ingress, normal: deny at the end of tier default",
      ]
    `);
    const table = compiled();
    const [first] = told({ ...table, sets: table.sets.filter(({ name }) => !name.endsWith("-4h")) });
    expect(first).toMatch(
      /tcp 10.65.0.1:40000 → 10.65.0.2:5432, new\n.*@s-[0-9a-f]+-4h: there is no such set: chain pi-/,
    );
  });
});
