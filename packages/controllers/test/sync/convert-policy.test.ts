import { API_VERSION, asCreated, encodeStored, type NetworkPolicy, networkPolicy } from "@ocicat/api";
import { readStoredPolicy, verdict } from "@ocicat/policy";
import { allCases, type Cluster, clustersOf, modelOf, openCluster, packetOf, probesOf } from "@ocicat/policy/cases";
import { describe, expect, it } from "vitest";
import { calicoPolicySpec } from "../../src/sync/convert-policy.ts";

function stored(spec: unknown, name: string, namespace: string): { readonly key: string; readonly value: string } {
  const document = { kind: "NetworkPolicy", apiVersion: API_VERSION, metadata: { name, namespace }, spec };
  const reading = networkPolicy.read(document, "strict");
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  const resource: NetworkPolicy = asCreated(reading.value, { uid: "u", now: 0 });
  return { key: networkPolicy.storage.key(name, namespace) ?? "", value: encodeStored(resource) };
}

describe("a policy of Kubernetes as one of Calico's", () => {
  it("is as kube-controllers writes it", () => {
    const spec = {
      podSelector: { matchLabels: { tier: "db", app: "pg" } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            { podSelector: { matchExpressions: [{ key: "role", operator: "In", values: ["a", "b"] }] } },
            { namespaceSelector: {} },
            { namespaceSelector: { matchLabels: { team: "x" } }, podSelector: {} },
            { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } },
          ],
          ports: [
            { port: 82 },
            { port: 80 },
            { port: 81 },
            { port: "web" },
            { protocol: "UDP", port: 53, endPort: 60 },
          ],
        },
      ],
      egress: [{}],
    };
    const isPod = "projectcalico.org/orchestrator == 'k8s'";
    const ends = [
      { selector: `${isPod} && role in { 'a', 'b' }` },
      { selector: isPod, namespaceSelector: "all()" },
      { selector: isPod, namespaceSelector: "team == 'x'" },
      { nets: ["10.0.0.0/8"], notNets: ["10.1.0.0/16"] },
    ];
    expect(calicoPolicySpec(spec)).toEqual({
      order: 1000,
      selector: `${isPod} && app == 'pg' && tier == 'db'`,
      types: ["Ingress", "Egress"],
      ingress: [
        ...ends.map((source) => ({
          action: "Allow",
          protocol: "TCP",
          source,
          destination: { ports: ["web", "80:82"] },
        })),
        ...ends.map((source) => ({ action: "Allow", protocol: "UDP", source, destination: { ports: ["53:60"] } })),
      ],
      egress: [{ action: "Allow", source: {}, destination: { ports: undefined } }],
    });
  });

  it("closes where it cannot be read, rule by rule", () => {
    const closed = {
      order: 1000,
      selector: "projectcalico.org/orchestrator == 'k8s'",
      types: ["Ingress", "Egress"],
    };
    for (const spec of [undefined, { podSelector: 1 }, { podSelector: {}, policyTypes: ["Sideways"] }]) {
      expect(calicoPolicySpec(spec)).toEqual(closed);
    }
    const rule = { from: [{}, { ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} }] };
    expect(calicoPolicySpec({ podSelector: {}, ingress: [{ fromm: [] }, rule] })).toMatchObject({ ingress: [] });
  });

  it("means the same, in every case of Kubernetes' own", () => {
    const open = openCluster();
    const probes = probesOf(open);
    let denied = 0;
    for (const one of allCases(open)) {
      for (const cluster of clustersOf(one, open)) {
        const model = modelOf(cluster);
        const copied = { ...model, policies: copiesOf(cluster) };
        for (const probe of probes) {
          const packet = packetOf(probe, cluster);
          const allowed = verdict(packet, model).allowed;
          denied += allowed ? 0 : 1;
          if (verdict(packet, copied).allowed !== allowed) expect.fail(`${one.name}: ${JSON.stringify(probe)}`);
        }
      }
    }
    expect(denied).toBeGreaterThan(10_000);
  });
});

function copiesOf({ policies }: Cluster) {
  return policies.map(({ metadata, spec }) => {
    const { key, value } = stored(calicoPolicySpec(spec), `knp.default.${metadata.name}`, metadata.namespace);
    return readStoredPolicy(networkPolicy, { key, value, modRevision: 1n });
  });
}
