import { describe, expect, it } from "vitest";
import { verdict } from "../../src/index.ts";
import { model, packet, policy, workload } from "../support/build.ts";

const web = workload({ name: "web", addresses: ["10.0.0.1", "fd00::1"], labels: { app: "web" } });
const client = workload({ name: "client", addresses: ["10.0.0.2", "fd00::2"], labels: { app: "client" } });
const other = workload({
  name: "other",
  addresses: ["10.0.0.3"],
  labels: { app: "client" },
  namespace: "other",
  node: "node2",
});
const endpoints = [web, client, other];

const allowWeb = policy(
  "allow-web",
  {
    selector: "app == 'web'",
    ingress: [
      {
        action: "Allow",
        protocol: "TCP",
        source: { selector: "app == 'client'" },
        destination: { ports: [80, "8000:8100"] },
      },
    ],
  },
  { namespace: "default" },
);

describe("verdict", () => {
  it("lets profiles decide where no policy applies", () => {
    const found = verdict(packet("10.0.0.2", "10.0.0.1"), model({ endpoints }));
    expect(found.allowed).toBe(true);
    expect(found.egress?.steps).toMatchObject([{ kind: "profile", profile: "allow-all", outcome: "allow" }]);
  });

  it("closes what a policy applies to, but for what its rules allow, and names the rule", () => {
    const all = model({ endpoints, policies: [allowWeb] });
    const found = verdict(packet("10.0.0.2", "10.0.0.1", 8080), all);
    expect(found.allowed).toBe(true);
    expect(found.ingress?.steps.at(-1)).toMatchObject({ kind: "policy", rule: { field: "spec.ingress[0]" } });
    const denied = verdict(packet("10.0.0.2", "10.0.0.1", 81), all);
    expect(denied.allowed).toBe(false);
    expect(denied.ingress?.steps).toMatchObject([
      { kind: "policy", policy: "NetworkPolicy default/allow-web", rule: undefined, outcome: "next" },
      { kind: "tier", tier: "default", outcome: "deny" },
    ]);
    expect(verdict(packet("fd00::2", "fd00::1"), all).allowed).toBe(true);
  });

  it("means a rule's selector within the policy's namespace", () => {
    expect(verdict(packet("10.0.0.3", "10.0.0.1"), model({ endpoints, policies: [allowWeb] })).allowed).toBe(false);
  });
});
