import { afterAll, beforeAll, expect } from "vitest";
import { startEmbedded, type TestDatastore } from "./datastores.ts";
import { type Outcome, type TerminalOptions, terminal } from "./terminal.ts";

const API = "apiVersion: projectcalico.org/v3";

function pod(name: string, node: string, address: string, labels: string, namespace = "default"): string {
  const stored = name.replaceAll("-", "--");
  return `${API}
kind: WorkloadEndpoint
metadata: { name: ${node}-k8s-${stored}-eth0, namespace: ${namespace}, labels: { ${labels} } }
spec:
  orchestrator: k8s
  node: ${node}
  pod: ${name}
  endpoint: eth0
  interfaceName: cali${namespace.slice(0, 3)}${name.replaceAll("-", "")}
  ipNetworks: [${address}/32]
  profiles: [k8s-pod-network]
  ports: [{ name: admin, port: 8443, protocol: TCP }]`;
}

/** Two nodes, four pods, a database that only web may reach, and a network that nobody may. */
export const CLUSTER = [
  ...["node1 192.168.0.81", "node2 192.168.0.82"].map((line) => {
    const [name, address] = line.split(" ");
    return `${API}\nkind: Node\nmetadata: { name: ${name} }\nspec: { bgp: { ipv4Address: ${address}/24 } }`;
  }),
  `${API}
kind: IPPool
metadata: { name: default-ipv4-ippool }
spec: { cidr: 10.244.0.0/16, vxlanMode: CrossSubnet, natOutgoing: true }`,
  `${API}
kind: Profile
metadata: { name: k8s-pod-network }
spec: { ingress: [{ action: Allow }], egress: [{ action: Allow }] }`,
  pod("web-1", "node1", "10.244.166.129", "app: web"),
  pod("web-2", "node2", "10.244.104.1", "app: web"),
  pod("db-0", "node2", "10.244.104.2", "app: db"),
  pod("web-1", "node1", "10.244.166.130", "app: web", "prod"),
  `${API}
kind: Tier
metadata: { name: security }
spec: { order: 50, defaultAction: Pass }`,
  `${API}
kind: GlobalNetworkSet
metadata: { name: bad, labels: { role: bad } }
spec: { nets: [203.0.113.0/24] }`,
  `${API}
kind: GlobalNetworkPolicy
metadata: { name: block-bad }
spec:
  tier: security
  order: 1
  selector: all()
  types: [Egress]
  egress: [{ action: Deny, destination: { selector: role == 'bad' } }]`,
  `${API}
kind: NetworkPolicy
metadata: { name: db, namespace: default }
spec:
  selector: app == 'db'
  order: 10
  ingress:
    - action: Allow
      protocol: TCP
      source: { selector: app == 'web' }
      destination: { ports: [5432] }`,
].join("\n---\n");

export interface TestCluster {
  readonly endpoint: string;
  readonly run: (line: string, more?: TerminalOptions) => Promise<Outcome>;
}

/** A datastore with that in it, and more, for all of the tests around. */
export function clusterForAll(...more: readonly string[]): TestCluster {
  let datastore: TestDatastore | undefined;
  const run = async (line: string, options: TerminalOptions = {}) =>
    await terminal({ ...options, env: { ETCD_ENDPOINTS: datastore?.endpoint ?? "", ...options.env } })(
      ...line.split(" "),
    );
  beforeAll(async () => {
    datastore = await startEmbedded();
    const { code, stderr } = await run("apply -f -", { stdin: [CLUSTER, ...more].join("\n---\n") });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  });
  afterAll(async () => datastore?.stop());
  return {
    run,
    get endpoint() {
      return datastore?.endpoint ?? "";
    },
  };
}
