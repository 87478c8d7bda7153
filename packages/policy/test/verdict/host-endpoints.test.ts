import { parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { type Policy, type PolicyModel, Protocol, type Step, verdict } from "../../src/index.ts";
import { host, model, packet, policy, SETTINGS, workload } from "../support/build.ts";

const NODE1 = "192.168.0.1";
const NODE2 = "192.168.0.2";
const OUTSIDE = "203.0.113.1";

const eth0 = host({ id: "node1-eth0", interfaceName: "eth0", addresses: [NODE1], labels: { role: "host" } });
const web = workload({ name: "web", addresses: ["10.0.0.1"], labels: { app: "web" } });
const nodes = [
  { node: "node1", name: "eth0", addresses: [parseAddress(NODE1)] },
  { node: "node2", name: "eth0", addresses: [parseAddress(NODE2)] },
];

const judge = (parts: Partial<PolicyModel>, ...of: Parameters<typeof packet>) =>
  verdict(packet(...of), model({ endpoints: [eth0, web], nodes, ...parts }));

const allowed = (policies: readonly Policy[], ...of: Parameters<typeof packet>) => judge({ policies }, ...of).allowed;

const HOSTS = "role == 'host'";
const allow = { action: "Allow" };
const deny = { action: "Deny" };

describe("a host endpoint", () => {
  it("is closed without policy and profile, but for the failsafe ports", () => {
    expect(judge({}, OUTSIDE, NODE1).allowed).toBe(false);
    expect(judge({}, NODE1, OUTSIDE).allowed).toBe(false);
    const settings = {
      ...SETTINGS,
      failsafeInbound: [{ protocol: Protocol.tcp, port: 22, network: undefined }],
      failsafeOutbound: [{ protocol: Protocol.udp, port: 53, network: parsePrefix("203.0.113.0/24") }],
    };
    expect(judge({ settings }, OUTSIDE, NODE1, 22).allowed).toBe(true);
    expect(judge({ settings }, OUTSIDE, NODE1, 22, Protocol.udp).allowed).toBe(false);
    expect(judge({ settings }, NODE1, OUTSIDE, 53, Protocol.udp).allowed).toBe(true);
    expect(judge({ settings }, NODE1, "198.51.100.1", 53, Protocol.udp).allowed).toBe(false);
    const policies = [policy("p", { selector: HOSTS, types: ["Ingress"], ingress: [deny] })];
    expect(judge({ settings, policies }, OUTSIDE, NODE1, 22).allowed).toBe(true);
  });

  it("has its profiles asked as a workload has", () => {
    const open = { ...eth0, profiles: ["allow-all"] };
    expect(judge({ endpoints: [open] }, OUTSIDE, NODE1).allowed).toBe(true);
    expect(judge({ endpoints: [open], policies: [policy("p", { types: ["Ingress"] })] }, OUTSIDE, NODE1).allowed).toBe(
      false,
    );
  });

  it("judges what is forwarded by policies with applyOnForward alone, and lets it pass without any", () => {
    expect(allowed([], OUTSIDE, "10.0.0.1")).toBe(true);
    expect(allowed([policy("p", { selector: HOSTS, ingress: [deny] })], OUTSIDE, "10.0.0.1")).toBe(true);
    const forward = (spec: object) => policy("p", { selector: HOSTS, applyOnForward: true, ...spec });
    expect(allowed([forward({ ingress: [deny] })], OUTSIDE, "10.0.0.1")).toBe(false);
    expect(allowed([forward({ types: ["Ingress"] })], OUTSIDE, "10.0.0.1")).toBe(false);
    expect(allowed([forward({ ingress: [allow] })], OUTSIDE, "10.0.0.1")).toBe(true);
    expect(allowed([forward({ egress: [deny] })], OUTSIDE, "10.0.0.1")).toBe(true);
    expect(allowed([forward({ egress: [deny] })], "10.0.0.1", OUTSIDE)).toBe(false);
    // Passed on, or let through at the host, it is still the workload's to judge.
    const closed = policy("w", { selector: "app == 'web'", types: ["Ingress"] });
    expect(allowed([forward({ ingress: [allow] }), closed], OUTSIDE, "10.0.0.1")).toBe(false);
    expect(allowed([forward({ ingress: [{ action: "Pass" }] })], OUTSIDE, "10.0.0.1")).toBe(true);
  });

  it("of all interfaces has workloads' too, in what is forwarded and before destinations are translated", () => {
    const all = host({ id: "node1-all", interfaceName: "*", addresses: [], labels: { role: "host" } });
    const near = workload({ name: "near", addresses: ["10.0.0.2"], labels: { app: "near" } });
    const settings = { ...SETTINGS, endpointToHost: "accept" } as const;
    const here = { endpoints: [all, web, near], settings };
    const judged = (spec: object, ...of: Parameters<typeof packet>) =>
      judge({ ...here, policies: [policy("p", { selector: HOSTS, ...spec })] }, ...of).allowed;
    const forward = { applyOnForward: true };
    for (const side of ["ingress", "egress"]) {
      expect(judged({ [side]: [deny] }, "10.0.0.1", "10.0.0.2")).toBe(true);
      expect(judged({ ...forward, [side]: [deny] }, "10.0.0.1", "10.0.0.2")).toBe(false);
      expect(judged({ ...forward, [side]: [allow] }, "10.0.0.1", "10.0.0.2")).toBe(true);
      expect(judged({ ...forward, [side]: [deny] }, "10.0.0.1", OUTSIDE)).toBe(false);
      expect(judged({ ...forward, [side]: [deny] }, OUTSIDE, "10.0.0.1")).toBe(false);
    }
    // What a workload and its node have with each other is not forwarded.
    expect(judged({ ...forward, ingress: [deny] }, "10.0.0.1", NODE1)).toBe(true);
    expect(judged({ ...forward, egress: [deny] }, NODE1, "10.0.0.1")).toBe(true);
    const preDnat = { ...forward, preDNAT: true };
    expect(judged({ ...preDnat, ingress: [deny] }, "10.0.0.1", NODE1)).toBe(false);
    expect(judged({ ...preDnat, ingress: [deny] }, "10.0.0.1", "10.0.0.2")).toBe(false);
    // Allowed there, the workload's own policies are still asked.
    const closed = policy("w", { selector: "app == 'web'", types: ["Egress"] });
    const open = policy("p", { selector: HOSTS, ...preDnat, ingress: [allow] });
    expect(judge({ ...here, policies: [open, closed] }, "10.0.0.1", "10.0.0.2").allowed).toBe(false);
  });

  it("leaves a protocol without ports open as a whole", () => {
    const settings = {
      ...SETTINGS,
      failsafeInbound: [{ protocol: Protocol.ipip, port: undefined, network: undefined }],
    };
    const {
      sourcePort: _source,
      destinationPort: _destination,
      ...portless
    } = packet(OUTSIDE, NODE1, 0, Protocol.ipip);
    const whole = model({ endpoints: [eth0], nodes, settings });
    expect(verdict(portless, whole).allowed).toBe(true);
    expect(verdict({ ...portless, protocol: 47 }, whole).allowed).toBe(false);
  });

  it("does not know failsafe ports of what is forwarded", () => {
    const settings = { ...SETTINGS, failsafeInbound: [{ protocol: Protocol.tcp, port: 22, network: undefined }] };
    const policies = [policy("p", { selector: HOSTS, applyOnForward: true, types: ["Ingress"] })];
    expect(judge({ settings, policies }, OUTSIDE, "10.0.0.1", 22).allowed).toBe(false);
    expect(judge({ settings, policies }, OUTSIDE, NODE1, 22).allowed).toBe(true);
  });

  it("does not judge what stays on its node", () => {
    const policies = [policy("p", { selector: HOSTS, applyOnForward: true, types: ["Ingress", "Egress"] })];
    const other = workload({ name: "other", addresses: ["10.0.0.2"] });
    expect(judge({ policies, endpoints: [eth0, web, other] }, "10.0.0.2", "10.0.0.1").allowed).toBe(true);
    expect(allowed(policies, NODE1, "10.0.0.1")).toBe(true);
  });

  it.each(["preDNAT", "doNotTrack"])(
    "has %s policies before the others: they close nothing, and what they allow is allowed",
    (hook) => {
      const early = (rules: object[]) =>
        policy("early", { selector: HOSTS, applyOnForward: true, [hook]: true, types: ["Ingress"], ingress: rules });
      const late = policy("late", { selector: HOSTS, applyOnForward: true, ingress: [deny] });
      expect(allowed([early([allow]), late], OUTSIDE, NODE1)).toBe(true);
      expect(allowed([early([allow]), late], OUTSIDE, "10.0.0.1")).toBe(true);
      expect(allowed([early([]), late], OUTSIDE, NODE1)).toBe(false);
      expect(allowed([early([]), { ...late, ingress: [] }], OUTSIDE, NODE1)).toBe(false);
      expect(allowed([early([])], OUTSIDE, "10.0.0.1")).toBe(true);
      expect(allowed([early([deny])], OUTSIDE, "10.0.0.1")).toBe(false);
      // A workload has no such stage.
      const everyone = policy("all", { applyOnForward: true, [hook]: true, types: ["Ingress"], ingress: [deny] });
      expect(judge({ policies: [everyone], endpoints: [web] }, OUTSIDE, "10.0.0.1").allowed).toBe(true);
    },
  );

  it("spares failsafe ports of preDNAT and doNotTrack policies", () => {
    const settings = { ...SETTINGS, failsafeInbound: [{ protocol: Protocol.tcp, port: 22, network: undefined }] };
    const policies = [
      policy("p", { selector: HOSTS, applyOnForward: true, preDNAT: true, types: ["Ingress"], ingress: [deny] }),
    ];
    expect(judge({ settings, policies }, OUTSIDE, NODE1, 22).allowed).toBe(true);
    expect(judge({ settings, policies }, OUTSIDE, NODE1, 23).allowed).toBe(false);
  });

  it("spares what looks like an answer from a failsafe port of doNotTrack policies, and of no others", () => {
    const settings = { ...SETTINGS, failsafeOutbound: [{ protocol: Protocol.udp, port: 53, network: undefined }] };
    const answer = { ...packet(OUTSIDE, NODE1, 8080, Protocol.udp), sourcePort: 53 };
    const says = (early: Policy, profiles: readonly string[]) =>
      verdict(answer, model({ endpoints: [{ ...eth0, profiles }], nodes, settings, policies: [early] })).allowed;
    const early = (rule: object) =>
      policy("p", { selector: HOSTS, applyOnForward: true, doNotTrack: true, types: ["Ingress"], ingress: [rule] });
    expect(says(early(deny), ["allow-all"])).toBe(true);
    // Neither denied nor allowed there: a first packet has to be allowed by what comes later.
    expect(says(early(allow), [])).toBe(false);
    expect(says({ ...early(deny), untracked: false, preDnat: true }, ["allow-all"])).toBe(false);
  });

  it("judges what its node sends by doNotTrack policies first", () => {
    const early = policy("early", {
      selector: HOSTS,
      applyOnForward: true,
      doNotTrack: true,
      types: ["Egress"],
      egress: [allow],
    });
    expect(allowed([], NODE1, OUTSIDE)).toBe(false);
    expect(allowed([early], NODE1, OUTSIDE)).toBe(true);
  });

  it("is the one of the interface, else the one with the address, else the one for all", () => {
    const all = host({ id: "node1-all", labels: { role: "all" }, profiles: ["allow-all"] });
    const at = (endpoints: PolicyModel["endpoints"]) =>
      judge({ endpoints }, OUTSIDE, NODE1).ingress?.steps.at(-1)?.endpoint.id;
    expect(at([all, eth0])).toBe("node1-eth0");
    expect(at([all])).toBe("node1-all");
    expect(at([all, { ...eth0, interfaceName: "" }])).toBe("node1-eth0");
    expect(at([all, { ...eth0, interfaceName: "eth1", addresses: [] }])).toBe("node1-all");
    expect(at([{ ...eth0, interfaceName: "eth1", addresses: [] }])).toBeUndefined();
    expect(at([{ ...eth0, node: "node2", addresses: [] }])).toBeUndefined();
  });

  it("judges both nodes of a packet between them", () => {
    const other = host({ id: "node2-eth0", node: "node2", addresses: [NODE2], labels: { role: "host" } });
    const policies = [policy("p", { selector: HOSTS, ingress: [allow], egress: [allow] })];
    const found = judge({ endpoints: [eth0, other], policies }, NODE1, NODE2);
    const told = (steps: readonly Step[] = []) =>
      steps.map(({ endpoint, stage, outcome }) => `${endpoint.id} ${stage} ${outcome}`);
    expect(found.allowed).toBe(true);
    expect(told(found.egress?.steps)).toEqual(["node1-eth0 normal allow"]);
    expect(told(found.ingress?.steps)).toEqual(["node2-eth0 normal allow"]);
  });
});
