import { describe, expect, it } from "vitest";
import { asCreated, encodeStored, type Kind, knownKind, profile, resourceTable, tier } from "../../src/index.ts";
import { apply, refusals } from "../support.ts";

const wide = (kind: Kind, ...specs: readonly object[]) => {
  const namespace = kind.namespaced ? "default" : undefined;
  return resourceTable(
    kind,
    specs.map((spec) => apply(kind.kind, "a", spec, namespace)),
    { wide: true },
  );
};

describe("Tier", () => {
  it("has an order and an action unless told", () => {
    expect(apply("Tier", "a", {}).spec).toEqual({ order: 1_000_000, defaultAction: "Deny" });
    const { uid: _, ...metadata } = asCreated(apply("Tier", "a", { order: 1.5 }), { uid: "", now: 0 }).metadata;
    expect(encodeStored({ ...apply("Tier", "a", { order: 1.5 }), metadata })).toMatch(
      /"spec":\{"order":1.5,"defaultAction":"Deny"\},"status":\{\}\}$/,
    );
  });

  it.each(["a.b", "A", "a".repeat(64)])("is not called %s", (name) => {
    expect(refusals(() => apply("Tier", name, {})).map(([field]) => field)).toEqual(["metadata.name"]);
  });

  it.each<readonly [string, object, readonly (readonly [string, unknown, string])[]]>([
    ["default", {}, []],
    ["default", { order: 10 }, [["spec.order", 10, "built-in-tier"]]],
    ["default", { defaultAction: "Pass" }, [["spec.defaultAction", "Pass", "built-in-tier"]]],
    ["kube-admin", { order: 1000, defaultAction: "Pass" }, []],
    [
      "kube-admin",
      {},
      [
        ["spec.order", 1_000_000, "built-in-tier"],
        ["spec.defaultAction", "Deny", "built-in-tier"],
      ],
    ],
    ["kube-baseline", { order: 10_000_000, defaultAction: "Pass" }, []],
    ["other", { order: 10, defaultAction: "Allow" }, [["spec.defaultAction", "Allow", "choice"]]],
  ])("%s of %j is refused for %j", (name, spec, expected) => {
    expect(refusals(() => apply("Tier", name, spec))).toEqual(expected);
  });

  it("is kept while a policy of any kind is in it", () => {
    const inside = (kind: string) =>
      apply(kind, "p", { tier: "a" }, knownKind(kind).namespaced ? "default" : undefined);
    for (const kind of tier.keepers) {
      expect(tier.keptBy("a", new Map([[kind, [inside(kind)]]]))?.why).toContain(`${kind} `);
      expect(tier.keptBy("b", new Map([[kind, [inside(kind)]]]))).toBeUndefined();
    }
    const both = new Map(["NetworkPolicy", "GlobalNetworkPolicy"].map((kind) => [kind, [inside(kind)]] as const));
    expect(tier.keptBy("a", both)?.why).toBe("NetworkPolicy default/p is in it, and 1 more");
    expect(tier.keptBy("default", new Map())?.why).toBe("it is built in");
  });

  it("is listed in the order in which it is asked", () => {
    const tiers = [apply("Tier", "z", { order: 1 }), ...tier.builtIn];
    expect(tiers.toSorted(tier.compare).map(({ metadata }) => metadata.name)).toEqual([
      "z",
      "kube-admin",
      "default",
      "kube-baseline",
    ]);
  });
});

describe("Profile", () => {
  it("that allows everything is built in, and not written", () => {
    const name = "projectcalico-default-allow";
    expect(profile.builtIn.map(({ metadata }) => metadata.name)).toEqual([name]);
    expect(refusals(() => apply("Profile", name, {}))).toEqual([["metadata.name", name, "built-in"]]);
    expect(profile.keptBy(name, new Map())?.why).toBe("it is built in");
  });

  it("has rules like a policy's, and labels in order", () => {
    expect(refusals(() => apply("Profile", "a", { ingress: [{ action: "Deny", source: { ports: [1] } }] }))).toEqual([
      ["spec.ingress[0].source.ports", [1], "ports-protocol"],
    ]);
    expect(refusals(() => apply("Profile", "a", { labelsToApply: { "a!": "b", c: "d!" } }))).toEqual([
      ['spec.labelsToApply["a!"]', "b", "label-key"],
      ['spec.labelsToApply["c"]', "d!", "label-value"],
    ]);
    expect(wide(profile, { labelsToApply: { b: "2", a: "1" } })).toEqual({
      headings: ["NAME", "LABELS"],
      rows: [["a", "a=1,b=2"]],
    });
  });
});

describe.each(["NetworkSet", "GlobalNetworkSet"])("%s", (kind) => {
  const namespace = knownKind(kind).namespaced ? "default" : undefined;

  it("takes networks and addresses, and nothing else", () => {
    expect(refusals(() => apply(kind, "a", { nets: ["10.0.0.0/8", "10.0.0.1", "fd00::/8"] }, namespace))).toEqual([]);
    expect(refusals(() => apply(kind, "a", { nets: ["a.example"] }, namespace))).toEqual([
      ["spec.nets[0]", "a.example", "cidr"],
    ]);
  });

  it("is not labelled with a namespace", () => {
    const set = apply(kind, "a", {}, namespace);
    const labels = { "projectcalico.org/namespace": "x" };
    const problems = knownKind(kind).check({ ...set, metadata: { ...set.metadata, labels } });
    expect(problems.map(({ rule }) => rule)).toEqual(["namespace-label"]);
  });

  it("shows at most 80 characters of its networks", () => {
    const nets = Array.from({ length: 9 }, (_, index) => `10.0.${index}.0/24`);
    const [[, cell = ""] = []] = wide(knownKind(kind), { nets }).rows;
    expect(cell).toHaveLength(80);
    expect(cell).toMatch(/^10\.0\.0\.0\/24,.*\.\.\.$/);
    expect(wide(knownKind(kind), { nets: ["10.0.0.0/8"] }, {}).rows).toEqual([
      ["a", "10.0.0.0/8"],
      ["a", ""],
    ]);
  });
});

describe("HostEndpoint", () => {
  it.each<readonly [string, object, readonly (readonly [string, unknown, string])[]]>([
    ["no node", { interfaceName: "eth0" }, [["spec.node", undefined, "required"]]],
    ["nothing that says which", { node: "n" }, [["spec.interfaceName", undefined, "required"]]],
    ["no address in the list", { node: "n", expectedIPs: [] }, [["spec.interfaceName", undefined, "required"]]],
    [
      "a long name",
      { node: "n", interfaceName: "a".repeat(16) },
      [["spec.interfaceName", "a".repeat(16), "interface-name"]],
    ],
    ["a network", { node: "n", expectedIPs: ["10.0.0.0/8"] }, [["spec.expectedIPs[0]", "10.0.0.0/8", "address"]]],
    [
      "a port of ICMP",
      { node: "n", interfaceName: "*", ports: [{ name: "a", protocol: "ICMP", port: 1 }] },
      [["spec.ports[0].protocol", "ICMP", "ports-protocol"]],
    ],
    [
      "a port without a name",
      { node: "n", interfaceName: "*", ports: [{ protocol: "TCP", port: 1 }] },
      [["spec.ports[0].name", undefined, "required"]],
    ],
  ])("is refused for %s", (_why, spec, expected) => {
    expect(refusals(() => apply("HostEndpoint", "a", spec))).toEqual(expected);
  });

  it("shows where it is", () => {
    const spec = { node: "n", interfaceName: "*", expectedIPs: ["10.0.0.1", "fd00::1"], profiles: ["p", "q"] };
    expect(wide(knownKind("HostEndpoint"), spec)).toEqual({
      headings: ["NAME", "NODE", "INTERFACE", "IPS", "PROFILES"],
      rows: [["a", "n", "*", "10.0.0.1,fd00::1", "p,q"]],
    });
  });
});

describe("StagedKubernetesNetworkPolicy", () => {
  const staged = (spec: object) => apply("StagedKubernetesNetworkPolicy", "a", spec, "default");

  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    [
      "a condition without values",
      { podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } },
      ["spec.podSelector.matchExpressions[0].values", [], "values"],
    ],
    [
      "a condition with values of no use",
      {
        ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } }] }],
      },
      ["spec.ingress[0].from[0].podSelector.matchExpressions[0].values", ["b"], "values"],
    ],
    [
      "a label that is none",
      { podSelector: { matchLabels: { a: "-" } } },
      ['spec.podSelector.matchLabels["a"]', "-", "label-value"],
    ],
    ["a peer that says nothing", { egress: [{ to: [{}] }] }, ["spec.egress[0].to[0]", {}, "peer"]],
    [
      "an exception outside",
      { egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }] }] },
      ["spec.egress[0].to[0].ipBlock.except[0]", "11.0.0.0/16", "except"],
    ],
    [
      "a range of no port",
      { ingress: [{ ports: [{ endPort: 9 }] }] },
      ["spec.ingress[0].ports[0].endPort", 9, "port-range"],
    ],
    [
      "a range of a name",
      { ingress: [{ ports: [{ port: "a", endPort: 9 }] }] },
      ["spec.ingress[0].ports[0].endPort", 9, "port-range"],
    ],
    [
      "what is staged to go",
      { stagedAction: "Delete", policyTypes: ["Egress"] },
      ["spec.policyTypes", ["Egress"], "staged-delete"],
    ],
  ])("is refused for %s", (_why, spec, refusal) => {
    expect(refusals(() => staged(spec))).toEqual([refusal]);
  });

  it("is stored with its selector, as Kubernetes would write it", () => {
    expect(encodeStored(staged({ ingress: [{ from: [{ podSelector: {} }] }] }))).toMatch(
      /"spec":\{"stagedAction":"Set","podSelector":\{\},"ingress":\[\{"from":\[\{"podSelector":\{\}\}\]\}\]\}\}$/,
    );
    expect(encodeStored(staged({ stagedAction: "Delete" }))).toContain('{"stagedAction":"Delete","podSelector":{}}');
  });

  it("shows its selector as kubectl does", () => {
    const matchExpressions = [
      { key: "t", operator: "NotIn", values: ["a", "b"] },
      { key: "x", operator: "Exists" },
      { key: "y", operator: "DoesNotExist" },
    ];
    const rows = wide(
      knownKind("StagedKubernetesNetworkPolicy"),
      {},
      { podSelector: { matchLabels: { b: "1" }, matchExpressions } },
    ).rows;
    expect(rows.map((row) => row[1])).toEqual(["<none>", "!y,b=1,t notin (a,b),x"]);
  });
});
