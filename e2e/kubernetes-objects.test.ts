import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KUBERNETES_OBJECTS } from "@ocicat/api";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RouterBird, startBird } from "./support/bird.ts";
import { eventually, TestLab } from "./support/lab.ts";
import { eventuallyReaches, reaches } from "./support/reach.ts";

/**
 * What follows from objects of Kubernetes, on agents that find them in their datastore as they find them in Kubernetes: policies
 * that packets meet, and addresses of services that a router hears of.
 */
const TOPOLOGY = `
segments: [rack]
routers:
  - name: tor
    interfaces:
      - { segment: rack, address: 10.0.1.1/24 }
nodes:
  - { name: node1, segment: rack, address: 10.0.1.11/24, gateway: 10.0.1.1 }
  - { name: node2, segment: rack, address: 10.0.1.12/24, gateway: 10.0.1.1 }
datastore: node1
pools:
  - { name: plain, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
pods:
  - { name: web, node: node1, labels: { app: web } }
  - { name: client, node: node2, labels: { app: client } }
  - { name: other, node: node2 }
`;

const NODES = { node1: "10.0.1.11", node2: "10.0.1.12" } as const;
type NodeName = keyof typeof NODES;

const lab = new TestLab(TOPOLOGY);
const files = mkdtempSync(join(tmpdir(), "oct-kubernetes-"));
const stored = new Set<string>();
let bird: RouterBird | undefined;

const BIRD = `
router id 10.0.1.1;
protocol device { }
template bgp nodes {
  local as 65000;
  ipv4 { import all; export none; add paths on; };
  error wait time 1, 2; connect delay time 1; connect retry time 1;
}
${Object.entries(NODES)
  .map(([name, address]) => `protocol bgp ${name} from nodes { neighbor ${address} as 64512; }`)
  .join("\n")}
`;

beforeAll(async () => {
  await lab.up();
  bird = await startBird(lab, "tor", BIRD);
  apply("BGPPeer", "tor", "peerIP: 10.0.1.1, asNumber: 65000");
  await eventuallyReaches(lab, "client", "web", 80, true);
});
afterEach(async () => {
  for (const key of stored) await lab.store.delete(key);
  stored.clear();
});
afterAll(async () => {
  await bird?.stop();
  rmSync(files, { recursive: true, force: true });
  expect(await lab.down()).toEqual([]);
});

function apply(kind: string, name: string, spec: string, metadata = ""): void {
  const file = join(files, "one.yaml");
  writeFileSync(
    file,
    `{ apiVersion: projectcalico.org/v3, kind: ${kind}, metadata: { name: ${name} ${metadata} }, spec: { ${spec} } }\n`,
  );
  expect(lab.ocicat("apply", "-f", file)).toMatchObject({ stderr: "", code: 0 });
}

function remove(kind: string, name: string): void {
  expect(lab.ocicat("delete", kind, name)).toMatchObject({ stderr: "", code: 0 });
}

/** Stands in the datastore as Kubernetes has it, until the test is over. */
async function put(of: keyof typeof KUBERNETES_OBJECTS, name: string, document: object, metadata: object = {}) {
  const { kind, apiVersion, namespaced, storage } = KUBERNETES_OBJECTS[of];
  const namespace = namespaced ? "default" : undefined;
  const key = storage.key(name, namespace) ?? "";
  stored.add(key);
  const whole = {
    kind,
    apiVersion,
    metadata: { name, ...(namespaced ? { namespace } : {}), ...metadata },
    ...document,
  };
  await lab.store.put(key, JSON.stringify(whole));
}

interface Place {
  readonly address: string;
  readonly node: NodeName;
  readonly ready?: boolean;
}

async function putSlice(service: string, places: readonly Place[], port = 80): Promise<void> {
  const endpoints = places.map(({ address, node, ready = true }) => ({
    addresses: [address],
    nodeName: node,
    conditions: { ready },
  }));
  const labels = { "kubernetes.io/service-name": service };
  await put("endpointSlice", `${service}-1`, { addressType: "IPv4", endpoints, ports: [{ port }] }, { labels });
}

describe("a policy of Kubernetes", () => {
  it("lets in whom it names at the ports it names, and is gone when it is deleted", async () => {
    const ingress = [
      { from: [{ podSelector: { matchLabels: { app: "client" } } }], ports: [{ port: 80 }, { port: 90, endPort: 95 }] },
    ];
    await put("networkPolicy", "web", { spec: { podSelector: { matchLabels: { app: "web" } }, ingress } });
    await eventuallyReaches(lab, "other", "web", 80, false);
    expect(await reaches(lab, "client", lab.address("web"), 80)).toBe(true);
    expect(await reaches(lab, "client", lab.address("web"), 93)).toBe(true);
    expect(await reaches(lab, "client", lab.address("web"), 81)).toBe(false);
    const why = lab.ocicat("policy", "why", "other", "web", "--port", "80");
    expect(why).toMatchObject({ code: 1, stdout: expect.stringContaining("KubernetesNetworkPolicy default/web") });
    await lab.store.delete(KUBERNETES_OBJECTS.networkPolicy.storage.key("web", "default") ?? "");
    stored.clear();
    await eventuallyReaches(lab, "other", "web", 80, true);
  });

  it("that is the cluster's decides before those of namespaces, or where they say nothing", async () => {
    const rule = (action: string) => [{ action, from: [{ namespaces: {} }] }];
    const subject = { namespaces: {} };
    await put("networkPolicy", "web", { spec: { podSelector: {}, ingress: [{}] } });
    await put("clusterNetworkPolicy", "first", {
      spec: { tier: "Admin", priority: 10, subject, ingress: rule("Deny") },
    });
    await eventuallyReaches(lab, "other", "web", 80, false);
    await put("clusterNetworkPolicy", "first", {
      spec: { tier: "Baseline", priority: 10, subject, ingress: rule("Deny") },
    });
    // The namespace's own policy allows, and decides.
    await eventuallyReaches(lab, "other", "web", 80, true);
    await lab.store.delete(KUBERNETES_OBJECTS.networkPolicy.storage.key("web", "default") ?? "");
    stored.delete(KUBERNETES_OBJECTS.networkPolicy.storage.key("web", "default") ?? "");
    await eventuallyReaches(lab, "other", "web", 80, false);
  });
});

describe("a policy about nodes", () => {
  it("denies what goes to those with its labels, at their addresses, for as long as they have them", async () => {
    const label = (...words: string[]) => expect(lab.ocicat("label", "nodes", "node1", ...words).code).toBe(0);
    label("role=db");
    await put("clusterNetworkPolicy", "nodes", {
      spec: {
        tier: "Admin",
        priority: 1,
        subject: { pods: { podSelector: { matchLabels: { app: "client" } } } },
        egress: [{ action: "Deny", to: [{ nodes: { matchLabels: { role: "db" } } }] }],
      },
    });
    await eventuallyReaches(lab, "client", NODES.node1, 4000, false);
    expect(await reaches(lab, "other", NODES.node1, 4000)).toBe(true);
    expect(await reaches(lab, "client", lab.address("web"), 80)).toBe(true);
    expect(await reaches(lab, "client", "10.0.1.1", 4000)).toBe(true);
    const why = lab.ocicat("policy", "show", "default/client");
    expect(why.stdout).toContain('nodes role == "db"');
    label("role", "--remove");
    await eventuallyReaches(lab, "client", NODES.node1, 4000, true);
  });
});

describe("a policy that names a service", () => {
  afterEach(() => remove("globalnetworkpolicy", "to-service"));

  it("lets out to its endpoints at their ports, as they come and go", async () => {
    const services = "services: { name: web, namespace: default }";
    apply(
      "GlobalNetworkPolicy",
      "to-service",
      `selector: app == 'client', types: [Egress], egress: [{ action: Allow, destination: { ${services} } }]`,
    );
    await eventuallyReaches(lab, "client", "web", 80, false);
    await putSlice("web", [{ address: lab.address("web"), node: "node1" }]);
    await eventuallyReaches(lab, "client", "web", 80, true);
    expect(await reaches(lab, "client", lab.address("web"), 81)).toBe(false);
    await putSlice("web", [{ address: lab.address("web"), node: "node1", ready: false }], 81);
    await eventuallyReaches(lab, "client", "web", 81, true);
    expect(await reaches(lab, "client", lab.address("web"), 80)).toBe(false);
    await putSlice("web", []);
    await eventuallyReaches(lab, "client", "web", 81, false);
  });

  it("lets in from its endpoints, from any port", async () => {
    apply(
      "GlobalNetworkPolicy",
      "to-service",
      "selector: app == 'web', types: [Ingress], ingress: [{ action: Allow, source: { services: { name: clients, namespace: default } } }]",
    );
    await eventuallyReaches(lab, "client", "web", 80, false);
    await putSlice("clients", [{ address: lab.address("client"), node: "node2" }], 9999);
    await eventuallyReaches(lab, "client", "web", 80, true);
    expect(await reaches(lab, "other", lab.address("web"), 80)).toBe(false);
    for (const node of ["node1", "node2"]) {
      expect(await lab.agent(node, "/policy/verify")).toMatchObject({ differences: 0, text: [] });
    }
    expect(lab.ocicat("policy", "why", "client", "web", "--port", "80").code).toBe(0);
  });
});

/** Which nodes announce what lies in a range, as BIRD has heard. */
function heard(): Readonly<Record<string, readonly NodeName[]>> {
  const found: Record<string, NodeName[]> = {};
  for (const node of Object.keys(NODES) as NodeName[]) {
    const table = bird?.ask(`show route protocol ${node}`) ?? "";
    for (const [, prefix = ""] of table.matchAll(/^(\S+\/\d+) /gm)) {
      if (prefix.startsWith("10.244.")) continue;
      found[prefix] = [...(found[prefix] ?? []), node];
    }
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function eventuallyHears(expected: Readonly<Record<string, readonly NodeName[]>>): Promise<void> {
  const wanted = JSON.stringify(Object.fromEntries(Object.entries(expected).sort(([a], [b]) => (a < b ? -1 : 1))));
  await eventually(
    async () => JSON.stringify(heard()),
    (text) => text === wanted,
  );
}

async function putService(name: string, spec: object, ingress: readonly string[] = []): Promise<void> {
  const status = { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } };
  await put("service", name, { spec: { type: "ClusterIP", clusterIP: "10.96.0.10", ...spec }, status });
}

const both: readonly NodeName[] = ["node1", "node2"];
const RANGES = `serviceClusterIPs: [{ cidr: 10.96.0.0/16 }], serviceExternalIPs: [{ cidr: 203.0.113.0/24 }], serviceLoadBalancerIPs: [{ cidr: 198.51.100.0/24 }]`;
const WHOLE = { "10.96.0.0/16": both, "198.51.100.0/24": both, "203.0.113.0/24": both };

describe("services' addresses", () => {
  afterEach(async () => {
    apply("BGPConfiguration", "default", "logSeverityScreen: Info");
    await eventuallyHears({});
  });

  it("are announced as ranges by all nodes; a Local service's by nodes with a ready endpoint, one by one", async () => {
    apply("BGPConfiguration", "default", RANGES);
    await eventuallyHears(WHOLE);
    const local = {
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      externalIPs: ["203.0.113.7", "192.0.2.1"],
    };
    await putService("web", local, ["198.51.100.1"]);
    await putSlice("web", [{ address: lab.address("web"), node: "node1" }]);
    const alone = (nodes: readonly NodeName[]) => ({
      ...WHOLE,
      "10.96.0.10/32": nodes,
      "198.51.100.1/32": nodes,
      "203.0.113.7/32": nodes,
    });
    await eventuallyHears(alone(["node1"]));
    const onBoth = (ready: boolean): Place[] => [
      { address: lab.address("web"), node: "node1", ready },
      { address: lab.address("client"), node: "node2" },
    ];
    await putSlice("web", onBoth(true));
    await eventuallyHears(alone(both));
    await putSlice("web", onBoth(false));
    await eventuallyHears(alone(["node2"]));
    await putService("web", { ...local, externalTrafficPolicy: "Cluster" }, ["198.51.100.1"]);
    await eventuallyHears(WHOLE);
    // What one node announces of services the other does not send packets to: it takes them itself.
    expect(await lab.out("node2", "ip", "route")).not.toMatch(/198\.51|203\.0\.113|10\.96/);
    expect(lab.ocicat("bgp", "routes").stdout).toContain("10.96.0.0/16");
  });

  it("of balancers are announced one by one where ranges are not told as a whole, while there is an endpoint", async () => {
    apply("BGPConfiguration", "default", `${RANGES}, serviceLoadBalancerAggregation: Disabled`);
    const { "198.51.100.0/24": _, ...whole } = WHOLE;
    await eventuallyHears(whole);
    await putService("web", { type: "LoadBalancer" }, ["198.51.100.1"]);
    await putSlice("web", [{ address: lab.address("client"), node: "node2" }]);
    await eventuallyHears({ ...whole, "198.51.100.1/32": both });
    await putSlice("web", [{ address: lab.address("client"), node: "node2", ready: false }]);
    await eventuallyHears(whole);
  });

  it("that no service has come back from nobody: packets for them end on the node", async () => {
    apply("BGPConfiguration", "default", RANGES);
    await eventuallyHears(WHOLE);
    const dropped = async () =>
      (await lab.out("node2", "nft", "list", "table", "inet", "ocicat-services")).match(/packets (\d+)/)?.[1];
    const capture = await lab.capture("tor", "eth0", "icmp[icmptype] == icmp-echo");
    const before = Number(await dropped());
    await lab.exec("client", "ping", "-c", "2", "-i", "0.2", "-W", "1", "203.0.113.99");
    expect(Number(await dropped())).toBe(before + 2);
    // What lies outside goes out: the capture sees what passes.
    await lab.exec("client", "ping", "-c", "1", "-W", "1", "203.0.114.1");
    const seen = await eventually(
      () => capture.read("icmp.type == 8", "ip.dst"),
      (all) => all.length > 0,
    );
    expect(seen).toEqual(["203.0.114.1"]);
    await capture.stop();
    capture.forget();
  });

  it("are not announced by a node that is kept out of load balancing, for as long as it is", async () => {
    apply("BGPConfiguration", "default", RANGES);
    await eventuallyHears(WHOLE);
    const label = (...words: string[]) => expect(lab.ocicat("label", "nodes", "node1", ...words).code).toBe(0);
    label("node.kubernetes.io/exclude-from-external-load-balancers=true");
    await eventuallyHears(Object.fromEntries(Object.keys(WHOLE).map((range) => [range, ["node2"]])));
    label("node.kubernetes.io/exclude-from-external-load-balancers", "--remove");
    await eventuallyHears(WHOLE);
  });
});
