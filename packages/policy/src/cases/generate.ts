import { type Case, put } from "./case.ts";
import { changes } from "./changes.ts";
import {
  type Cluster,
  type KubernetesPolicy,
  openCluster,
  type Peer,
  type Port,
  podName,
  type Selector,
  TRANSPORTS,
} from "./cluster.ts";
import { DIRECTIONS, NAMESPACE_SELECTORS, POD_SELECTORS, policyFor } from "./parts.ts";

/**
 * All cases, made from tables of what Kubernetes' policies can say: whom they are for, who the peers are, which ports, how
 * rules and policies add up, and what changes while they are in force. Addresses in them are those of the cluster's pods.
 */
export function allCases(cluster: Cluster = openCluster()): readonly Case[] {
  return [
    ...targets(),
    ...types(),
    ...peersByLabels(),
    ...peersByAddress(cluster),
    ...ports(),
    ...rulesTogether(cluster),
    ...policiesTogether(),
    ...changes(),
  ];
}

const single = (name: string, policy: KubernetesPolicy): Case => ({ name, steps: [put(policy)] });

/** Whom a policy is for, closing them or leaving them open. */
function targets(): readonly Case[] {
  return DIRECTIONS.flatMap((direction) =>
    Object.entries(POD_SELECTORS).flatMap(([name, podSelector]) => [
      single(`target: ${direction} of pods ${name}, closed`, policyFor(direction, [], { namespace: "y", podSelector })),
      single(
        `target: ${direction} of pods ${name}, open to a port`,
        policyFor(direction, [{ ports: [{ port: 80 }] }], { namespace: "z", podSelector }),
      ),
    ]),
  );
}

/** What is closed where nothing is said, and where it is. */
function types(): readonly Case[] {
  const rule = { ports: [{ protocol: "UDP" as const, port: 81 }] };
  const specs: Readonly<Record<string, Omit<KubernetesPolicy["spec"], "podSelector">>> = {
    "nothing said": {},
    "ingress rules": { ingress: [rule] },
    "egress rules": { egress: [rule] },
    "rules for both": { ingress: [rule], egress: [{}] },
    "ingress alone, beside egress rules": { policyTypes: ["Ingress"], egress: [rule] },
    "egress alone, beside ingress rules": { policyTypes: ["Egress"], ingress: [rule] },
    "both, without rules": { policyTypes: ["Ingress", "Egress"] },
    "both, open": { policyTypes: ["Ingress", "Egress"], ingress: [{}], egress: [{}] },
  };
  return Object.entries(specs).map(([name, spec]) =>
    single(`types: ${name}`, { metadata: { name: "p", namespace: "x" }, spec: { podSelector: {}, ...spec } }),
  );
}

function peersByLabels(): readonly Case[] {
  const pods: readonly (readonly [string, Selector | undefined])[] = [
    ["any", undefined],
    ...Object.entries(POD_SELECTORS),
  ];
  const namespaces: readonly (readonly [string, Selector | undefined])[] = [
    ["its own", undefined],
    ...Object.entries(NAMESPACE_SELECTORS),
  ];
  return DIRECTIONS.flatMap((direction) =>
    pods.flatMap(([podsName, podSelector]) =>
      namespaces.flatMap(([namespaceName, namespaceSelector]) => {
        if (podSelector === undefined && namespaceSelector === undefined) return [];
        const peer: Peer = {
          ...(podSelector === undefined ? {} : { podSelector }),
          ...(namespaceSelector === undefined ? {} : { namespaceSelector }),
        };
        return [
          single(
            `peers: ${direction}, pods ${podsName}, namespaces ${namespaceName}`,
            policyFor(direction, [{ peers: [peer] }]),
          ),
        ];
      }),
    ),
  );
}

function peersByAddress(cluster: Cluster): readonly Case[] {
  const at = (name: string) => cluster.pods.find((pod) => podName(pod) === name)?.address ?? "";
  const networks = [`${at("y/b")}/32`, `${at("y/b")}/28`, `${at("y/b")}/24`, `${at("y/b")}/16`, "0.0.0.0/0"];
  const holes: Readonly<Record<string, readonly string[]>> = {
    "without holes": [],
    "but one pod": [`${at("y/b")}/32`],
    "but a block": [`${at("y/c")}/28`],
    "but two": [`${at("y/a")}/32`, `${at("y/c")}/32`],
  };
  return DIRECTIONS.flatMap((direction) =>
    networks.flatMap((cidr) =>
      Object.entries(holes).map(([name, except]) =>
        single(
          `addresses: ${direction}, ${cidr} ${name}`,
          policyFor(direction, [{ peers: [{ ipBlock: { cidr, except } }] }]),
        ),
      ),
    ),
  );
}

function ports(): readonly Case[] {
  return DIRECTIONS.flatMap((direction) =>
    TRANSPORTS.flatMap((protocol) => {
      const named = protocol.toLowerCase();
      const lists: Readonly<Record<string, readonly Port[]>> = {
        "all of them": [{ protocol }],
        one: [{ protocol, port: 80 }],
        another: [{ protocol, port: 81 }],
        "one that nobody listens on": [{ protocol, port: 79 }],
        both: [
          { protocol, port: 80 },
          { protocol, port: 81 },
        ],
        "by name": [{ protocol, port: `serve-81-${named}` }],
        "by a name that another protocol has": [{ protocol, port: `serve-80-${named === "udp" ? "tcp" : "udp"}` }],
        "by a name that nobody has": [{ protocol, port: "serve-none" }],
        "a range": [{ protocol, port: 80, endPort: 81 }],
        "the end of a range": [{ protocol, port: 1, endPort: 80 }],
        "a range and a name": [
          { protocol, port: 82, endPort: 90 },
          { protocol, port: `serve-80-${named}` },
        ],
        "one, and all of another protocol": [{ protocol, port: 80 }, { protocol: protocol === "UDP" ? "SCTP" : "UDP" }],
      };
      return Object.entries(lists).map(([name, list]) =>
        single(`ports: ${direction} of ${protocol}, ${name}`, policyFor(direction, [{ ports: list }])),
      );
    }),
  );
}

/** Within a rule, peers and ports are each any of theirs, and both at once; rules are any of them. */
function rulesTogether(cluster: Cluster): readonly Case[] {
  const [zc] = cluster.pods.filter((pod) => podName(pod) === "z/c");
  const b: Peer = { podSelector: { matchLabels: { pod: "b" } } };
  const y: Peer = { namespaceSelector: { matchLabels: { ns: "y" } } };
  const block: Peer = { ipBlock: { cidr: `${zc?.address}/32` } };
  const hole: Peer = { ipBlock: { cidr: "0.0.0.0/0", except: [`${zc?.address}/32`] } };
  const http: readonly Port[] = [{ port: 80 }];
  const udp: readonly Port[] = [{ protocol: "UDP" }];
  const lists = {
    "two peers": [{ peers: [b, y] }],
    "pods and addresses": [{ peers: [b, block] }],
    "a peer after a hole": [{ peers: [hole, block] }],
    "a rule after a hole": [{ peers: [hole] }, { peers: [block] }],
    "a peer and a port": [{ peers: [y], ports: http }],
    "two peers and two ports": [{ peers: [b, y], ports: [...http, ...udp] }],
    "a peer, or a port": [{ peers: [y] }, { ports: http }],
    "two rules with a peer and a port each": [
      { peers: [b], ports: http },
      { peers: [y], ports: udp },
    ],
    "everything, after something": [{ peers: [b], ports: http }, {}],
    "empty lists, which are none": [{ peers: [], ports: [] }],
  };
  return DIRECTIONS.flatMap((direction) =>
    Object.entries(lists).map(([name, rules]) => single(`rules: ${direction}, ${name}`, policyFor(direction, rules))),
  );
}

/** Policies add up: none takes away what another allows. */
function policiesTogether(): readonly Case[] {
  const everyone: Selector = {};
  return DIRECTIONS.flatMap((direction) => {
    const other = direction === "ingress" ? "egress" : "ingress";
    const closed = (name: string) => policyFor(direction, [], { name, podSelector: everyone });
    const open = (name: string) => policyFor(direction, [{}], { name });
    const port = (name: string, number: number) => policyFor(direction, [{ ports: [{ port: number }] }], { name });
    const from = (name: string, namespace: string) =>
      policyFor(direction, [{ peers: [{ namespaceSelector: { matchLabels: { ns: namespace } } }] }], { name });
    const sets: Readonly<Record<string, readonly KubernetesPolicy[]>> = {
      "closed, then open": [closed("a"), open("b")],
      "open, then closed": [open("a"), closed("b")],
      "two ports": [port("a", 80), port("b", 81)],
      "two namespaces": [from("a", "y"), from("b", "z")],
      "closed twice": [closed("a"), closed("b")],
      "closed one way, open the other": [closed("a"), policyFor(other, [{}], { name: "b" })],
      "closed both ways": [closed("a"), policyFor(other, [], { name: "b" })],
      "one name in two namespaces": [closed("a"), policyFor(direction, [], { name: "a", namespace: "y" })],
      "both ends": [
        port("a", 80),
        policyFor(other, [{ ports: [{ port: 80 }, { port: 81 }] }], { name: "b", namespace: "y" }),
      ],
    };
    return Object.entries(sets).map(([name, policies]) => ({
      name: `policies: ${direction}, ${name}`,
      steps: policies.map(put),
    }));
  });
}
