/** Clusters of a given size, as model values: what the agent has read when it begins to calculate. */
import { compileSelector } from "@ocicat/api";
import { type Ipv4, ipv4, Prefix } from "@ocicat/net";
import {
  type End,
  endpointKey,
  type NetworkSet,
  type Policy,
  type PolicyIndex,
  type Profile,
  policyId,
  type Rule,
  type Workload,
} from "@ocicat/policy";

export const NODE = "node-0";
const NAMESPACES = 100;

export interface Cluster {
  readonly endpoints: readonly Workload[];
  readonly policies: readonly Policy[];
  readonly profiles: readonly Profile[];
  readonly networkSets: readonly NetworkSet[];
}

export function tell(index: PolicyIndex, { endpoints, policies, profiles, networkSets }: Cluster): void {
  index.setTier("default", { name: "default", order: 1_000_000, defaultAction: "deny" });
  for (const policy of policies) index.setPolicy(policy.id, policy);
  for (const profile of profiles) index.setProfile(profile.name, profile);
  for (const set of networkSets) index.setNetworkSet(`${set.kind} ${set.id}`, set);
  for (const endpoint of endpoints) index.setEndpoint(endpointKey(endpoint), endpoint);
}

/**
 * What people run: namespaces with applications of ten pods, a tenth of a node's pods in each; every application has policies
 * that let in one other application of its namespace, and one of all namespaces with a role. One endpoint in a hundred is local.
 */
export function applications(endpoints: number, policies: number): Cluster {
  const apps = Math.max(NAMESPACES, endpoints / 10);
  return {
    endpoints: Array.from({ length: endpoints }, (_, at) => {
      const app = at % apps;
      return workload(at, `node-${Math.floor(at / 100)}`, `ns-${app % NAMESPACES}`, {
        app: `app-${app}`,
        role: `role-${at % 20}`,
        release: `release-${at % 3}`,
      });
    }),
    policies: Array.from({ length: policies }, (_, at) => {
      const app = at % apps;
      const namespace = `ns-${app % NAMESPACES}`;
      const inside = `projectcalico.org/namespace == '${namespace}'`;
      const peer = (app + NAMESPACES * (1 + Math.floor(at / apps))) % apps;
      return policy(`policy-${at}`, namespace, `${inside} && app == 'app-${app}'`, [
        `${inside} && app == 'app-${peer}'`,
        `has(pcns.tenant) && role == 'role-${at % 20}'`,
      ]);
    }),
    profiles: namespaceProfiles(),
    networkSets: [],
  };
}

/** The sizes of network sets in Calico's benchmark of its own calculation: on average 112 addresses. */
const CALICOS_SIZES = [1, 1, 1, 1, 2, 3, 4, 5, 100, 1000];

/**
 * The shape of Calico's benchmark of a cold calculation: each policy applies to every endpoint and lets in a network set of its
 * own; 200 endpoints are local.
 */
export function networkSetPerPolicy(endpoints: number, policies: number): Cluster {
  let next = 0x0b00_0000;
  return {
    endpoints: Array.from({ length: endpoints + 200 }, (_, at) =>
      workload(at, at < 200 ? NODE : "node-far", `ns-${at % NAMESPACES}`, {
        ...Object.fromEntries([10, 11, 20, 30, 40].map((n) => [`one-in-${n}`, `value-${at % n}`])),
        [`marker-${at % 31}`]: "true",
      }),
    ),
    networkSets: Array.from({ length: policies }, (_, at) => ({
      id: `set-${at}`,
      kind: "GlobalNetworkSet",
      labels: { "network-set-name": `set-${at}` },
      profiles: [],
      networks: Array.from({ length: CALICOS_SIZES[at % CALICOS_SIZES.length] ?? 0 }, () => Prefix.host(ipv4(next++))),
    })),
    policies: Array.from({ length: policies }, (_, at) =>
      policy(`policy-${at}`, undefined, "all()", [`network-set-name == 'set-${at}'`]),
    ),
    profiles: namespaceProfiles(),
  };
}

export function workload(
  at: number,
  node: string,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): Workload {
  return {
    kind: "workload",
    id: `${namespace}/${node}-k8s-pod--${at}-eth0`,
    node,
    workload: `${namespace}/pod-${at}`,
    namespace,
    labels: { ...labels, "projectcalico.org/namespace": namespace, "projectcalico.org/orchestrator": "k8s" },
    profiles: [`kns.${namespace}`],
    ports: [],
    interfaceName: `cali${at}`,
    addresses: [(0x0a00_0001 + at) as Ipv4],
    allowedSources: [],
  };
}

export function policy(
  name: string,
  namespace: string | undefined,
  selector: string,
  sources: readonly string[],
): Policy {
  const kind = namespace === undefined ? "GlobalNetworkPolicy" : "NetworkPolicy";
  return {
    id: policyId(kind, namespace, name),
    resource: { kind, name: namespace === undefined ? name : `${namespace}/${name}` },
    namespace,
    tier: "default",
    order: Number.POSITIVE_INFINITY,
    selector: compileSelector(selector),
    directions: ["ingress"],
    ingress: sources.map((source, at) => allowFrom(source, at)),
    egress: [],
    untracked: false,
    preDnat: false,
    applyOnForward: false,
    staged: undefined,
    neededEverywhere: false,
  };
}

const ANYWHERE: End = {
  networks: [],
  notNetworks: [],
  selector: undefined,
  notSelector: undefined,
  nodes: undefined,
  ports: [],
  notPorts: [],
  service: undefined,
};

function allowFrom(source: string, at: number): Rule {
  return {
    action: "allow",
    ipVersion: undefined,
    protocol: undefined,
    notProtocol: undefined,
    icmp: undefined,
    notIcmp: undefined,
    source: { ...ANYWHERE, selector: compileSelector(source) },
    destination: ANYWHERE,
    field: `spec.ingress[${at}]`,
    broken: undefined,
  };
}

function namespaceProfiles(): readonly Profile[] {
  return Array.from({ length: NAMESPACES }, (_, at) => ({
    name: `kns.ns-${at}`,
    labels: { "pcns.projectcalico.org/name": `ns-${at}`, "pcns.tenant": `tenant-${at % 10}` },
    ingress: [],
    egress: [],
  }));
}
