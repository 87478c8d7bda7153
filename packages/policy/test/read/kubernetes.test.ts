import { describe, expect, it } from "vitest";
import { conditionsOf, describeRule, readClusterPolicy, readKubernetesPolicy } from "../../src/index.ts";

function kubernetes(spec: unknown) {
  return readKubernetesPolicy({ metadata: { name: "p", namespace: "prod" }, spec });
}

const NS = 'projectcalico.org/namespace == "prod"';
const POD = 'projectcalico.org/orchestrator == "k8s"';

describe("a Kubernetes NetworkPolicy", () => {
  it("applies to pods of its namespace, among the default tier's", () => {
    const read = kubernetes({ podSelector: { matchLabels: { app: "web" } } });
    expect(read).toMatchObject({
      id: "KubernetesNetworkPolicy prod/p",
      tier: "default",
      order: 1000,
      directions: ["ingress"],
      ingress: [],
    });
    expect(read.selector.text).toBe(`(${POD} && app == "web" && ${NS})`);
  });

  it.each([
    ["absent, without rules", {}, ["ingress"]],
    ["absent, with rules for ingress", { ingress: [{}] }, ["ingress"]],
    ["absent, with rules for egress", { egress: [{}] }, ["ingress", "egress"]],
    ["empty", { policyTypes: [], egress: [{}] }, ["ingress", "egress"]],
    ["egress alone, which leaves ingress open", { policyTypes: ["Egress"], ingress: [{}] }, ["egress"]],
    ["both", { policyTypes: ["Egress", "Ingress"] }, ["ingress", "egress"]],
  ])("closes by its policyTypes: %s", (_, spec, directions) => {
    expect(kubernetes({ podSelector: {}, ...spec }).directions).toEqual(directions);
  });

  it.each<[string, object, string]>([
    ["an empty rule is everything", {}, "Allow everything"],
    ["empty lists are as none", { from: [], ports: [] }, "Allow everything"],
    ["pods of its own namespace", { from: [{ podSelector: {} }] }, `Allow from (${NS} && ${POD})`],
    [
      "pods of all namespaces",
      { from: [{ namespaceSelector: {} }] },
      `Allow from (has(projectcalico.org/namespace) && ${POD})`,
    ],
    [
      "pods of some namespaces, both selectors holding",
      { from: [{ namespaceSelector: { matchLabels: { env: "a" } }, podSelector: { matchLabels: { app: "b" } } }] },
      `Allow from (pcns.env == "a" && ${POD} && app == "b")`,
    ],
    [
      "all operators on labels",
      {
        from: [
          {
            podSelector: {
              matchExpressions: [
                { key: "a", operator: "In", values: ["2", "1"] },
                { key: "b", operator: "NotIn", values: ["3"] },
                { key: "c", operator: "Exists" },
                { key: "d", operator: "DoesNotExist" },
              ],
            },
          },
        ],
      },
      `Allow from (${NS} && ${POD} && a in {"1", "2"} && b not in {"3"} && has(c) && !has(d))`,
    ],
    [
      "a network with holes",
      { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }] },
      "Allow from 10.0.0.0/8 not 10.1.0.0/16",
    ],
    [
      "TCP unless told",
      { ports: [{ port: 80 }, { port: 8000, endPort: 8010 }, { port: "web" }] },
      "Allow TCP to ports 80, 8000-8010, web",
    ],
    [
      "a protocol with all its ports, whatever else is said of it",
      { ports: [{ protocol: "UDP", port: 53 }, { protocol: "UDP" }] },
      "Allow UDP",
    ],
  ])("allows by rules: %s", (_, rule, text) => {
    const read = kubernetes({ podSelector: {}, ingress: [rule] });
    expect(read.ingress.map(describeRule)).toEqual([text]);
  });

  it("makes a rule for each peer and protocol, and knows which peer it was", () => {
    const peers = [{ podSelector: {} }, { ipBlock: { cidr: "10.0.0.0/8" } }];
    const read = kubernetes({
      podSelector: {},
      policyTypes: ["Egress"],
      egress: [{ to: peers, ports: [{ port: 53 }, { protocol: "UDP", port: 53 }] }],
    });
    expect(read.egress.map(({ field }) => field)).toEqual([
      "spec.egress[0].to[0]",
      "spec.egress[0].to[0]",
      "spec.egress[0].to[1]",
      "spec.egress[0].to[1]",
    ]);
    expect(read.egress.map(describeRule).at(-1)).toBe("Allow UDP to 10.0.0.0/8 port 53");
  });

  it.each<[string, unknown]>([
    ["a port beyond the last", { ports: [{ port: 70_000 }] }],
    ["a protocol that is none", { ports: [{ protocol: "ICMP" }] }],
    ["a range that ends before it begins", { ports: [{ port: 80, endPort: 79 }] }],
    ["a range that begins with a name", { ports: [{ port: "web", endPort: 90 }] }],
    ["a peer that is nothing", { from: [{}] }],
    ["a peer that is two things", { from: [{ podSelector: {}, ipBlock: { cidr: "10.0.0.0/8" } }] }],
    ["a network that is none", { from: [{ ipBlock: { cidr: "10.0.0.0/33" } }] }],
    ["a hole of the other version", { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["fd00::/8"] } }] }],
    ["In without values", { from: [{ podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } }] }],
    ["an operator that is none", { from: [{ podSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } }] }],
    ["a field that nobody knows", { from: [{ serviceSelector: {} }] }],
    ["no rule", 7],
  ])("allows nothing by a rule that cannot be read, and says so: %s", (_, rule) => {
    const read = kubernetes({ podSelector: {}, ingress: [rule, { ports: [{ port: 80 }] }] });
    expect(read.ingress.map(({ broken }) => broken === undefined)).toEqual([false, true]);
    expect(conditionsOf(read)).toMatchObject([{ effect: "it allows nothing" }]);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["no spec", { metadata: { name: "p", namespace: "prod" } }],
    ["a selector of no shape", { metadata: { name: "p", namespace: "prod" }, spec: { podSelector: "app" } }],
    ["rules that are no list", { metadata: { name: "p", namespace: "prod" }, spec: { podSelector: {}, ingress: {} } }],
    [
      "a type that is none",
      { metadata: { name: "p", namespace: "prod" }, spec: { podSelector: {}, policyTypes: ["In"] } },
    ],
  ])("closes its whole namespace where it cannot be read: %s", (_, document) => {
    const read = readKubernetesPolicy(document);
    expect(read).toMatchObject({
      directions: ["ingress", "egress"],
      ingress: [{ action: "deny" }],
      egress: [{ action: "deny" }],
    });
    expect(read.selector.text).toContain("projectcalico.org/namespace ==");
    expect(conditionsOf(read)).toHaveLength(1);
  });
});

describe("a ClusterNetworkPolicy", () => {
  const cluster = (spec: object) =>
    readClusterPolicy({
      metadata: { name: "p" },
      spec: { tier: "Admin", priority: 5, subject: { namespaces: { matchLabels: { env: "a" } } }, ...spec },
    });

  it("stands in the tier of its kind, by its priority", () => {
    const read = cluster({ ingress: [{ action: "Deny", from: [{ namespaces: {} }] }] });
    expect(read).toMatchObject({
      id: "KubernetesClusterNetworkPolicy p",
      tier: "kube-admin",
      order: 5,
      directions: ["ingress"],
    });
    expect(read.selector.text).toBe(`(pcns.env == "a" && ${POD})`);
    expect(cluster({ tier: "Baseline" }).tier).toBe("kube-baseline");
  });

  it("reads peers, protocols and ports; a name is a port of any protocol", () => {
    const read = cluster({
      subject: { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: "web" } } } },
      egress: [
        {
          action: "Accept",
          to: [{ networks: ["10.0.0.0/8", "fd00::/8"] }],
          protocols: [
            { tcp: { destinationPort: { number: 443 } } },
            { udp: { destinationPort: { range: { start: 1, end: 9 } } } },
            { sctp: {} },
          ],
        },
        {
          action: "Pass",
          to: [{ pods: { namespaceSelector: {}, podSelector: {} } }],
          protocols: [{ destinationNamedPort: "dns" }],
        },
      ],
    });
    expect(read.egress.map(describeRule)).toEqual([
      "Allow TCP to 10.0.0.0/8, fd00::/8 port 443",
      "Allow UDP to 10.0.0.0/8, fd00::/8 port 1-9",
      "Allow SCTP to 10.0.0.0/8, fd00::/8",
      ...["TCP", "UDP", "SCTP"].map((name) => `Pass ${name} to (has(projectcalico.org/namespace) && ${POD}) port dns`),
    ]);
  });

  it("chooses nodes by their labels, and nothing that is none", () => {
    const { egress } = cluster({
      egress: [
        { action: "Deny", to: [{ nodes: {} }], protocols: [{ tcp: { destinationPort: { number: 22 } } }] },
        {
          action: "Accept",
          to: [{ nodes: { matchExpressions: [{ key: "role", operator: "NotIn", values: ["db"] }] } }],
        },
      ],
    });
    expect(egress.map(describeRule)).toEqual(["Deny TCP to nodes all() port 22", 'Allow to nodes role not in {"db"}']);
  });

  it.each<[string, object]>([
    ["domain names", { to: [{ domainNames: ["example.org"] }] }],
    ["nodes by what is no selector", { to: [{ nodes: { matchLabels: "all" } }] }],
    [
      "nodes by an operator without its values",
      { to: [{ nodes: { matchExpressions: [{ key: "a", operator: "In" }] } }] },
    ],
    ["nodes and networks in one peer", { to: [{ nodes: {}, networks: ["10.0.0.0/8"] }] }],
    ["no peer", { to: [] }],
    ["a peer of two kinds", { to: [{ namespaces: {}, networks: ["10.0.0.0/8"] }] }],
    ["a peer that nobody knows", { to: [{ planets: {} }] }],
    [
      "a port beyond the last",
      { to: [{ namespaces: {} }], protocols: [{ tcp: { destinationPort: { number: 70_000 } } }] },
    ],
    ["two protocols in one", { to: [{ namespaces: {} }], protocols: [{ tcp: {}, udp: {} }] }],
  ])("allows nothing, or denies everything, by a rule that asks for what is not matched: %s", (_, parts) => {
    expect(cluster({ egress: [{ action: "Accept", ...parts }] }).egress).toMatchObject([{ action: "allow" }]);
    expect(cluster({ egress: [{ action: "Accept", ...parts }] }).egress[0]?.broken).toBeTypeOf("string");
    for (const action of ["Deny", "Pass", "Allow"]) {
      const [rule] = cluster({ egress: [{ action, ...parts }] }).egress;
      expect(rule).toMatchObject({ action: "deny", broken: undefined });
      expect(rule?.closed).toBeTypeOf("string");
    }
  });

  it.each<[string, object]>([
    ["its tier", { tier: "Middle" }],
    ["no tier", { tier: undefined }],
    ["its priority", { priority: "high" }],
    ["its subject", { subject: { namespaces: {}, pods: {} } }],
  ])("denies everything to what it is for where it cannot be read: %s", (_, spec) => {
    const read = cluster(spec);
    expect(read).toMatchObject({
      order: Number.NEGATIVE_INFINITY,
      directions: ["ingress", "egress"],
      ingress: [{ action: "deny" }],
    });
    expect(read.unreadable).toBeTypeOf("string");
  });
});
