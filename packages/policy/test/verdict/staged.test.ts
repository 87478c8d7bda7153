import { describe, expect, it } from "vitest";
import { describeVerdict, type Policy, stagedFor, verdict, withStaged } from "../../src/index.ts";
import { model, packet, policy, workload } from "../support/build.ts";

const web = workload({ name: "web", addresses: ["10.0.0.1"], labels: { app: "web" } });
const client = workload({ name: "client", addresses: ["10.0.0.2"], labels: { app: "client" } });
const to = packet("10.0.0.2", "10.0.0.1");

const staged = (name: string, spec: object) =>
  policy(name, { ...spec }, { namespace: "default", kind: "StagedNetworkPolicy" });
const enforced = (name: string, spec: object) => policy(name, { ...spec }, { namespace: "default" });

const closing = { selector: "app == 'web'", types: ["Ingress"] };

function told(policies: readonly Policy[]) {
  const all = model({ endpoints: [web, client], policies });
  return { now: verdict(to, all), once: verdict(to, withStaged(all)).allowed };
}

describe("a staged policy", () => {
  it("decides nothing, not even that its tier ends", () => {
    const { now, once } = told([staged("p", closing)]);
    expect([now.allowed, once]).toEqual([true, false]);
    expect(now.ingress?.steps).toMatchObject([
      { kind: "policy", staged: "set", would: "next", outcome: "next" },
      { kind: "profile", outcome: "allow" },
    ]);
  });

  it("is told of with what it would have done", () => {
    const deny = staged("p", { ...closing, ingress: [{ action: "Deny", protocol: "TCP" }] });
    const { now } = told([deny, enforced("q", { ...closing, ingress: [{ action: "Allow" }] })]);
    expect(now.ingress?.steps).toMatchObject([{ staged: "set", would: "deny", outcome: "next" }, { would: "allow" }]);
    expect(describeVerdict(now)).toEqual([
      "egress of default/client: allowed",
      "  profile allow-all: spec.egress[0]: Allow everything",
      "ingress of default/web: allowed",
      "  tier default: StagedNetworkPolicy default/p: staged, would deny: spec.ingress[0]: Deny TCP",
      "  tier default: NetworkPolicy default/q: spec.ingress[0]: Allow everything",
      "allowed",
    ]);
  });

  it("that is set takes the place of the one of its name", () => {
    const policies = [enforced("p", { ...closing, ingress: [{ action: "Allow" }] }), staged("p", closing)];
    expect(told(policies)).toMatchObject({ now: { allowed: true }, once: false });
  });

  it("that deletes takes it away, and says so beside it", () => {
    const policies = [enforced("p", closing), staged("p", { stagedAction: "Delete" })];
    const { now, once } = told(policies);
    expect([now.allowed, once]).toEqual([false, true]);
    expect(describeVerdict(now)).toContain(
      "  tier default: StagedNetworkPolicy default/p: staged, would take the policy of its name away",
    );
    const elsewhere = enforced("p", { ...closing, selector: "app == 'nobody'" });
    expect(told([elsewhere, staged("p", { stagedAction: "Delete" })]).now.ingress?.steps).toHaveLength(1);
  });

  it.each(["Learn", "Ignore"])("with %s changes nothing", (stagedAction) => {
    const { now, once } = told([staged("p", { ...closing, stagedAction, ingress: [{ action: "Deny" }] })]);
    expect([now.allowed, once]).toEqual([true, true]);
    expect(now.ingress?.steps[0]).toMatchObject({
      staged: stagedAction.toLowerCase(),
      would: stagedAction === "Learn" ? "deny" : "next",
    });
  });

  it("knows which policy it stands for", () => {
    expect(stagedFor(staged("p", closing))).toEqual(["NetworkPolicy default/p"]);
    expect(stagedFor(enforced("p", closing))).toEqual([]);
    expect(stagedFor(policy("g", closing, { kind: "StagedGlobalNetworkPolicy" }))).toEqual(["GlobalNetworkPolicy g"]);
    const kubernetes = policy(
      "k",
      { podSelector: {} },
      { namespace: "default", kind: "StagedKubernetesNetworkPolicy" },
    );
    expect(kubernetes).toMatchObject({ staged: "set", tier: "default" });
    expect(stagedFor(kubernetes)).toEqual(["KubernetesNetworkPolicy default/k", "NetworkPolicy default/knp.default.k"]);
  });
});
