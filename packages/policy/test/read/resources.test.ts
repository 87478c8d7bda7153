import { readFileSync } from "node:fs";
import {
  type AnyResource,
  decodeStored,
  globalNetworkPolicy,
  globalNetworkSet,
  hostEndpoint,
  type Kind,
  networkPolicy,
  networkSet,
  profile,
  tier,
  workloadEndpoint,
} from "@ocicat/api";
import { formatAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  describeRule,
  effectiveLabels,
  type Policy,
  readHost,
  readNetworkSet,
  readPolicy,
  readProfile,
  readTier,
  readWorkload,
  verdict,
} from "../../src/index.ts";
import { model, packet } from "../support/build.ts";

interface Row {
  readonly key: string;
  readonly value: string;
}

/** What a real Calico stored. */
const dump = readFileSync(new URL("../../../api/test/golden/etcd-dump.jsonl", import.meta.url), "utf8");
const rows = dump.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Row]));

function all<R extends AnyResource, Value>(kind: Kind<R>, read: (resource: R) => Value): readonly Value[] {
  return rows
    .filter(({ key }) => kind.storage.parse(key) !== undefined)
    .map(({ key, value }) => read(decodeStored(kind, { key, value, modRevision: 1n })));
}

const policies: readonly Policy[] = [...all(networkPolicy, readPolicy), ...all(globalNetworkPolicy, readPolicy)];
const workloads = all(workloadEndpoint, readWorkload);

function stored(kind: Kind, path: string, value: object) {
  const key = `/calico/resources/v3/projectcalico.org/${kind.plural}/${path}`;
  const document = { kind: kind.kind, apiVersion: "projectcalico.org/v3", ...value };
  return { key, value: JSON.stringify(document), modRevision: 1n };
}

describe("what Calico stored", () => {
  it("is read: policies with their tiers, orders, selectors and rules", () => {
    const told = policies.map(({ id, tier: name, order, directions, selector, ingress, egress }) => ({
      id,
      place: `${name} ${order} ${directions.join(",")}`,
      selector: selector.text,
      rules: [...ingress, ...egress].map(describeRule),
    }));
    expect(told).toEqual([
      {
        id: "NetworkPolicy default/allow-web",
        place: "default 100 ingress,egress",
        selector: '(app == "web" && projectcalico.org/namespace == "default")',
        rules: [
          'Allow TCP from (projectcalico.org/namespace == "default" && app == "client") to ports 80, 443, 8000-8100',
          "Allow everything",
        ],
      },
      {
        id: "GlobalNetworkPolicy deny-metadata",
        place: "default 10 egress",
        selector: "all()",
        rules: ["Deny TCP to 169.254.169.254/32", "Pass everything"],
      },
      {
        id: "GlobalNetworkPolicy security.block-bad",
        place: "security 1 ingress",
        selector: "has(app)",
        rules: ['Deny from role == "bad"', "Pass everything"],
      },
    ]);
  });

  it("is read: tiers, sets, profiles and endpoints", () => {
    expect(all(tier, readTier)).toContainEqual({ name: "security", order: 50, defaultAction: "deny" });
    expect(all(tier, readTier)).toContainEqual({ name: "kube-admin", order: 1000, defaultAction: "pass" });
    const [global] = all(globalNetworkSet, readNetworkSet);
    expect(global?.networks.map(String)).toEqual(["203.0.113.0/24", "198.51.100.7/32"]);
    expect(all(networkSet, readNetworkSet)).toMatchObject([
      {
        id: "default/ns-set",
        labels: { role: "good", "projectcalico.org/namespace": "default" },
        profiles: ["kns.default"],
      },
    ]);
    expect(all(profile, readProfile)).toMatchObject([
      { name: "kns.default", labels: { "pcns.projectcalico.org/name": "default" }, ingress: [{ action: "allow" }] },
    ]);
    const [host] = all(hostEndpoint, readHost);
    expect(host).toMatchObject({ id: "node1-eth0", node: "node1", interfaceName: "eth0", labels: { host: "true" } });
    const web = workloads.find(({ workload }) => workload === "default/web-1");
    expect(web?.labels).toMatchObject({
      "projectcalico.org/namespace": "default",
      "projectcalico.org/orchestrator": "k8s",
    });
    expect(web?.profiles).toEqual(["k8s-pod-network"]);
    expect(web?.addresses.map(formatAddress)).toHaveLength(1);
  });

  it("is judged: a set of a global policy's denial, a namespaced policy's client", () => {
    const [first] = workloads;
    const [address] = first?.addresses ?? [];
    if (first === undefined || address === undefined) throw new TypeError("there are no endpoints");
    const web = { ...first, labels: { ...first.labels, app: "web" } };
    const parts = {
      tiers: all(tier, readTier),
      networkSets: all(globalNetworkSet, readNetworkSet),
      policies,
      endpoints: [web],
    };
    const to = formatAddress(address);
    const steps = verdict(packet("203.0.113.9", to), model(parts)).ingress?.steps;
    expect(steps?.at(-1)).toMatchObject({ policy: "GlobalNetworkPolicy security.block-bad", outcome: "deny" });
    const other = verdict(packet("192.0.2.9", to), model(parts)).ingress?.steps;
    expect(other?.at(-1)).toMatchObject({ kind: "tier", tier: "default", outcome: "deny" });
  });
});

describe("an endpoint's labels", () => {
  const endpoint = (labels: Record<string, string>, spec: object = {}) =>
    readWorkload(
      decodeStored(
        workloadEndpoint,
        stored(workloadEndpoint, "default/node1-k8s-web-eth0", {
          metadata: { name: "node1-k8s-web-eth0", namespace: "default", labels },
          spec: { orchestrator: "k8s", node: "node1", pod: "web", endpoint: "eth0", ...spec },
        }),
      ),
    );

  it("say where it is and as whom it runs by the system's word, not by its own", () => {
    const read = endpoint(
      { app: "web", "pcns.env": "prod", "pcsa.team": "a", "projectcalico.org/namespace": "other" },
      { serviceAccountName: "builder" },
    );
    expect(read.labels).toEqual({
      app: "web",
      "projectcalico.org/namespace": "default",
      "projectcalico.org/orchestrator": "k8s",
      "projectcalico.org/serviceaccount": "builder",
    });
  });

  it("come before those of its profiles, and of these the first's", () => {
    const labelled = { labels: { a: "own" }, profiles: ["one", "gone", "two"] };
    const profiles = new Map([
      ["one", { name: "one", labels: { a: "1", b: "1" }, ingress: [], egress: [] }],
      ["two", { name: "two", labels: { a: "2", b: "2", c: "2" }, ingress: [], egress: [] }],
    ]);
    expect(effectiveLabels(labelled, (name) => profiles.get(name))).toEqual({ a: "own", b: "1", c: "2" });
  });

  it("leave out ports that have no name, and take them for TCP's unless told", () => {
    const ports = [
      { name: "", port: 1 },
      { name: "web", port: 80 },
      { name: "dns", port: 53, protocol: "UDP" },
    ];
    expect(endpoint({}, { ports }).ports).toEqual([
      { name: "web", protocol: 6, port: 80 },
      { name: "dns", protocol: 17, port: 53 },
    ]);
  });
});
