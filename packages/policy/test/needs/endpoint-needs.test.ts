import { describe, expect, it } from "vitest";
import { type Endpoint, missingTier, type Policy, type Stage, type Tier } from "../../src/index.ts";
import { endpointNeeds } from "../../src/needs/endpoint-needs.ts";
import { host, policy, workload } from "../support/build.ts";

const WEB = workload({ name: "web", addresses: ["10.0.0.1"], profiles: ["kns.default", "gone"] });
const NODE = host({ id: "node1" });

const TIERS: readonly Tier[] = [
  { name: "default", order: 1_000_000, defaultAction: "deny" },
  { name: "security", order: 100, defaultAction: "pass" },
  { name: "audit", order: 100, defaultAction: "deny" },
];
const tierOf = (name: string) => TIERS.find((tier) => tier.name === name) ?? missingTier(name);

/** `audit/deny: one two, …`, of each stage and direction that has something. */
function told(endpoint: Endpoint, policies: readonly Policy[]): Readonly<Record<string, string>> {
  const { stages } = endpointNeeds(endpoint, policies, tierOf);
  const order: readonly Stage[] = ["untracked", "preDnat", "normal", "forward"];
  return Object.fromEntries(
    order.flatMap((stage) =>
      (["ingress", "egress"] as const).flatMap((direction) => {
        const tiers = stages.get(stage)?.[direction] ?? [];
        const text = tiers.map(
          ({ name, defaultAction, policies: ids }) =>
            `${name}/${defaultAction}: ${ids.map((id) => id.replace(/^\S+ /, "")).join(" ")}`,
        );
        return text.length === 0 ? [] : [[`${stage} ${direction}`, text.join(", ")]];
      }),
    ),
  );
}

const BOTH = { types: ["Ingress", "Egress"] };
const IN = { types: ["Ingress"] };

describe("an endpoint's needs", () => {
  it("are its policies by tier, then by order, then by name, each in its directions", () => {
    const policies = [
      policy("b-late", { ...BOTH, tier: "default" }),
      policy("first", { ...IN, tier: "default", order: 1 }),
      policy("a-late", { ...IN, tier: "default" }),
      policy("second", { ...BOTH, tier: "default", order: 2 }),
      policy("secured", { ...IN, tier: "security" }),
      policy("audited", { ...IN, tier: "audit" }),
    ];
    const wanted = {
      "normal ingress": "audit/deny: audited, security/pass: secured, default/deny: first second a-late b-late",
      "normal egress": "default/deny: second b-late",
    };
    expect(told(WEB, policies)).toEqual(wanted);
    expect(told(WEB, policies.toReversed())).toEqual(wanted);
  });

  it("end with a tier that is not there, and that closes", () => {
    const policies = [policy("lost", { ...IN, tier: "forgotten" }), policy("kept", { ...IN, tier: "default" })];
    expect(told(WEB, policies)).toEqual({ "normal ingress": "default/deny: kept, forgotten/deny: lost" });
  });

  it("break ties by name, then namespace, then kind", () => {
    const policies = [
      policy("same", IN, { namespace: "b" }),
      policy("same", IN),
      policy("same", IN, { namespace: "a" }),
      policy("also", IN, { namespace: "z" }),
    ];
    expect(told(WEB, policies)).toEqual({ "normal ingress": "default/deny: z/also same a/same b/same" });
  });

  it("have stages of their own on a host, where untracked and preDNAT policies only ever hand on", () => {
    const policies = [
      policy("plain", BOTH),
      policy("forward", { ...IN, applyOnForward: true }),
      policy("untracked", { ...BOTH, doNotTrack: true, applyOnForward: true }),
      policy("pre-dnat", { ...IN, preDNAT: true, applyOnForward: true }),
    ];
    expect(told(NODE, policies)).toEqual({
      "untracked ingress": "default/pass: untracked",
      "untracked egress": "default/pass: untracked",
      "preDnat ingress": "default/pass: pre-dnat",
      "normal ingress": "default/deny: forward plain",
      "normal egress": "default/deny: plain",
      "forward ingress": "default/deny: forward",
    });
    expect(told(WEB, policies)).toEqual({
      "normal ingress": "default/deny: forward plain",
      "normal egress": "default/deny: plain",
    });
  });

  it("name the profiles of the endpoint in its order", () => {
    expect(endpointNeeds(WEB, [], tierOf)).toEqual({
      endpoint: WEB,
      stages: new Map(),
      profiles: ["kns.default", "gone"],
    });
  });
});
