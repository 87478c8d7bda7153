/**
 * A small cluster on which policies are tried: three namespaces with three pods each, and every pod listens on ports 80 and 81
 * of TCP, UDP and SCTP, which it calls serve-80-tcp and so on.
 */
export interface Cluster {
  /** Labels by name. */
  readonly namespaces: Readonly<Record<string, Labels>>;
  readonly pods: readonly Pod[];
  readonly policies: readonly KubernetesPolicy[];
}

export type Labels = Readonly<Record<string, string>>;

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** IPv4, as text. */
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly protocol: TransportName; readonly port: number }[];
}

export const TRANSPORTS = ["TCP", "UDP", "SCTP"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

export const PORTS = [80, 81] as const;

/** A NetworkPolicy of networking.k8s.io/v1, as somebody writes it. */
export interface KubernetesPolicy {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes?: readonly ("Ingress" | "Egress")[];
    readonly ingress?: readonly { readonly ports?: readonly Port[]; readonly from?: readonly Peer[] }[];
    readonly egress?: readonly { readonly ports?: readonly Port[]; readonly to?: readonly Peer[] }[];
  };
}

export interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }[];
}

export interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface Port {
  readonly protocol?: TransportName;
  readonly port?: number | string;
  readonly endPort?: number;
}

/** One thing to try: whether a connection opens. */
export interface Probe {
  /** `x/a`. */
  readonly source: string;
  readonly destination: string;
  readonly protocol: TransportName;
  readonly port: number;
}

export function podName({ namespace, name }: Pick<Pod, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

/** Where its pods are is for who makes the cluster to say. */
export function openCluster(addressOf: (pod: string) => string = standardAddress): Cluster {
  const namespaces = ["x", "y", "z"];
  const pods = namespaces.flatMap((namespace) =>
    ["a", "b", "c"].map((name): Pod => {
      const address = addressOf(`${namespace}/${name}`);
      return { namespace, name, labels: { pod: name }, address, ports: listening() };
    }),
  );
  return { namespaces: Object.fromEntries(namespaces.map((name) => [name, { ns: name }])), pods, policies: [] };
}

function listening(): Pod["ports"] {
  return TRANSPORTS.flatMap((protocol) =>
    PORTS.map((port) => ({ name: `serve-${port}-${protocol.toLowerCase()}`, protocol, port })),
  );
}

/** 192.168.<1, 2, 3 for x, y, z>.<17, 33, 49 for a, b, c>: so that a /28 holds one pod, a /24 a namespace. */
function standardAddress(pod: string): string {
  const [namespace = "", name = ""] = pod.split("/");
  return `192.168.${"xyz".indexOf(namespace) + 1}.${("abc".indexOf(name) + 1) * 16 + 1}`;
}

/** All pairs of different pods, all protocols and ports. What a pod sends to itself stays in it. */
export function probesOf({ pods }: Cluster): readonly Probe[] {
  const names = pods.map(podName);
  return names.flatMap((source) =>
    names
      .filter((destination) => destination !== source)
      .flatMap((destination) =>
        TRANSPORTS.flatMap((protocol) => PORTS.map((port) => ({ source, destination, protocol, port }))),
      ),
  );
}
