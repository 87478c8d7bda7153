import { decodeStored, workloadEndpoint } from "@ocicat/api";
import { silentLogger } from "@ocicat/kit";
import { endpointKey, PolicyIndex, readClusterPolicy, readWorkload } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import { feedIndex } from "../../src/policy/feed.ts";
import { workloadReader } from "../../src/policy/workload-reader.ts";
import { endpointSink, makeTables } from "../../src/tables/tables.ts";

const ROOT = "/calico/resources/v3/projectcalico.org";

function stored(path: string, value: unknown, modRevision = 1n) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { key: `${ROOT}/${path}`, value: text, modRevision, createRevision: 1n, version: 1n, lease: 0n };
}

function endpoint(node: string, pod: string, address: string) {
  const name = `${node.replaceAll("-", "--")}-k8s-${pod}-eth0`;
  return stored(`workloadendpoints/default/${name}`, {
    kind: "WorkloadEndpoint",
    apiVersion: "projectcalico.org/v3",
    metadata: { name, namespace: "default", labels: { app: "web" } },
    spec: {
      orchestrator: "k8s",
      node,
      pod,
      endpoint: "eth0",
      profiles: ["net"],
      interfaceName: `cali${pod}`,
      ipNetworks: [`${address}/32`],
    },
  });
}

const tables = () => makeTables("node1", silentLogger);

describe("workload endpoints", () => {
  it("of all nodes are known to policy, and this node's own to the rest", () => {
    const all = tables();
    const sink = endpointSink(all, "node1");
    sink.replace([
      endpoint("node1", "a", "10.0.0.1"),
      endpoint("node1-b", "b", "10.0.0.2"),
      endpoint("node2", "c", "10.0.0.3"),
    ]);
    expect([...all.policy.workloads.rows()].map(({ workload }) => workload)).toEqual([
      "default/a",
      "default/b",
      "default/c",
    ]);
    expect([...all.endpoints.rows()].map(({ workload }) => workload)).toEqual(["default/a"]);
    sink.remove(endpoint("node1", "a", "").key, 5n);
    expect([...all.policy.workloads.rows()].map(({ workload }) => workload)).toEqual(["default/b", "default/c"]);
    expect([...all.endpoints.rows()]).toEqual([]);
  });

  it("keep once what many have in common", () => {
    const { workloads } = tables().policy;
    workloads.replace([endpoint("node1", "a", "10.0.0.1"), endpoint("node1", "b", "10.0.0.2")]);
    const [first, second] = [...workloads.rows()];
    expect(first?.labels).toEqual({
      app: "web",
      "projectcalico.org/namespace": "default",
      "projectcalico.org/orchestrator": "k8s",
    });
    expect(first?.labels).toBe(second?.labels);
    expect(first?.profiles).toBe(second?.profiles);
    expect(first && endpointKey(first)).toBe("workload default/node1-k8s-a-eth0");
  });
});

describe("nodes", () => {
  it("are what rules choose by labels, at the addresses that they say they have", () => {
    const all = tables();
    const index = new PolicyIndex("node1");
    let changes = 0;
    feedIndex(all, index, () => {
      changes += 1;
    });
    const deny = readClusterPolicy({
      metadata: { name: "deny" },
      spec: {
        tier: "Admin",
        priority: 1,
        subject: { namespaces: {} },
        egress: [{ action: "Deny", to: [{ nodes: { matchLabels: { role: "db" } } }] }],
      },
    });
    index.setPolicy(deny.id, { ...deny, neededEverywhere: true });
    const node = (role: string, revision: bigint, annotations = {}) =>
      stored(
        "nodes/node2",
        {
          kind: "Node",
          apiVersion: "projectcalico.org/v3",
          metadata: { name: "node2", labels: { role }, annotations },
          spec: {
            bgp: { ipv4Address: "192.0.2.2/24" },
            addresses: [
              { address: "192.0.2.2/24", type: "CalicoNodeIP" },
              { address: "203.0.113.2", type: "ExternalIP" },
            ],
          },
        },
        revision,
      );
    const members = () =>
      [...index.flush().sets.values()].flatMap((change) => {
        const [added, removed] =
          change.kind === "made"
            ? [change.members, []]
            : change.kind === "changed"
              ? [change.added, change.removed]
              : [[], []];
        const text = (sign: string) => (member: (typeof added)[number]) =>
          member.kind === "network" ? `${sign}${member.network}` : "";
        return [...added.map(text("+")), ...removed.map(text("-"))].sort();
      });
    all.nodes.put(node("db", 1n));
    expect(members()).toEqual(["+192.0.2.2/32", "+203.0.113.2/32"]);
    changes = 0;
    all.nodes.put(node("db", 2n, { "ocicat.io/backend": "vxlan" }));
    expect(changes, "what policy does not ask about changes nothing").toBe(0);
    all.nodes.put(node("web", 3n));
    expect(members()).toEqual(["-192.0.2.2/32", "-203.0.113.2/32"]);
    all.nodes.put(node("db", 4n));
    members();
    all.nodes.remove(node("db", 4n).key, 5n);
    expect(members()).toEqual(["-192.0.2.2/32", "-203.0.113.2/32"]);
  });
});

describe("what somebody stored that cannot be read", () => {
  const policy = (spec: unknown) => ({
    kind: "NetworkPolicy",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "web", namespace: "default" },
    spec,
  });

  it("a rule alone is closed: one that allowed allows nothing, any other denies everything", () => {
    const { networkPolicies } = tables().policy;
    const bad = { action: "Allow", protocol: "TCP", destination: { ports: [70_000] } };
    const item = stored("networkpolicies/default/web", policy({ order: 5, ingress: [bad, { action: "Maybe" }] }));
    networkPolicies.put(item);
    const row = networkPolicies.get(item.key);
    expect(row).toMatchObject({
      order: 5,
      directions: ["ingress"],
      ingress: [{ action: "allow" }, { action: "deny" }],
    });
    expect(row?.ingress.map(({ broken, closed }) => [broken !== undefined, closed !== undefined])).toEqual([
      [true, false],
      [false, true],
    ]);
    expect(networkPolicies.unreadable.get(item.key)).toBeTypeOf("string");
  });

  it.each([
    ["an order that is none", policy({ order: "first", selector: "app == 'web'" }), ["web"]],
    ["a selector that is none", policy({ order: 5, selector: "app == 'web'}" }), ["web", "db"]],
    ["what is no JSON", "{", ["web", "db"]],
  ])("%s: a policy denies all, both ways, to what it may be about", (_what, value, closed) => {
    const { networkPolicies } = tables().policy;
    const item = stored("networkpolicies/default/web", value);
    networkPolicies.put(item);
    const row = networkPolicies.get(item.key);
    expect(row).toMatchObject({ id: "NetworkPolicy default/web", tier: "default", directions: ["ingress", "egress"] });
    expect(row?.unreadable).toBeTypeOf("string");
    expect(networkPolicies.unreadable.get(item.key)).toBeTypeOf("string");
    for (const rules of [row?.ingress, row?.egress]) {
      expect(rules).toHaveLength(1);
      expect(rules?.[0]).toMatchObject({ action: "deny", protocol: undefined });
    }
    const labels = (app: string, namespace: string) => ({ app, "projectcalico.org/namespace": namespace });
    expect(["web", "db"].filter((app) => row?.selector.matches(labels(app, "default")))).toEqual(closed);
    expect(row?.selector.matches(labels("web", "other"))).toBe(false);
  });

  it("a staged policy stays staged: it decides nothing", () => {
    const { stagedNetworkPolicies } = tables().policy;
    stagedNetworkPolicies.put(stored("stagednetworkpolicies/default/web", "{"));
    expect([...stagedNetworkPolicies.rows()]).toMatchObject([{ staged: "set" }]);
    expect(stagedNetworkPolicies.unreadable.size).toBe(1);
  });

  it("a tier denies at its place, a profile keeps its labels, a set of networks those that can be read", () => {
    const { tiers, profiles, globalNetworkSets } = tables().policy;
    tiers.put(stored("tiers/guard", { metadata: { name: "guard" }, spec: { order: 5, defaultAction: "Maybe" } }));
    expect([...tiers.rows()]).toEqual([{ name: "guard", order: 5, defaultAction: "deny" }]);
    profiles.put(
      stored("profiles/kns.a", { spec: { ingress: [{ action: "No" }], labelsToApply: { "pcns.team": "x" } } }),
    );
    expect([...profiles.rows()]).toEqual([{ name: "kns.a", labels: { "pcns.team": "x" }, ingress: [], egress: [] }]);
    globalNetworkSets.put(
      stored("globalnetworksets/bad", {
        metadata: { labels: { bad: "yes" } },
        spec: { nets: ["10.9.0.0/16", "10.9"] },
      }),
    );
    const [set] = [...globalNetworkSets.rows()];
    expect(set?.labels).toEqual({ bad: "yes" });
    expect(set?.networks.map(String)).toEqual(["10.9.0.0/16"]);
  });
});

describe("an endpoint", () => {
  const base = JSON.parse(endpoint("node1", "a", "10.0.0.1").value) as {
    metadata: Record<string, unknown>;
    spec: Record<string, unknown>;
  };
  const variants: readonly (readonly [string, object, object])[] = [
    ["as most are", {}, {}],
    ["without labels", { labels: undefined }, {}],
    ["with a service account", {}, { serviceAccountName: "robot" }],
    ["with labels that say whose it is", { labels: { app: "x", "pcns.team": "y", "pcsa.z": "w" } }, {}],
    ["of two families", {}, { ipNetworks: ["10.0.0.1/32", "fd00::1/128"] }],
    ["with named ports", {}, { ports: [{ name: "http", protocol: "TCP", port: 80, hostPort: 0, hostIP: "" }] }],
    ["that may send from elsewhere", {}, { allowSpoofedSourcePrefixes: ["10.9.0.0/16"] }],
    ["without profiles", {}, { profiles: undefined }],
    ["of no orchestrator's", {}, { orchestrator: "cni", pod: undefined, containerID: "abc" }],
  ];

  it.each(variants)("%s is read as by its schema", (_what, metadata, spec) => {
    const item = endpoint("node1", "a", "10.0.0.1");
    const value = { ...base, metadata: { ...base.metadata, ...metadata }, spec: { ...base.spec, ...spec } };
    const changed = { ...item, value: JSON.stringify(value) };
    expect(workloadReader()(changed)).toEqual(readWorkload(decodeStored(workloadEndpoint, changed)));
  });

  it.each([
    ["with an address that is none", { ipNetworks: ["10.0.0.300/32"] }],
    ["with a node that is none", { node: 5 }],
  ])("%s is refused as by its schema", (_what, spec) => {
    const item = endpoint("node1", "a", "10.0.0.1");
    const changed = { ...item, value: JSON.stringify({ ...base, spec: { ...base.spec, ...spec } }) };
    expect(() => workloadReader()(changed)).toThrow();
    expect(() => decodeStored(workloadEndpoint, changed)).toThrow();
  });
});

describe("what Kubernetes says of policy", () => {
  const object = (path: string, spec: unknown, metadata: object = {}) => stored(path, { metadata, spec });

  it("is policies of the default tier, and of those before and behind all others", () => {
    const { kubernetesNetworkPolicies: own, kubernetesClusterNetworkPolicies: cluster } = tables().policy;
    own.put(object("kubernetesnetworkpolicies/shop/deny", { podSelector: {} }));
    const rule = { action: "Deny", from: [{ namespaces: {} }] };
    cluster.put(
      object("kubernetesclusternetworkpolicies/all", {
        tier: "Admin",
        priority: 7,
        subject: { namespaces: {} },
        ingress: [rule],
      }),
    );
    expect([...own.rows(), ...cluster.rows()]).toMatchObject([
      { id: "KubernetesNetworkPolicy shop/deny", tier: "default", order: 1000, directions: ["ingress"] },
      { id: "KubernetesClusterNetworkPolicy all", tier: "kube-admin", order: 7, directions: ["ingress"] },
    ]);
  });

  it.each(["not JSON", "[]", "{}"])("closes where it cannot be read, under the name that its key says: %s", (text) => {
    const { kubernetesNetworkPolicies: own } = tables().policy;
    own.put(stored("kubernetesnetworkpolicies/shop/deny", text));
    const [policy] = [...own.rows()];
    expect(policy).toMatchObject({ id: "KubernetesNetworkPolicy shop/deny", namespace: "shop", tier: "default" });
    expect(policy?.unreadable).toBeDefined();
  });
});
