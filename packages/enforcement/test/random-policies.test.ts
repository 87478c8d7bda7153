import { describe, expect, it } from "vitest";
import { randomPolicies, shrinkPolicies } from "./support/random-policies.ts";

describe("random policies", () => {
  it("are the same for the same seed, and hold every kind of match sooner or later", () => {
    const models = Array.from({ length: 60 }, (_, seed) => randomPolicies(seed, { hosts: true }));
    expect(textOf(randomPolicies(7))).toBe(textOf(randomPolicies(7)));
    const policies = models.flatMap((model) => model.policies);
    const rules = policies.flatMap(({ ingress, egress }) => [...ingress, ...egress]);
    const ends = rules.flatMap(({ source, destination }) => [source, destination]);
    const seen = {
      actions: new Set(rules.map(({ action }) => action)).size,
      staged: policies.some(({ staged }) => staged !== undefined),
      untracked: policies.some(({ untracked }) => untracked),
      preDnat: policies.some(({ preDnat }) => preDnat),
      ipVersion: rules.some(({ ipVersion }) => ipVersion === 6),
      icmp: rules.some(({ icmp, notIcmp }) => icmp?.code !== undefined && notIcmp !== undefined),
      notProtocol: rules.some(({ notProtocol }) => notProtocol !== undefined),
      networks: ends.some(({ networks }) => networks.length > 1),
      notNetworks: ends.some(({ notNetworks }) => notNetworks.length > 0),
      selectors: ends.some(({ selector, notSelector }) => selector !== undefined && notSelector !== undefined),
      names: ends.some(({ ports, notPorts }) => [...ports, ...notPorts].some(({ kind }) => kind === "name")),
      services: ends.some(({ service }) => service !== undefined),
      hosts: models.some(({ endpoints }) => endpoints.some(({ kind }) => kind === "host")),
    };
    expect(seen).toEqual({
      actions: 4,
      staged: true,
      untracked: true,
      preDnat: true,
      ipVersion: true,
      icmp: true,
      notProtocol: true,
      networks: true,
      notNetworks: true,
      selectors: true,
      names: true,
      services: true,
      hosts: true,
    });
  });

  it("shrink to what a failure needs", () => {
    const bothWays = (rules: readonly { readonly action: string }[]) => rules.some(({ action }) => action === "deny");
    const model = randomPolicies(3);
    const small = shrinkPolicies(model, ({ policies }) => policies.some(({ egress }) => bothWays(egress)));
    expect(small.policies.flatMap(({ ingress, egress }) => [...ingress, ...egress])).toHaveLength(1);
    expect(small.endpoints).toEqual([]);
  });
});

function textOf(model: unknown): string {
  return JSON.stringify(model, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
