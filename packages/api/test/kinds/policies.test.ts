import { parseJson } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import {
  type AnyResource,
  asCreated,
  asUpdated,
  checkResource,
  decodeStored,
  encodeStored,
  globalNetworkPolicy,
  knownKind,
  networkPolicy,
  printableResource,
  RESOURCES_PREFIX,
  resourceKey,
  resourceTable,
  tier,
} from "../../src/index.ts";
import { apply, refusals } from "../support.ts";

const TIERED = ["NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"];

const make = (kind: string, name: string, spec: object) =>
  apply(kind, name, spec, knownKind(kind).namespaced ? "default" : undefined);

const birth = { uid: "u", now: 0 };

describe.each(TIERED)("%s", (kind) => {
  it("is in the tier default, and labelled so, unless told", () => {
    const created = asCreated(make(kind, "p", {}), birth);
    expect(created.spec).toMatchObject({ tier: "default", types: ["Ingress"] });
    expect(created.metadata.labels).toEqual({ "projectcalico.org/tier": "default" });
    const other = { ...make(kind, "p", { tier: "a" }), metadata: { ...created.metadata, name: "p" } };
    expect(asUpdated(other, created).metadata.labels).toEqual({ "projectcalico.org/tier": "a" });
  });

  it.each([
    [{}, ["Ingress"]],
    [{ types: [] }, ["Ingress"]],
    [{ ingress: [{ action: "Allow" }] }, ["Ingress"]],
    [{ egress: [{ action: "Allow" }] }, ["Egress"]],
    [{ ingress: [], egress: [{ action: "Allow" }] }, ["Egress"]],
    [{ ingress: [{ action: "Allow" }], egress: [{ action: "Deny" }] }, ["Ingress", "Egress"]],
    [{ types: ["Egress"], ingress: [{ action: "Allow" }] }, ["Egress"]],
  ])("of %j has types %j", (spec, types) => {
    expect(make(kind, "p", spec).spec).toMatchObject({ types });
  });

  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    ["a type twice", { types: ["Ingress", "Ingress"] }, ["spec.types[1]", "Ingress", "duplicate"]],
    ["a type that is none", { types: ["ingress"] }, ["spec.types[0]", "ingress", "choice"]],
    ["a tier that cannot be", { tier: "a.b" }, ["spec.tier", "a.b", "name"]],
    ["an order that is no number", { order: "first" }, ["spec.order", "first", "type"]],
    ["a hint that is none", { performanceHints: ["Faster"] }, ["spec.performanceHints[0]", "Faster", "choice"]],
    ["global() as its selector", { selector: "global()" }, ["spec.selector", "global()", "global-selector"]],
    [
      "global() for its accounts",
      { serviceAccountSelector: "has(a) && global()" },
      ["spec.serviceAccountSelector", "has(a) && global()", "global-selector"],
    ],
  ])("is refused for %s", (_why, spec, refusal) => {
    expect(refusals(() => make(kind, "p", spec))).toEqual([refusal]);
  });

  it.each(["a", "tier.a", "a-1.b-2"])("may be called %s", (name) => {
    expect(refusals(() => make(kind, name, {}))).toEqual([]);
  });

  it.each([
    ["a.b.c", "policy-name"],
    ["A", "name"],
    [`${"a".repeat(250)}.bcd`, "name-length"],
  ])("is not called %s", (name, rule) => {
    expect(refusals(() => make(kind, name, {}))).toEqual([["metadata.name", name, rule]]);
  });

  it("needs a tier that there is, or was in before", () => {
    const related = new Map([["Tier", tier.builtIn]]);
    const lost = make(kind, "p", { tier: "gone" });
    expect(refusals(() => checkResource(lost, { related }))).toEqual([["spec.tier", "gone", "tier"]]);
    expect(refusals(() => checkResource(lost, { related, previous: lost }))).toEqual([]);
    expect(refusals(() => checkResource(make(kind, "p", { tier: "kube-admin" }), { related }))).toEqual([]);
  });

  it("shows its order as Go prints it", () => {
    const orders = [undefined, 100, 0.5, 999_999, 1_000_000, 12_345_678.5, -2, 0.00001];
    const resources = orders.map((order) => make(kind, "p", { order }));
    const { headings, rows } = resourceTable(knownKind(kind), resources, { wide: true });
    expect(headings).toEqual(["NAME", "TIER", "ORDER", "SELECTOR"]);
    expect(rows.map((row) => row[2])).toEqual([
      "<nil>",
      "100",
      "0.5",
      "999999",
      "1e+06",
      "1.23456785e+07",
      "-2",
      "1e-05",
    ]);
  });

  it("keeps what it does not know, at every depth", () => {
    const key = resourceKey(kind, "p", knownKind(kind).namespaced ? "default" : undefined);
    const value = encodeStored(asCreated(make(kind, "p", { ingress: [{ action: "Log" }] }), birth))
      .replace('"source":{}', '"source":{"domains":["a.example"]}')
      .replace('"action":"Log"', '"action":"Log","rate":{"limit":18446744073709551615}')
      .replace('"spec":{', '"spec":{"newer":null,');
    const again = encodeStored(decodeStored(knownKind(kind), { key, value, modRevision: 1n }));
    expect(parseJson(again)).toEqual(parseJson(value));
  });
});

describe("what is for policies of all namespaces", () => {
  const cases: readonly (readonly [string, object, readonly [string, unknown, string]])[] = [
    [
      "both places in a packet's way",
      { doNotTrack: true, preDNAT: true, applyOnForward: true },
      ["spec.preDNAT", true, "hooks"],
    ],
    ["doNotTrack alone", { doNotTrack: true }, ["spec.applyOnForward", undefined, "apply-on-forward"]],
    ["preDNAT alone", { preDNAT: true, applyOnForward: false }, ["spec.applyOnForward", undefined, "apply-on-forward"]],
    [
      "preDNAT of egress",
      { preDNAT: true, applyOnForward: true, types: ["Egress"] },
      ["spec.types", ["Egress"], "pre-dnat"],
    ],
    [
      "a service of no namespace",
      { ingress: [{ action: "Allow", source: { services: { name: "s" } } }] },
      ["spec.ingress[0].source.services.namespace", undefined, "required"],
    ],
    [
      "global() for its namespaces",
      { namespaceSelector: "global()" },
      ["spec.namespaceSelector", "global()", "global-selector"],
    ],
  ];
  it.each(cases)("%s is refused", (_why, spec, refusal) => {
    for (const kind of ["GlobalNetworkPolicy", "StagedGlobalNetworkPolicy"]) {
      expect(refusals(() => make(kind, "p", spec))).toEqual([refusal]);
    }
  });

  it("preDNAT with egress rules is refused", () => {
    const spec = { preDNAT: true, applyOnForward: true, egress: [{ action: "Allow" }] };
    expect(refusals(() => make("GlobalNetworkPolicy", "p", spec)).map(([field]) => field)).toEqual(["spec.egress"]);
  });

  it("is accepted where it fits together", () => {
    const spec = {
      doNotTrack: true,
      applyOnForward: true,
      ingress: [{ action: "Allow" }],
      namespaceSelector: "has(a)",
    };
    expect(refusals(() => make("GlobalNetworkPolicy", "p", spec))).toEqual([]);
  });
});

describe("what is made of other systems' policies", () => {
  it("is theirs to change, by Kubernetes; OpenStack's may be written", () => {
    const name = "knp.default.web.v1";
    expect(refusals(() => make("NetworkPolicy", name, {}))).toEqual([["metadata.name", name, "kubernetes-policy"]]);
    expect(networkPolicy.keptBy(name, new Map())?.why).toContain("Kubernetes");
    expect(refusals(() => make("NetworkPolicy", "ossg.default.a.b", {}))).toEqual([]);
    expect(refusals(() => make("StagedNetworkPolicy", name, {}))).toEqual([]);
    expect(refusals(() => make("GlobalNetworkPolicy", name, {}))).toEqual([["metadata.name", name, "policy-name"]]);
  });

  it("is read", () => {
    const key = `${RESOURCES_PREFIX}networkpolicies/default/knp.default.web.v1`;
    const value = `{"kind":"NetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{"name":"knp.default.web.v1","namespace":"default"},"spec":{"order":1000}}`;
    expect(decodeStored(networkPolicy, { key, value, modRevision: 1n }).metadata.name).toBe("knp.default.web.v1");
  });
});

describe("a staged policy", () => {
  it.each(["StagedNetworkPolicy", "StagedGlobalNetworkPolicy"])("%s that deletes has nothing but its tier", (kind) => {
    const created = asCreated(make(kind, "p", { stagedAction: "Delete", types: ["Egress"] }), birth);
    expect(encodeStored(created)).toMatch(/"spec":\{"stagedAction":"Delete","tier":"default"\}/);
    expect(refusals(() => make(kind, "p", { stagedAction: "Delete", order: 1, selector: "all()" }))).toEqual([
      ["spec.order", 1, "staged-delete"],
      ["spec.selector", "all()", "staged-delete"],
    ]);
    expect(refusals(() => make(kind, "p", { stagedAction: "delete" }))).toEqual([
      ["spec.stagedAction", "delete", "choice"],
    ]);
    expect(make(kind, "p", {}).spec).toMatchObject({ stagedAction: "Set" });
  });
});

describe("names, as they are stored", () => {
  const prefix = `${RESOURCES_PREFIX}globalnetworkpolicies/`;
  const value = (metadata: object, spec: object = {}) =>
    JSON.stringify({ kind: "GlobalNetworkPolicy", apiVersion: "projectcalico.org/v3", metadata, spec });
  const read = (name: string, metadata: object, spec?: object) =>
    decodeStored(globalNetworkPolicy, { key: prefix + name, value: value(metadata, spec), modRevision: 1n });
  const annotated = (name: string) => ({ "projectcalico.org/metadata": JSON.stringify({ name }) });

  it.each<readonly [string, string, object, object | undefined, string]>([
    ["today's form", "a", { name: "a", annotations: annotated("a") }, undefined, "a"],
    [
      "a policy that is called so",
      "default.a",
      { name: "default.a", annotations: annotated("default.a") },
      undefined,
      "default.a",
    ],
    ["the old form", "default.a", { name: "default.a" }, undefined, "a"],
    ["the old form that names its tier", "default.a", { name: "default.a" }, { tier: "default" }, "a"],
    ["the old form of another tier", "security.a", { name: "security.a" }, { tier: "security" }, "security.a"],
    ["a prefix in another tier", "default.a", { name: "default.a" }, { tier: "security" }, "default.a"],
    [
      "an annotation that says nothing",
      "a",
      { name: "a", annotations: { "projectcalico.org/metadata": "?" } },
      undefined,
      "a",
    ],
  ])("%s is read right", (_what, name, metadata, spec, expected) => {
    const policy = read(name, metadata, spec);
    expect(policy.metadata.name).toBe(expected);
    expect(printableResource(policy).metadata).toEqual({ name: expected, resourceVersion: "1" });
  });

  it("other annotations stay, the name's is not shown", () => {
    const policy = read("a", { name: "a", annotations: { ...annotated("a"), note: "n" } });
    expect(policy.metadata.annotations).toEqual({ note: "n" });
    expect(encodeStored(policy)).toContain(
      '"annotations":{"note":"n","projectcalico.org/metadata":"{\\"name\\":\\"a\\"}"}',
    );
  });

  it("stay as they are under an old key, so that who wrote it can still read it", () => {
    const policy = read("default.a", { name: "default.a", labels: { b: "c" } });
    const again = encodeStored(policy, `${prefix}default.a`);
    expect(parseJson(again)).toMatchObject({ metadata: { name: "default.a", labels: { b: "c" } } });
    expect(again).not.toContain("annotations");
  });

  it("lead to the other key under which a policy may stand", () => {
    const elsewhere = (name: string) => globalNetworkPolicy.storage.elsewhere?.(name, undefined);
    const old = read("default.a", { name: "default.a" });
    const named = read("default.a", { name: "default.a", annotations: annotated("default.a") });
    expect(elsewhere("a")?.key).toBe(`${prefix}default.a`);
    expect(elsewhere("a")?.isMeant(old)).toBe(true);
    expect(elsewhere("a")?.isMeant(named)).toBe(false);
    expect(elsewhere("default.a")?.key).toBe(`${prefix}a`);
    expect(elsewhere("default.a")?.isMeant(read("a", { name: "a" }, { tier: "security" }))).toBe(false);
  });
});

describe("kinds of policy", () => {
  it("are all acted on", () => {
    const policy: AnyResource = make("NetworkPolicy", "p", {});
    expect(networkPolicy.withoutEffect(policy)).toEqual([]);
  });
});
