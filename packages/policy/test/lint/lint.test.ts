import { describe, expect, it } from "vitest";
import { type LintCode, lint, type Policy, type PolicyModel, Protocol, readKubernetesPolicy } from "../../src/index.ts";
import { host, model, policy, workload } from "../support/build.ts";

const web = workload({
  name: "web",
  addresses: ["10.0.0.1"],
  labels: { app: "web" },
  ports: [{ name: "http", protocol: Protocol.tcp, port: 80 }],
});
const db = workload({ name: "db", addresses: ["10.0.0.2"], labels: { app: "db" } });

function found(policies: readonly Policy[], parts: Partial<PolicyModel> = {}) {
  return lint(model({ endpoints: [web, db], policies, ...parts }));
}

const codes = (...of: Parameters<typeof found>): readonly LintCode[] => found(...of).map(({ code }) => code);

const WEB = { selector: "app == 'web'" };
const ingress = (...rules: object[]) => policy("p", { ...WEB, types: ["Ingress"], ingress: rules });
const egress = (...rules: object[]) => policy("p", { ...WEB, types: ["Egress"], egress: rules });
const allow = { action: "Allow", source: { nets: ["10.0.0.0/8"] } };

describe("lint", () => {
  it("has nothing to say where all is well", () => {
    expect(found([])).toEqual([]);
    expect(
      found([
        ingress(
          { action: "Deny", source: { selector: "app == 'db'" } },
          { action: "Allow", protocol: "TCP", source: { nets: ["10.0.0.0/8"] }, destination: { ports: ["http", 443] } },
        ),
      ]),
    ).toEqual([]);
    expect(found([policy("closed", { ...WEB, types: ["Ingress", "Egress"] })])).toEqual([]);
  });

  it("puts what is not enforced as written before all else", () => {
    const homeless = { ...ingress(allow), tier: "gone" };
    const broken = readKubernetesPolicy({
      metadata: { name: "k", namespace: "default" },
      spec: { podSelector: {}, ingress: [{ ports: [{ port: 70_000 }] }] },
    });
    const all = found([ingress(allow, allow), homeless, broken]);
    expect(all.map(({ code, severity }) => [code, severity])).toEqual([
      ["unreadable", "error"],
      ["unreadable", "error"],
      ["repeats", "hint"],
    ]);
    expect(all[0]).toMatchObject({
      resource: { kind: "KubernetesNetworkPolicy", name: "default/k" },
      field: "spec.ingress[0]",
    });
    expect(all[1]?.what).toBe("there is no tier gone");
  });

  it.each<[string, object]>([
    ["its networks are all left out", { source: { nets: ["10.0.0.0/24"], notNets: ["10.0.0.0/8"] } }],
    ["its ports are all left out", { protocol: "TCP", destination: { ports: [80], notPorts: ["1:100"] } }],
    ["its protocol is left out", { protocol: "TCP", notProtocol: "TCP" }],
    ["everything is left out", { source: { notNets: ["0.0.0.0/0"] } }],
  ])("tells of a rule that never matches: %s", (_, rule) => {
    expect(codes([ingress({ ...allow, ...rule })])).toContain("never-matches");
  });

  it("tells of a rule that another stands before", () => {
    const narrow = { action: "Deny", protocol: "TCP", source: { nets: ["10.1.0.0/16"] }, destination: { ports: [80] } };
    const wide = { action: "Allow", protocol: "TCP", source: { nets: ["10.0.0.0/8"] } };
    expect(codes([ingress(wide, narrow)])).toEqual(["shadowed"]);
    expect(codes([ingress(narrow, wide)])).toEqual([]);
    expect(codes([ingress({ ...wide, action: "Log" }, narrow)])).toEqual([]);
    expect(codes([ingress({ ...wide, destination: { ports: [81] } }, narrow)])).toEqual([]);
    expect(
      codes([
        ingress(
          { ...narrow, source: { selector: "all()" } },
          { ...allow, ...narrow, source: { selector: "app == 'db'" } },
        ),
      ]),
    ).toEqual(["repeats"]);
  });

  it("tells of a rule that another policy stands before, for the same endpoints or more, where it decides otherwise", () => {
    const first = policy("first", { order: 1, ingress: [allow] });
    const deny = policy("second", { ...WEB, order: 2, ingress: [{ ...allow, action: "Deny" }] });
    const [one] = found([first, deny]);
    expect(one).toMatchObject({ code: "shadowed", resource: { name: "second" } });
    expect(one?.what).toContain("spec.ingress[0] of GlobalNetworkPolicy first");
    expect(
      codes([policy("first", { order: 1, ...WEB, ingress: [allow] }), { ...deny, selector: first.selector }]),
    ).toEqual([]);
    expect(codes([first, policy("second", { order: 2, ingress: [allow] })])).toEqual([]);
    expect(codes([policy("first", { order: 3, ingress: [allow] }), deny])).toEqual([]);
  });

  it("tells what rules and policies name that is not there", () => {
    expect(codes([ingress({ ...allow, source: { selector: "app == 'dbb'" } })])).toEqual(["selects-nothing"]);
    expect(codes([policy("p", { selector: "app == 'webb'", ingress: [allow] })])).toEqual(["applies-to-nothing"]);
    expect(codes([ingress({ ...allow, protocol: "TCP", destination: { ports: ["htp"] } })])).toEqual(["no-such-port"]);
    expect(codes([ingress({ ...allow, protocol: "UDP", destination: { ports: ["http"] } })])).toEqual(["no-such-port"]);
    const service = { ...allow, source: { services: { name: "s", namespace: "default" } } };
    expect(codes([ingress(service)])).toEqual(["no-such-service"]);
    expect(codes([ingress(service)], { services: [{ namespace: "default", name: "s", endpoints: [] }] })).toEqual([]);
  });

  it("tells of an allowance for the whole world but something", () => {
    expect(codes([ingress({ ...allow, source: { notSelector: "app == 'db'" } })])).toEqual(["wide-open"]);
    expect(codes([ingress({ ...allow, source: { selector: "all()", notSelector: "app == 'db'" } })])).toEqual([]);
    expect(codes([ingress({ action: "Deny", source: { notNets: ["10.0.0.0/8"] } })])).toEqual([]);
    const anyone = { action: "Allow" };
    expect(codes([ingress(anyone)])).toEqual(["wide-open"]);
    expect(codes([ingress({ ...anyone, protocol: "TCP", destination: { ports: [443] } })])).toEqual([]);
    expect(codes([egress(anyone)])).toEqual([]);
  });

  it("tells of policies that only log, and so deny", () => {
    expect(codes([ingress({ action: "Log" })])).toEqual(["log-only"]);
    expect(codes([ingress({ action: "Log" }, { action: "Pass" })])).toEqual([]);
  });

  it("tells of a tier after which others are never asked", () => {
    const tiers = [
      { name: "first", order: 1, defaultAction: "deny" as const },
      { name: "default", order: 2, defaultAction: "deny" as const },
    ];
    const early = (...rules: object[]) => policy("early", { tier: "first", types: ["Ingress"], ingress: rules });
    expect(codes([early({ action: "Deny", protocol: "UDP" }), ingress(allow)], { tiers })).toEqual(["tier-closes"]);
    expect(codes([early({ action: "Deny", protocol: "UDP" }, { action: "Pass" }), ingress(allow)], { tiers })).toEqual(
      [],
    );
    expect(codes([early({ action: "Deny", protocol: "UDP" })], { tiers })).toEqual([]);
  });

  it("tells of policies whose order their names decide", () => {
    const first = policy("a", { order: 5, ingress: [allow] });
    const second = policy("b", { order: 5, ingress: [{ action: "Deny", protocol: "UDP" }] });
    expect(codes([first, second])).toContain("order-tie");
    expect(codes([first, { ...second, order: 6 }])).not.toContain("order-tie");
    expect(codes([first, policy("b", { order: 5, ingress: [{ action: "Allow", protocol: "UDP" }] })])).toEqual([]);
  });

  it("tells where nodes are meant too, and where hooks are for nobody", () => {
    const endpoints = [web, host({ id: "node1-eth0" })];
    expect(codes([policy("p", { ingress: [allow] })], { endpoints })).toEqual(["hosts-too"]);
    expect(codes([ingress(allow)], { endpoints })).toEqual([]);
    const early = policy("p", { ...WEB, preDNAT: true, applyOnForward: true, ingress: [allow] });
    expect(codes([early])).toEqual(["no-effect"]);
  });

  it("tells where what may be sent cannot be found by name", () => {
    const https = { ...allow, protocol: "TCP", destination: { ports: [443] } };
    const dns = { ...allow, protocol: "UDP", destination: { ports: [53] } };
    expect(codes([egress(https)])).toEqual(["no-dns"]);
    expect(codes([egress(https, dns)])).toEqual([]);
    expect(codes([egress(https), policy("dns", { types: ["Egress"], egress: [dns] })])).toEqual([]);
    expect(codes([policy("p", { ...WEB, types: ["Egress"] })])).toEqual([]);
    expect(
      codes([egress(https), policy("dns", { selector: "app == 'db'", types: ["Egress"], egress: [dns] })]),
    ).toEqual(["no-dns"]);
  });

  it("says what, why and how to mend it in each", () => {
    for (const finding of found([
      ingress({ action: "Log" }),
      egress({ ...allow, protocol: "TCP", destination: { ports: [443] } }),
    ])) {
      for (const text of [finding.what, finding.why, finding.fix]) expect(text).toMatch(/^\S.*[^.\s]$/);
    }
  });
});
