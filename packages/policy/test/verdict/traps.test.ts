import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { type Policy, type PolicyModel, Protocol, readKubernetesPolicy, verdict } from "../../src/index.ts";
import { host, model, packet, policy, SETTINGS, workload } from "../support/build.ts";

/** What firewalls of policies have got wrong. */

const labelled = (name: string, address: string, labels: Record<string, string> = {}) =>
  workload({ name, addresses: [address], labels: { app: name, ...labels } });

const web = labelled("web", "10.0.0.1");
const a = labelled("a", "10.0.0.2", { role: "x" });
const b = labelled("b", "10.0.0.3");
const far = workload({ name: "far", namespace: "far", addresses: ["10.0.1.1"], labels: { app: "far" }, node: "node2" });
const endpoints = [web, a, b, far];

const allowed = (parts: Partial<PolicyModel>, ...of: Parameters<typeof packet>) =>
  verdict(packet(...of), model({ endpoints, ...parts })).allowed;

function kubernetes(spec: object, namespace = "default"): Policy {
  return readKubernetesPolicy({ metadata: { name: "p", namespace }, spec });
}

describe("the traps", () => {
  it("ipBlock.except is no early return: a later peer allows what an earlier one leaves out", () => {
    const read = kubernetes({
      podSelector: { matchLabels: { app: "web" } },
      ingress: [
        { from: [{ ipBlock: { cidr: "10.0.0.0/16", except: ["10.0.0.2/32"] } }, { ipBlock: { cidr: "10.0.0.2/31" } }] },
      ],
    });
    expect(allowed({ policies: [read] }, "10.0.0.2", "10.0.0.1")).toBe(true);
    const alone = kubernetes({
      podSelector: { matchLabels: { app: "web" } },
      ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/16", except: ["10.0.0.2/32"] } }] }],
    });
    expect(allowed({ policies: [alone] }, "10.0.0.2", "10.0.0.1")).toBe(false);
    expect(allowed({ policies: [alone] }, "10.0.0.3", "10.0.0.1")).toBe(true);
  });

  it("an empty selector chooses all of what it is about, a missing one nothing in particular", () => {
    const from = (peer: object) => kubernetes({ podSelector: {}, ingress: [{ from: [peer] }] });
    const own = from({ podSelector: {} });
    expect(allowed({ policies: [own] }, "10.0.0.2", "10.0.0.1")).toBe(true);
    expect(allowed({ policies: [own] }, "10.0.1.1", "10.0.0.1")).toBe(false);
    const all = from({ namespaceSelector: {} });
    expect(allowed({ policies: [all] }, "10.0.1.1", "10.0.0.1")).toBe(true);
    expect(allowed({ policies: [all] }, "192.0.2.1", "10.0.0.1")).toBe(false);
    const anyone = kubernetes({ podSelector: {}, ingress: [{}] });
    expect(allowed({ policies: [anyone] }, "192.0.2.1", "10.0.0.1")).toBe(true);
    const nobody = kubernetes({ podSelector: {}, ingress: [] });
    expect(allowed({ policies: [nobody] }, "10.0.0.2", "10.0.0.1")).toBe(false);
    // Calico's: what is known to be an endpoint, and anything at all.
    const known = policy("p", { ingress: [{ action: "Allow", source: { selector: "all()" } }] });
    expect(allowed({ policies: [known] }, "192.0.2.1", "10.0.0.1")).toBe(false);
    const unknown = policy("p", { ingress: [{ action: "Allow", source: { selector: "" } }] });
    expect(allowed({ policies: [unknown] }, "192.0.2.1", "10.0.0.1")).toBe(true);
  });

  it("absent policyTypes close egress where there are rules for it, and only there", () => {
    const ingressOnly = kubernetes({ podSelector: { matchLabels: { app: "a" } } });
    expect(allowed({ policies: [ingressOnly] }, "10.0.0.2", "10.0.0.3")).toBe(true);
    const both = kubernetes({ podSelector: { matchLabels: { app: "a" } }, egress: [{ ports: [{ port: 443 }] }] });
    expect(allowed({ policies: [both] }, "10.0.0.2", "10.0.0.3", 443)).toBe(true);
    expect(allowed({ policies: [both] }, "10.0.0.2", "10.0.0.3", 80)).toBe(false);
    expect(allowed({ policies: [both] }, "10.0.0.3", "10.0.0.2", 80)).toBe(false);
  });

  it("Pass goes over a tier without policies, and from the last one to the profiles", () => {
    const tiers = [
      { name: "first", order: 1, defaultAction: "deny" as const },
      { name: "empty", order: 2, defaultAction: "deny" as const },
      { name: "default", order: 3, defaultAction: "deny" as const },
    ];
    const pass = policy("pass", { tier: "first", ingress: [{ action: "Pass" }] });
    expect(allowed({ tiers, policies: [pass] }, "10.0.0.2", "10.0.0.1")).toBe(true);
    expect(allowed({ tiers, policies: [pass], profiles: [] }, "10.0.0.2", "10.0.0.1")).toBe(false);
    const last = policy("last", { ingress: [{ action: "Pass" }] });
    expect(allowed({ tiers, policies: [pass, last] }, "10.0.0.2", "10.0.0.1")).toBe(true);
    const closed = policy("closed", { ingress: [] });
    expect(allowed({ tiers, policies: [pass, closed] }, "10.0.0.2", "10.0.0.1")).toBe(false);
  });

  it("policies of one order come by name, then namespace, then kind", () => {
    const allow = (name: string, order?: number) => policy(name, { order, ingress: [{ action: "Allow" }] });
    const deny = (name: string, order?: number) => policy(name, { order, ingress: [{ action: "Deny" }] });
    for (const order of [undefined, 5]) {
      expect(allowed({ policies: [deny("b", order), allow("a", order)] }, "10.0.0.2", "10.0.0.1")).toBe(true);
      expect(allowed({ policies: [allow("b", order), deny("a", order)] }, "10.0.0.2", "10.0.0.1")).toBe(false);
    }
    // As text, `b-/…` before `b/…`: a dash comes before a slash.
    expect(allowed({ policies: [deny("b"), allow("b-a")] }, "10.0.0.2", "10.0.0.1")).toBe(true);
    // None given is after any that is.
    expect(allowed({ policies: [deny("a"), allow("b", 1e9)] }, "10.0.0.2", "10.0.0.1")).toBe(true);
    const namespaced = policy("a", { ingress: [{ action: "Allow" }] }, { namespace: "default" });
    expect(allowed({ policies: [deny("a"), namespaced] }, "10.0.0.2", "10.0.0.1")).toBe(false);
  });

  it("a named port is each pod's own", () => {
    const port = (name: string, address: string, number: number) =>
      workload({ name, addresses: [address], ports: [{ name: "http", protocol: Protocol.tcp, port: number }] });
    const parts = {
      endpoints: [...endpoints, port("one", "10.0.2.1", 80), port("two", "10.0.2.2", 81)],
      policies: [policy("p", { ingress: [{ action: "Allow", protocol: "TCP", destination: { ports: ["http"] } }] })],
    };
    expect(allowed(parts, "10.0.0.2", "10.0.2.1", 80)).toBe(true);
    expect(allowed(parts, "10.0.0.2", "10.0.2.1", 81)).toBe(false);
    expect(allowed(parts, "10.0.0.2", "10.0.2.2", 81)).toBe(true);
    expect(allowed(parts, "10.0.0.2", "10.0.2.2", 80)).toBe(false);
    expect(allowed(parts, "10.0.0.2", "10.0.2.1", 80, Protocol.udp)).toBe(false);
    expect(allowed(parts, "10.0.0.2", "10.0.0.1", 80)).toBe(false);
  });

  it("a rule with only negations matches what is left, known or not", () => {
    const only = (source: object, rule: object = {}) => [
      policy("p", { selector: "app == 'web'", ingress: [{ action: "Allow", source, ...rule }] }),
    ];
    expect(allowed({ policies: only({ notSelector: "role == 'x'" }) }, "10.0.0.2", "10.0.0.1")).toBe(false);
    expect(allowed({ policies: only({ notSelector: "role == 'x'" }) }, "10.0.0.3", "10.0.0.1")).toBe(true);
    expect(allowed({ policies: only({ notSelector: "role == 'x'" }) }, "192.0.2.1", "10.0.0.1")).toBe(true);
    expect(allowed({ policies: only({ notNets: ["10.0.0.2/32"] }) }, "10.0.0.2", "10.0.0.1")).toBe(false);
    expect(allowed({ policies: only({ notNets: ["10.0.0.2/32"] }) }, "10.0.0.3", "10.0.0.1")).toBe(true);
    expect(allowed({ policies: only({}, { notProtocol: "TCP" }) }, "10.0.0.3", "10.0.0.1")).toBe(false);
    expect(allowed({ policies: only({}, { notProtocol: "TCP" }) }, "10.0.0.3", "10.0.0.1", 80, Protocol.udp)).toBe(
      true,
    );
    const ports = { protocol: "TCP", destination: { notPorts: [80, "90:99"] } };
    expect(allowed({ policies: only({}, ports) }, "10.0.0.3", "10.0.0.1", 80)).toBe(false);
    expect(allowed({ policies: only({}, ports) }, "10.0.0.3", "10.0.0.1", 95)).toBe(false);
    expect(allowed({ policies: only({}, ports) }, "10.0.0.3", "10.0.0.1", 81)).toBe(true);
  });

  it("a policy on a pod that is not there yet, or has no address yet, is no matter for the others", () => {
    const policies = [
      policy("later", { selector: "app == 'later'", ingress: [{ action: "Deny" }] }),
      policy("from", {
        selector: "app == 'web'",
        ingress: [{ action: "Allow", source: { selector: "app == 'later'" } }],
      }),
    ];
    const waiting = workload({ name: "later", addresses: [], labels: { app: "later" } });
    for (const all of [endpoints, [...endpoints, waiting]]) {
      expect(allowed({ endpoints: all, policies }, "10.0.0.2", "10.0.0.3")).toBe(true);
      expect(allowed({ endpoints: all, policies }, "10.0.0.9", "10.0.0.1")).toBe(false);
    }
    const there = { ...waiting, addresses: [parseAddress("10.0.0.9")] };
    expect(allowed({ endpoints: [...endpoints, there], policies }, "10.0.0.9", "10.0.0.1")).toBe(true);
  });

  it("an IPv4-mapped network means the IPv4 one, so that a denial does not pass by", () => {
    const deny = policy("p", {
      ingress: [{ action: "Deny", source: { nets: ["::ffff:10.0.0.2/128"] } }, { action: "Allow" }],
    });
    expect(allowed({ policies: [deny] }, "10.0.0.2", "10.0.0.1")).toBe(false);
    expect(allowed({ policies: [deny] }, "10.0.0.3", "10.0.0.1")).toBe(true);
  });

  it("a packet of a pod to itself that comes by its host, as through a service, is judged both ways", () => {
    const closed = policy("p", { selector: "app == 'web'", types: ["Ingress"] });
    expect(allowed({}, "10.0.0.1", "10.0.0.1")).toBe(true);
    expect(allowed({ policies: [closed] }, "10.0.0.1", "10.0.0.1")).toBe(false);
    const open = policy("p", {
      selector: "app == 'web'",
      ingress: [{ action: "Allow", source: { selector: "app == 'web'" } }],
    });
    expect(allowed({ policies: [open] }, "10.0.0.1", "10.0.0.1")).toBe(true);
  });

  it("a node reaches its own pods whatever policies say, and no other node's", () => {
    const closed = policy("p", { types: ["Ingress"], selector: "has(app)" });
    const nodes = [
      { node: "node1", name: "eth0", addresses: [parseAddress("192.168.0.1")] },
      { node: "node2", name: "eth0", addresses: [parseAddress("192.168.0.2")] },
    ];
    expect(allowed({ nodes, policies: [closed] }, "192.168.0.1", "10.0.0.1")).toBe(true);
    expect(allowed({ nodes, policies: [closed] }, "192.168.0.2", "10.0.0.1")).toBe(false);
  });

  it("a pod's packet to its own node passes its egress policies, then what settings say", () => {
    const nodes = [{ node: "node1", name: "eth0", addresses: [parseAddress("192.168.0.1")] }];
    const to = (endpointToHost: "drop" | "accept" | "return", policies: Policy[] = []) =>
      allowed({ nodes, policies, settings: { ...SETTINGS, endpointToHost } }, "10.0.0.1", "192.168.0.1");
    expect(to("drop")).toBe(false);
    expect(to("accept")).toBe(true);
    expect(to("return")).toBe(true);
    expect(to("accept", [policy("p", { selector: "has(app)", types: ["Egress"] })])).toBe(false);
    // Not the host endpoint's ingress: that is for what comes from outside.
    const closed = host({ id: "node1-all", addresses: ["192.168.0.1"] });
    const found = verdict(
      packet("10.0.0.1", "192.168.0.1"),
      model({ endpoints: [...endpoints, closed], settings: { ...SETTINGS, endpointToHost: "accept" } }),
    );
    expect(found.allowed).toBe(true);
    expect(found.ingress).toBeUndefined();
  });
});
