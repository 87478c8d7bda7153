import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { type Packet, type PolicyModel, Protocol, readClusterPolicy, ruleMatches, verdict } from "../../src/index.ts";
import { ALLOW_ALL, model, networkSet, packet, policy, SETTINGS, workload } from "../support/build.ts";

const web = workload({ name: "web", addresses: ["10.0.0.1", "fd00::1"], labels: { app: "web" } });
const client = workload({ name: "client", addresses: ["10.0.0.2", "fd00::2"], labels: { app: "client" } });
const endpoints = [web, client];

function allowed(rules: readonly object[], packet: Packet, parts: Partial<PolicyModel> = {}): boolean {
  const policies = [policy("p", { selector: "app == 'web'", types: ["Ingress"], ingress: rules })];
  return verdict(packet, model({ endpoints, policies, ...parts })).allowed;
}

const tcp = packet("10.0.0.2", "10.0.0.1", 80);
const icmp = (type: number, code = 0, source = "10.0.0.2", destination = "10.0.0.1"): Packet => ({
  source: parseAddress(source),
  destination: parseAddress(destination),
  protocol: source.includes(":") ? Protocol.icmpv6 : Protocol.icmp,
  icmp: { type, code },
});

describe("nodes", () => {
  const nodes = [
    { ...networkSet("node1", { role: "db" }, ["192.0.2.1/32", "2001:db8::1/128"]), kind: "Node" as const },
    { ...networkSet("node2", { role: "web" }, ["192.0.2.2/32"]), kind: "Node" as const },
  ];
  const to = (selector: object, address: string, more: Partial<PolicyModel> = {}) => {
    const document = {
      metadata: { name: "p" },
      spec: {
        tier: "Admin",
        priority: 1,
        subject: { namespaces: {} },
        egress: [{ action: "Deny", to: [{ nodes: selector }] }],
      },
    };
    const packets = packet(address.includes(":") ? "fd00::1" : "10.0.0.1", address);
    return verdict(packets, model({ endpoints, nodeSets: nodes, policies: [readClusterPolicy(document)], ...more }))
      .allowed;
  };

  it("are chosen by their labels, at each of their addresses", () => {
    const db = { matchLabels: { role: "db" } };
    expect(to(db, "192.0.2.1")).toBe(false);
    expect(to(db, "2001:db8::1")).toBe(false);
    expect(to(db, "192.0.2.2")).toBe(true);
    expect([to({}, "192.0.2.2"), to({}, "192.0.2.3"), to({}, "10.0.0.2")]).toEqual([false, true, true]);
    expect(to({ matchExpressions: [{ key: "role", operator: "NotIn", values: ["db"] }] }, "192.0.2.2")).toBe(false);
  });

  it("are chosen by no selector of endpoints, whatever it is", () => {
    for (const selector of ["all()", "role == 'db'", "role != 'x'", "!has(x)"]) {
      const policies = [
        policy("p", {
          selector: "app == 'web'",
          egress: [{ action: "Deny", destination: { selector } }, { action: "Allow" }],
        }),
      ];
      expect(to({}, "192.0.2.1", { policies }), selector).toBe(true);
    }
  });
});

describe("a rule matches", () => {
  it("ICMP by type, and by code where one is given", () => {
    const ping = { action: "Allow", protocol: "ICMP", icmp: { type: 8 } };
    expect(allowed([ping], icmp(8))).toBe(true);
    expect(allowed([ping], icmp(8, 5))).toBe(true);
    expect(allowed([ping], icmp(0))).toBe(false);
    expect(allowed([ping], tcp)).toBe(false);
    const exact = { ...ping, icmp: { type: 3, code: 4 } };
    expect(allowed([exact], icmp(3, 4))).toBe(true);
    expect(allowed([exact], icmp(3, 3))).toBe(false);
    const six = { action: "Allow", protocol: "ICMPv6", icmp: { type: 128 } };
    expect(allowed([six], icmp(128, 0, "fd00::2", "fd00::1"))).toBe(true);
    expect(allowed([ping], icmp(8, 0, "fd00::2", "fd00::1"))).toBe(false);
  });

  it("ICMP of other types than one, and nothing that is no ICMP", () => {
    const others = { action: "Allow", notICMP: { type: 8 } };
    expect(allowed([others], icmp(0))).toBe(true);
    expect(allowed([others], icmp(8))).toBe(false);
    expect(allowed([others], tcp)).toBe(false);
  });

  it("one version of IP", () => {
    const six = packet("fd00::2", "fd00::1");
    expect(allowed([{ action: "Allow", ipVersion: 6 }], six)).toBe(true);
    expect(allowed([{ action: "Allow", ipVersion: 6 }], tcp)).toBe(false);
    expect(allowed([{ action: "Allow", source: { nets: ["fd00::/64"] } }], six)).toBe(true);
    expect(allowed([{ action: "Allow", source: { notNets: ["fd01::/64"] } }], tcp)).toBe(false);
  });

  it("a port at the first and the last of a range, and by the rule's protocol", () => {
    const range = [{ action: "Allow", protocol: "UDP", destination: { ports: ["8000:8002"] } }];
    const at = (port: number, protocol: number = Protocol.udp) => packet("10.0.0.2", "10.0.0.1", port, protocol);
    expect([7999, 8000, 8002, 8003].map((port) => allowed(range, at(port)))).toEqual([false, true, true, false]);
    expect(allowed(range, at(8000, Protocol.tcp))).toBe(false);
    const source = [{ action: "Allow", protocol: "TCP", source: { ports: [40_000] } }];
    expect(allowed(source, tcp)).toBe(true);
    expect(allowed(source, { ...tcp, sourcePort: 40_001 })).toBe(false);
  });

  it("no port of a packet that has none, not even another", () => {
    const [rule] = policy("p", {
      ingress: [{ action: "Allow", protocol: "TCP", destination: { notPorts: [80] } }],
    }).ingress;
    if (rule === undefined) throw new TypeError("there is no rule");
    const anyProtocol = { ...rule, protocol: undefined };
    expect(ruleMatches(anyProtocol, { ...tcp, destinationPort: 81 }, model({ endpoints }))).toBe(true);
    expect(ruleMatches(anyProtocol, icmp(8), model({ endpoints }))).toBe(false);
  });

  it("a protocol by number", () => {
    expect(allowed([{ action: "Allow", protocol: 47 }], { ...tcp, protocol: 47 })).toBe(true);
    expect(allowed([{ action: "Allow", protocol: 47 }], tcp)).toBe(false);
  });

  it("sets of networks as endpoints, by their labels and their namespaces'", () => {
    const networkSets = [
      networkSet("bad", { role: "bad" }, ["203.0.113.0/24"]),
      {
        ...networkSet("default/good", { role: "good", "projectcalico.org/namespace": "default" }, ["198.51.100.0/24"]),
        kind: "NetworkSet" as const,
        profiles: ["kns.default"],
      },
    ];
    const profiles = [ALLOW_ALL, { ...ALLOW_ALL, name: "kns.default", labels: { "pcns.env": "test" } }];
    const from = (source: object, address: string) =>
      allowed([{ action: "Allow", source }], packet(address, "10.0.0.1"), { networkSets, profiles });
    expect(from({ selector: "role == 'bad'" }, "203.0.113.9")).toBe(true);
    expect(from({ selector: "role == 'bad'" }, "203.0.114.9")).toBe(false);
    expect(from({ namespaceSelector: "env == 'test'" }, "198.51.100.9")).toBe(true);
    expect(from({ namespaceSelector: "env == 'test'" }, "203.0.113.9")).toBe(false);
    expect(from({ namespaceSelector: "global()" }, "203.0.113.9")).toBe(true);
    expect(from({ namespaceSelector: "global()" }, "198.51.100.9")).toBe(false);
  });

  it("the endpoints of a service: at their ports where it is gone to, at any where it comes from", () => {
    const endpoint = { address: parseAddress("10.0.0.1"), at: { protocol: Protocol.tcp, port: 8080 } };
    const services = [{ namespace: "default", name: "web", endpoints: [endpoint] }];
    const egress = (
      spec: object,
      port: number,
      at: Packet = packet("10.0.0.2", "10.0.0.1", port),
      to: PolicyModel["services"] = services,
    ) => {
      const policies = [
        policy("p", {
          selector: "app == 'client'",
          types: ["Egress"],
          egress: [{ action: "Allow", destination: { services: spec } }],
        }),
      ];
      return verdict(at, model({ endpoints, policies, services: to })).allowed;
    };
    expect(egress({ name: "web", namespace: "default" }, 8080)).toBe(true);
    expect(egress({ name: "web", namespace: "default" }, 80)).toBe(false);
    expect(egress({ name: "web", namespace: "other" }, 8080)).toBe(false);
    // Without ports it is nowhere gone to, also by what has none.
    const portless = [{ namespace: "default", name: "web", endpoints: [{ ...endpoint, at: undefined }] }];
    expect(egress({ name: "web", namespace: "default" }, 0, icmp(8), portless)).toBe(false);
    const rule = { action: "Allow", source: { services: { name: "client", namespace: "default" } } };
    // As a source also where the service has no ports.
    for (const at of [{ protocol: Protocol.tcp, port: 1 }, undefined]) {
      const source = [{ address: parseAddress("10.0.0.2"), at }];
      const clients = [{ namespace: "default", name: "client", endpoints: source }];
      expect(allowed([rule], tcp, { services: clients })).toBe(true);
    }
    expect(allowed([rule], tcp, { services: [] })).toBe(false);
  });

  it("a named port of those endpoints that the end's selector chooses", () => {
    const ports = [{ name: "http", protocol: Protocol.tcp, port: 80 }];
    const all = [{ ...web, ports }, client];
    const rule = (selector: string) => [
      { action: "Allow", protocol: "TCP", destination: { selector, ports: ["http", 81] } },
    ];
    const at = (selector: string, port: number) =>
      allowed(rule(selector), packet("10.0.0.2", "10.0.0.1", port), { endpoints: all });
    expect(at("app == 'web'", 80)).toBe(true);
    expect(at("app == 'web'", 81)).toBe(true);
    expect(at("app == 'client'", 80)).toBe(false);
    expect(at("app == 'client'", 81)).toBe(false);
    // Of two at one address, the chosen one has to have the port.
    const twice = [
      { ...web, ports },
      { ...client, addresses: web.addresses },
    ];
    const named = [{ action: "Allow", protocol: "TCP", destination: { selector: "app == 'client'", ports: ["http"] } }];
    expect(allowed(named, tcp, { endpoints: twice })).toBe(false);
    const others = [{ action: "Allow", protocol: "TCP", destination: { notPorts: ["http"] } }];
    expect(allowed(others, tcp, { endpoints: all })).toBe(false);
    expect(allowed(others, { ...tcp, destinationPort: 81 }, { endpoints: all })).toBe(true);
  });

  it("what services accounts and namespaces give an endpoint by its profiles, its own labels first", () => {
    const labels = { "pcsa.team": "a", "pcns.env": "test", app: "other" };
    const profiles = [ALLOW_ALL, { ...ALLOW_ALL, name: "kns", labels }];
    const all = [web, { ...client, profiles: ["allow-all", "kns"] }];
    const from = (source: object) => allowed([{ action: "Allow", source }], tcp, { endpoints: all, profiles });
    expect(from({ serviceAccounts: { selector: "team == 'a'" } })).toBe(true);
    expect(from({ serviceAccounts: { selector: "team == 'b'" } })).toBe(false);
    expect(from({ namespaceSelector: "env == 'test'" })).toBe(true);
    expect(from({ selector: "app == 'client'" })).toBe(true);
    expect(from({ selector: "app == 'other'" })).toBe(false);
  });
});

describe("what comes of a match", () => {
  it("is the first that decides; Log goes on, and is told", () => {
    const policies = [
      policy("p", {
        selector: "app == 'web'",
        ingress: [{ action: "Log" }, { action: "Deny", protocol: "UDP" }, { action: "Allow" }, { action: "Deny" }],
      }),
    ];
    const found = verdict(tcp, model({ endpoints, policies }));
    expect(found.allowed).toBe(true);
    expect(found.ingress?.steps).toMatchObject([
      { rule: { field: "spec.ingress[2]" }, logged: [{ field: "spec.ingress[0]" }] },
    ]);
  });

  it("is the implicit deny where all that matches is logged", () => {
    expect(allowed([{ action: "Log" }], tcp)).toBe(false);
  });

  it("goes on to the next profile where one passes, and ends where none allows or one is missing", () => {
    const pass = {
      ...ALLOW_ALL,
      name: "pass",
      ingress: ALLOW_ALL.ingress.map((rule) => ({ ...rule, action: "pass" as const })),
    };
    const at = (profiles: readonly string[]) =>
      verdict(tcp, model({ endpoints: [{ ...web, profiles }, client], profiles: [ALLOW_ALL, pass] })).allowed;
    expect(at(["pass", "allow-all"])).toBe(true);
    expect(at(["pass"])).toBe(false);
    expect(at(["gone", "allow-all"])).toBe(true);
    expect(at(["gone"])).toBe(false);
    expect(at([])).toBe(false);
  });

  it("passes on at the end of a tier that does so by default", () => {
    const policies = [policy("p", { tier: "kube-admin", ingress: [{ action: "Deny", protocol: "UDP" }] })];
    expect(verdict(tcp, model({ endpoints, policies })).allowed).toBe(true);
    expect(verdict({ ...tcp, protocol: Protocol.udp }, model({ endpoints, policies })).allowed).toBe(false);
  });

  it("is denied at the end of a tier that does not exist, after all others", () => {
    const homeless = { ...policy("p", { selector: "app == 'web'", types: ["Ingress"] }), tier: "gone" };
    expect(verdict(tcp, model({ endpoints, policies: [homeless] })).allowed).toBe(false);
    const allow = policy("q", { ingress: [{ action: "Allow" }] });
    expect(verdict(tcp, model({ endpoints, policies: [homeless, allow] })).allowed).toBe(true);
  });

  it("is the same with hints of performance", () => {
    const hinted = (performanceHints?: string[]) =>
      policy("p", { selector: "app == 'web'", types: ["Ingress"], performanceHints });
    expect(hinted(["AssumeNeededOnEveryNode"]).neededEverywhere).toBe(true);
    for (const hints of [undefined, ["AssumeNeededOnEveryNode"]]) {
      expect(verdict(tcp, model({ endpoints, policies: [hinted(hints)] })).allowed).toBe(false);
    }
  });

  it("is denied for a workload's own tunnels, unless settings allow them", () => {
    const vxlan = packet("10.0.0.1", "192.0.2.1", 4789, Protocol.udp);
    const ipip = { ...vxlan, protocol: Protocol.ipip };
    expect([vxlan, ipip].map((each) => verdict(each, model({ endpoints })).allowed)).toEqual([false, false]);
    const settings = { ...SETTINGS, allowVxlanFromWorkloads: true };
    expect([vxlan, ipip].map((each) => verdict(each, model({ endpoints, settings })).allowed)).toEqual([true, false]);
  });

  it("is nothing where nobody's policies are asked", () => {
    expect(verdict(packet("192.0.2.1", "192.0.2.2"), model({ endpoints }))).toEqual({ allowed: true });
  });
});
