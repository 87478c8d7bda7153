import { compileSelector } from "@ocicat/api";
import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  type Endpoint,
  endpointKey,
  memberText,
  type NeedsChange,
  type Policy,
  PolicyIndex,
  Protocol,
  serviceKey,
} from "../../src/index.ts";
import { ALLOW_ALL, networkSet, policy, workload } from "../support/build.ts";

const WEB = workload({ name: "web", addresses: ["10.0.0.1"], labels: { app: "web" } });
const far = (name: string, address: string, labels: Readonly<Record<string, string>>): Endpoint =>
  workload({ name, addresses: [address], labels, node: "node2", ports: [{ name: "http", protocol: 6, port: 8080 }] });

const fromClients = policy("from-clients", {
  selector: "app == 'web'",
  ingress: [{ action: "Allow", source: { selector: "role == 'client'" } }],
});

function indexWith(policies: readonly Policy[], endpoints: readonly Endpoint[]): PolicyIndex {
  const index = new PolicyIndex("node1");
  index.setProfile(ALLOW_ALL.name, ALLOW_ALL);
  for (const each of policies) index.setPolicy(each.id, each);
  for (const each of endpoints) index.setEndpoint(endpointKey(each), each);
  return index;
}

/** What a flush tells, in short: `sets: made 10.0.0.2/32`. */
function told({ sets, policies, profiles, endpoints }: NeedsChange): readonly string[] {
  const values = (what: string, changes: ReadonlyMap<string, unknown>) =>
    [...changes].map(([key, value]) => `${what} ${key}${value === undefined ? " gone" : ""}`);
  return [
    ...[...sets.values()].map((change) => {
      if (change.kind === "made") return `set made: ${change.members.map(memberText).sort().join(" ")}`;
      if (change.kind === "gone") return "set gone";
      const signed = [
        ...change.added.map((each) => `+${memberText(each)}`),
        ...change.removed.map((each) => `-${memberText(each)}`),
      ];
      return `set: ${signed.join(" ")}`;
    }),
    ...values("policy", policies),
    ...values("profile", profiles),
    ...values("endpoint", endpoints),
  ];
}

describe("a policy index", () => {
  it("knows only what local endpoints need", () => {
    const index = indexWith([fromClients], [far("web", "10.1.0.1", { app: "web" })]);
    expect(told(index.flush())).toEqual([]);
    index.setEndpoint(endpointKey(WEB), WEB);
    expect(told(index.flush())).toEqual([
      "set made: ",
      "policy GlobalNetworkPolicy from-clients",
      "profile allow-all",
      `endpoint ${endpointKey(WEB)}`,
    ]);
    index.setEndpoint(endpointKey(WEB), undefined);
    expect(told(index.flush())).toEqual([
      "set gone",
      "policy GlobalNetworkPolicy from-clients gone",
      "profile allow-all gone",
      `endpoint ${endpointKey(WEB)} gone`,
    ]);
  });

  it("adds an address with its first holder, and removes it with its last", () => {
    const index = indexWith([fromClients], [WEB]);
    index.flush();
    const [first, second] = [far("c1", "10.1.0.1", { role: "client" }), far("c2", "10.1.0.1", { role: "client" })];
    const steps: readonly (readonly [() => void, readonly string[]])[] = [
      [() => index.setEndpoint(endpointKey(first), first), ["set: +10.1.0.1/32"]],
      [() => index.setEndpoint(endpointKey(second), second), []],
      [
        () => index.setNetworkSet("n", networkSet("n", { role: "client" }, ["10.1.0.1/32", "10.1.0.0/24"])),
        ["set: +10.1.0.0/24"],
      ],
      [() => index.setEndpoint(endpointKey(first), undefined), []],
      [() => index.setEndpoint(endpointKey(second), { ...second, labels: {} }), []],
      [() => index.setNetworkSet("n", undefined), ["set: -10.1.0.1/32 -10.1.0.0/24"]],
    ];
    for (const [step, wanted] of steps) {
      step();
      expect(told(index.flush())).toEqual(wanted);
    }
  });

  it("moves an address from one holder to another without a word", () => {
    const [first, second] = [far("c1", "10.1.0.1", { role: "client" }), far("c2", "10.1.0.1", { role: "client" })];
    const index = indexWith([fromClients], [WEB, first]);
    index.flush();
    index.setEndpoint(endpointKey(first), undefined);
    index.setEndpoint(endpointKey(second), second);
    expect(told(index.flush())).toEqual([]);
  });

  it("gives endpoints the labels of their profiles, and network sets those of their namespaces", () => {
    const index = indexWith([fromClients], [WEB, { ...far("c", "10.1.0.1", {}), profiles: ["clients"] }]);
    index.setNetworkSet("n", { ...networkSet("n", {}, ["192.0.2.0/24"]), profiles: ["clients"] });
    index.flush();
    const profile = { ...ALLOW_ALL, name: "clients", labels: { role: "client" } };
    index.setProfile("clients", profile);
    expect(told(index.flush())).toEqual(["set: +10.1.0.1/32 +192.0.2.0/24"]);
    index.setProfile("clients", { ...profile, labels: { role: "server" } });
    expect(told(index.flush())).toEqual(["set: -10.1.0.1/32 -192.0.2.0/24"]);
  });

  it("tells of a profile that is named and not there, as missing", () => {
    const index = indexWith([], [{ ...WEB, profiles: ["nowhere"] }]);
    expect(index.flush().profiles).toEqual(new Map([["nowhere", "missing"]]));
    index.setProfile("nowhere", { ...ALLOW_ALL, name: "nowhere" });
    expect(told(index.flush())).toEqual(["profile nowhere"]);
    index.setProfile("nowhere", undefined);
    expect(index.flush().profiles).toEqual(new Map([["nowhere", "missing"]]));
  });

  it("keeps the ports that endpoints give a name, of those that the rule selects", () => {
    const toHttp = policy("to-http", {
      selector: "app == 'web'",
      types: ["Egress"],
      egress: [{ action: "Allow", protocol: "TCP", destination: { selector: "role == 'server'", ports: ["http"] } }],
    });
    const index = indexWith([toHttp], [WEB, far("s", "10.1.0.1", { role: "server" }), far("o", "10.1.0.2", {})]);
    const sets = [...index.flush().sets.values()];
    const ports = sets.filter(({ spec }) => spec.kind === "namedPort");
    expect(ports).toMatchObject([
      { members: [{ address: parseAddress("10.1.0.1"), protocol: Protocol.tcp, port: 8080 }] },
    ]);
  });

  it("follows a service's endpoints while a rule names it", () => {
    const toService = policy(
      "to-service",
      {
        types: ["Egress"],
        egress: [{ action: "Allow", destination: { services: { name: "dns", namespace: "kube-system" } } }],
      },
      { namespace: "default" },
    );
    const name = { namespace: "kube-system", name: "dns" };
    const at = (text: string) => ({ address: parseAddress(text), at: { protocol: Protocol.udp, port: 53 } });
    const index = indexWith([toService], [WEB]);
    index.setService(serviceKey(name), { ...name, endpoints: [at("10.1.0.1")] });
    expect(told(index.flush())).toContain("set made: 10.1.0.1 17 53");
    index.setService(serviceKey(name), { ...name, endpoints: [at("10.1.0.2"), at("10.1.0.2")] });
    expect(told(index.flush())).toEqual(["set: +10.1.0.2 17 53 -10.1.0.1 17 53"]);
  });

  it("gets ready what is needed everywhere, before an endpoint needs it", () => {
    const early = policy("early", {
      selector: "app == 'web'",
      performanceHints: ["AssumeNeededOnEveryNode"],
      ingress: [{ action: "Allow", source: { selector: "role == 'client'" } }],
    });
    const index = indexWith([early], [far("c", "10.1.0.1", { role: "client" })]);
    expect(told(index.flush())).toEqual(["set made: 10.1.0.1/32", "policy GlobalNetworkPolicy early"]);
  });

  it("shares what is alike among endpoints that the same policies apply to", () => {
    const other = workload({ name: "web2", addresses: ["10.0.0.2"], labels: { app: "web", other: "label" } });
    const { endpoints } = indexWith([fromClients], [WEB, other]).flush();
    const [one, two] = [...endpoints.values()];
    expect(one?.stages).toBeDefined();
    expect(one?.stages).toBe(two?.stages);
  });

  it.each<readonly [string, Partial<Policy>, readonly string[]]>([
    ["nothing", {}, []],
    ["its order", { order: 1 }, ["policy", "endpoint"]],
    ["its tier", { tier: "other" }, ["policy", "endpoint"]],
    ["its directions", { directions: ["egress"] }, ["policy", "endpoint"]],
    ["its stage", { untracked: true }, ["set gone", "policy gone", "endpoint"]],
    ["what it selects", { selector: compileSelector("app == 'db'") }, ["set gone", "policy gone", "endpoint"]],
    ["how it selects the same", { selector: compileSelector("has(app)") }, ["policy"]],
    ["its rules", { ingress: [] }, ["set gone", "policy"]],
    ["that it is staged", { staged: "set" }, ["policy"]],
  ])("tells of a policy that changes %s only what follows", (_what, part, wanted) => {
    const lists = { ...policy("lists", { selector: "app == 'web'" }), order: 2 };
    const changing: Policy = {
      ...policy("changing", {
        selector: "app == 'web'",
        ingress: [{ action: "Allow", source: { selector: "role == 'client'" } }],
      }),
      order: 3,
    };
    const index = indexWith([lists, changing], [WEB]);
    index.flush();
    index.setPolicy(changing.id, { ...changing, ...part });
    const kinds = told(index.flush()).map((each) => each.replace(/ (GlobalNetworkPolicy|workload) \S+/, ""));
    expect(kinds).toEqual(wanted);
  });

  it("takes an address that an endpoint names twice once, also while it changes otherwise", () => {
    const twice = {
      ...far("c", "10.1.0.1", { role: "client" }),
      addresses: ["10.1.0.1", "10.1.0.1"].map(parseAddress),
    };
    const index = indexWith([fromClients], [WEB, twice]);
    expect(told(index.flush())).toContain("set made: 10.1.0.1/32");
    index.setEndpoint(endpointKey(twice), { ...twice, ports: [] });
    expect(told(index.flush())).toEqual([]);
    index.setEndpoint(endpointKey(twice), undefined);
    expect(told(index.flush())).toEqual(["set: -10.1.0.1/32"]);
  });
});
