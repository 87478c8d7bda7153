import { globalNetworkPolicy, networkPolicy, resourceKey, stagedNetworkPolicy } from "@ocicat/api";
import { describe, expect, it } from "vitest";
import { conditionsOf, type Policy, readStoredPolicy, verdict } from "../../src/index.ts";
import { model, packet, workload } from "../support/build.ts";

const NAMESPACED = { kind: networkPolicy, key: "/calico/resources/v3/projectcalico.org/networkpolicies/default/p" };
const GLOBAL = { kind: globalNetworkPolicy, key: "/calico/resources/v3/projectcalico.org/globalnetworkpolicies/p" };

function stored(spec: unknown, { kind, key }: typeof NAMESPACED | typeof GLOBAL = NAMESPACED) {
  const value = JSON.stringify({ kind: kind.kind, apiVersion: "projectcalico.org/v3", metadata: { name: "p" }, spec });
  return readStoredPolicy(kind, { key, value, modRevision: 1n });
}

const web = workload({ name: "web", addresses: ["10.0.0.1"], labels: { app: "web" } });
const db = workload({ name: "db", addresses: ["10.0.0.2"], labels: { app: "db" } });
const far = workload({ name: "far", addresses: ["10.0.0.3"], namespace: "far" });
const endpoints = [web, db, far];
const allowed = (policies: readonly Policy[], source: string, destination: string, port = 80) =>
  verdict(packet(source, destination, port), model({ endpoints, policies })).allowed;

const BOTH = ["ingress", "egress"];

describe("a policy that others have stored", () => {
  it("keeps its good rules beside a bad one, which opens nothing and is told of", () => {
    const read = stored({
      selector: "app == 'web'",
      types: ["Ingress"],
      ingress: [
        { action: "Allow", protocol: "TCP", destination: { ports: [70_000] } },
        { action: "Allow", protocol: "TCP", destination: { ports: [81] } },
      ],
    });
    expect(read.unreadable).toBeUndefined();
    expect(allowed([read], "10.0.0.2", "10.0.0.1", 80)).toBe(false);
    expect(allowed([read], "10.0.0.2", "10.0.0.1", 81)).toBe(true);
    expect(conditionsOf(read)).toMatchObject([
      { resource: { kind: "NetworkPolicy", name: "default/p" }, field: "spec.ingress[0]", effect: "it allows nothing" },
    ]);
    expect(conditionsOf(read)[0]?.why).toMatch(/70000/);
  });

  it("denies everything where a rule that denied or passed cannot be read, from there on", () => {
    const read = stored({
      types: ["Ingress"],
      ingress: [
        { action: "Allow", protocol: "TCP", destination: { ports: [81] } },
        { action: "Deny", source: { selector: "app in {'x'" } },
        { action: "Allow" },
      ],
    });
    expect(allowed([read], "10.0.0.2", "10.0.0.1", 81)).toBe(true);
    expect(allowed([read], "10.0.0.2", "10.0.0.1", 80)).toBe(false);
    expect(conditionsOf(read)).toMatchObject([
      { field: "spec.ingress[1]", effect: "it denies everything that comes to it" },
    ]);
  });

  it.each([
    ["order", { order: "first" }, BOTH],
    ["types", { types: ["Inbound"] }, BOTH],
    ["rules", { ingress: { action: "Allow" } }, BOTH],
    ["tier", { tier: 5 }, BOTH],
    ["egress rules", { egress: "Allow" }, BOTH],
    ["too many rules", { ingress: Array.from({ length: 1001 }, () => ({ action: "Allow" })) }, ["ingress"]],
  ])(
    "closes what it applies to, and that alone, where what is said of all of it cannot be read: %s",
    (_, spec, directions) => {
      const read = stored({ selector: "app == 'web'", ...spec });
      const all = [read, stored({ order: 1, ingress: [{ action: "Allow" }] })];
      expect(read.unreadable).toBeTypeOf("string");
      expect(allowed(all, "10.0.0.2", "10.0.0.1")).toBe(false);
      expect(allowed(all, "10.0.0.1", "10.0.0.2")).toBe(!directions.includes("egress"));
      expect(read.directions).toEqual(directions);
      expect(allowed(all, "10.0.0.3", "10.0.0.2")).toBe(true);
      expect(conditionsOf(read)).toMatchObject([{ field: "spec" }]);
    },
  );

  it("closes in the directions that it names, where these can be read", () => {
    const read = stored({ selector: "app == 'web'", types: ["Ingress"], order: "first" });
    expect(read.directions).toEqual(["ingress"]);
    expect(allowed([read], "10.0.0.1", "10.0.0.2")).toBe(true);
  });

  it("closes its whole namespace where its selector cannot be read, and nothing else", () => {
    const read = stored({ selector: "app == 'web", ingress: [{ action: "Allow" }] });
    expect(allowed([read], "10.0.0.3", "10.0.0.2")).toBe(false);
    expect(allowed([read], "10.0.0.3", "10.0.0.3")).toBe(true);
  });

  it("closes everything where nothing of it can be read, and is global", () => {
    const kind = globalNetworkPolicy;
    for (const value of ["{", "[]", '"x"', "{}", '{"spec":7}']) {
      const read = readStoredPolicy(kind, { key: GLOBAL.key, value, modRevision: 1n });
      expect(read.resource).toEqual({ kind: "GlobalNetworkPolicy", name: "p" });
      expect(allowed([read], "10.0.0.3", "10.0.0.2"), value).toBe(false);
    }
  });

  it("stays staged where it is", () => {
    const key = resourceKey("StagedNetworkPolicy", "p", "default");
    const read = readStoredPolicy(stagedNetworkPolicy, { key, value: "{", modRevision: 1n });
    expect(read.staged).toBe("set");
    expect(allowed([read], "10.0.0.3", "10.0.0.2")).toBe(true);
  });

  it("says nothing where there is nothing to say", () => {
    expect(conditionsOf(stored({ ingress: [{ action: "Allow" }] }))).toEqual([]);
  });
});
