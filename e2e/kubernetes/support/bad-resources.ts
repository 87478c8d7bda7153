type Json = Readonly<Record<string, unknown>>;

/** What breaks a rule: put over a resource that is good. */
export interface Bad {
  readonly spec?: Json;
  readonly name?: string;
  /** What there was before, where the rule is about changes. */
  readonly before?: Json;
  /** Instead of the example: for kinds of which the good one has what the bad one may not have. */
  readonly alone?: true;
  /** Of this kind only, where several have the rule. */
  readonly of?: string;
}

const allow = (more: Json): Json => ({ action: "Allow", ...more });
const ingress = (more: Json): Json => ({ types: ["Ingress"], ingress: [allow(more)] });

/** One resource or more that break each rule which an API server is told of, by its sentence. */
export const BAD: Readonly<Record<string, readonly Bad[]>> = {
  // Pools.
  "blockSize is 20 to 32 for IPv4 and 116 to 128 for IPv6, and the pool holds at least one block.": [
    { spec: { cidr: "10.9.0.0/16", blockSize: 19 } },
    { spec: { cidr: "fd00:9::/64", blockSize: 26, ipipMode: "Never" } },
    { spec: { cidr: "10.9.0.0/27" } },
  ],
  "cidr is not in a link-local range (169.254.0.0/16, fe80::/10).": [
    { spec: { cidr: "169.254.4.0/24" } },
    { spec: { cidr: "fe80::/64", ipipMode: "Never" } },
    { spec: { cidr: "169.0.0.0/8" } },
  ],
  "A pool has one encapsulation at most, and IPIP for IPv4 only.": [
    { spec: { ipipMode: "Always", vxlanMode: "CrossSubnet" } },
    { spec: { cidr: "fd00:9::/64", ipipMode: "Always" } },
  ],
  "allowedUses is not empty. LoadBalancer stands alone, and cannot be added or taken away later.": [
    { spec: { allowedUses: [] } },
    { spec: { allowedUses: ["LoadBalancer", "Workload"], ipipMode: "Never" } },
    { before: { ipipMode: "Never" }, spec: { allowedUses: ["LoadBalancer"], ipipMode: "Never" } },
  ],
  "A pool for load balancers is every node's, is announced, and has no encapsulation.": [
    { spec: { allowedUses: ["LoadBalancer"], ipipMode: "Always" } },
    { spec: { allowedUses: ["LoadBalancer"], ipipMode: "Never", nodeSelector: "has(rack)" } },
    { spec: { allowedUses: ["LoadBalancer"], ipipMode: "Never", disableBGPExport: true } },
  ],
  "cidr and blockSize cannot be changed.": [
    { before: {}, spec: { cidr: "10.99.0.0/16" } },
    { before: {}, spec: { blockSize: 28 } },
  ],
  // Policies.
  "There are at most 1000 rules in each direction.": [
    { spec: { types: ["Ingress"], ingress: Array.from({ length: 1001 }, () => allow({})) } },
  ],
  "A rule that matches ports has protocol TCP, UDP or SCTP.": [
    { spec: ingress({ destination: { ports: [80] } }) },
    { spec: ingress({ protocol: "ICMP", source: { notPorts: ["1:10"] } }) },
  ],
  "A rule that matches ICMP has protocol ICMP or ICMPv6, and a code only with a type.": [
    { spec: ingress({ icmp: { type: 8 } }) },
    { spec: ingress({ protocol: "ICMP", icmp: { code: 0 } }) },
    { spec: ingress({ notICMP: { code: 1 } }) },
  ],
  "ICMP goes with ipVersion 4, ICMPv6 with 6.": [
    { spec: ingress({ ipVersion: 6, protocol: "ICMP" }) },
    { spec: ingress({ ipVersion: 4, notProtocol: 58 }) },
  ],
  "Beside services there are no selectors, networks or service accounts, and in a destination no ports.": [
    { spec: ingress({ source: { services: { name: "a", namespace: "b" }, selector: "has(x)" } }) },
    {
      spec: {
        types: ["Egress"],
        egress: [allow({ protocol: "TCP", destination: { services: { name: "a", namespace: "b" }, ports: [80] } })],
      },
    },
  ],
  "HTTP is matched by rules that allow, of protocol TCP or none, by paths that begin with '/'.": [
    { spec: ingress({ protocol: "UDP", http: { methods: ["GET"] } }) },
    { spec: { types: ["Ingress"], ingress: [{ action: "Deny", http: { methods: ["GET"] } }] } },
    { spec: ingress({ http: { paths: [{ exact: "/a", prefix: "/b" }] } }) },
    { spec: ingress({ http: { paths: [{ exact: "a" }] } }) },
  ],
  "Services are matched as the source of ingress and as the destination of egress.": [
    { spec: ingress({ destination: { services: { name: "a", namespace: "b" } } }) },
    { spec: { types: ["Egress"], egress: [allow({ source: { services: { name: "a", namespace: "b" } } })] } },
  ],
  "HTTP is matched by ingress rules.": [
    { spec: { types: ["Egress"], egress: [allow({ http: { methods: ["GET"] } })] } },
  ],
  "What is made of a Kubernetes NetworkPolicy, by its name knp.default.…, is changed there.": [
    { name: "knp.default.web" },
  ],
  "global() is not for choosing endpoints.": [
    { spec: { selector: "global()" } },
    { spec: { serviceAccountSelector: "all() && global()" } },
  ],
  "doNotTrack and preDNAT exclude each other, and need applyOnForward.": [
    { spec: { doNotTrack: true, preDNAT: true, applyOnForward: true, types: ["Ingress"], egress: [] } },
    { spec: { doNotTrack: true } },
  ],
  "A preDNAT policy is for ingress only.": [
    { spec: { preDNAT: true, applyOnForward: true, types: ["Ingress", "Egress"], egress: [] } },
    { spec: { preDNAT: true, applyOnForward: true, types: ["Ingress"], egress: [allow({})] } },
  ],
  "A service is named with its namespace.": [{ spec: ingress({ source: { services: { name: "a" } } }) }],
  "With stagedAction Delete nothing is given but the tier.": [
    { of: "StagedGlobalNetworkPolicy", spec: { stagedAction: "Delete", ingress: [allow({})] } },
    { of: "StagedNetworkPolicy", spec: { stagedAction: "Delete", order: 5 } },
    { of: "StagedKubernetesNetworkPolicy", spec: { stagedAction: "Delete" } },
  ],
  "A condition on a label has values with In and NotIn, and none else.": [
    { spec: { podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } } },
    { spec: { podSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } } },
  ],
  "A peer is pods, or a network.": [
    { spec: { ingress: [{ from: [{ podSelector: {}, ipBlock: { cidr: "10.0.0.0/8" } }] }] } },
    { spec: { ingress: [{ from: [{}] }] } },
  ],
  // BGP.
  'What the nodes must agree on (the mesh, asNumber, ranges of services) is set in "default" only.': [
    { name: "node.node1", spec: { asNumber: 64513 } },
  ],
  "A password or a restart time of the mesh needs the mesh.": [
    { spec: { nodeToNodeMeshEnabled: false, nodeMeshMaxRestartTime: "120s" } },
  ],
  "A community is aa:nn, aa:nn:mm, or a name that spec.communities explains.": [
    { spec: { communities: [{ name: "ours", value: "sixty-five" }] } },
  ],
  "node and nodeSelector exclude each other.": [{ spec: { node: "node1", nodeSelector: "all()" } }],
  "peerSelector excludes peerIP and asNumber.": [
    { alone: true, spec: { peerSelector: "has(rr)", peerIP: "10.0.0.1" } },
    { alone: true, spec: { peerSelector: "has(rr)", asNumber: 64512 } },
  ],
  "localWorkloadSelector excludes peerIP and peerSelector, and needs asNumber.": [
    { alone: true, spec: { localWorkloadSelector: "has(bgp)", asNumber: 64512, peerIP: "10.0.0.1" } },
    { alone: true, spec: { localWorkloadSelector: "has(bgp)" } },
  ],
  "keepOriginalNextHop and nextHopMode exclude each other.": [
    { spec: { keepOriginalNextHop: true, nextHopMode: "Keep" } },
  ],
  "reachableBy needs peerIP, of the same family.": [
    { alone: true, spec: { reachableBy: "10.0.0.9" } },
    { spec: { peerIP: "10.0.0.1:179", reachableBy: "fd00::1" } },
    { spec: { peerIP: "[fd00::2]:179", reachableBy: "10.0.0.9" } },
  ],
  "cidr and matchOperator are set together, and prefixLength with them, its min not above its max.": [
    { spec: { exportV4: [{ action: "Accept", cidr: "10.0.0.0/8" }] } },
    { spec: { exportV4: [{ action: "Accept", matchOperator: "In" }] } },
    { spec: { importV6: [{ action: "Accept", prefixLength: { min: 64 } }] } },
    {
      spec: {
        importV4: [{ action: "Accept", cidr: "10.0.0.0/8", matchOperator: "In", prefixLength: { min: 26, max: 24 } }],
      },
    },
  ],
  "One community is matched.": [{ spec: { exportV4: [{ action: "Accept", communities: { values: [] } }] } }],
  "An operation says one thing; there are at most 10, and only with action Accept.": [
    { spec: { exportV4: [{ action: "Reject", operations: [{ setPriority: { value: 5 } }] }] } },
    { spec: { exportV4: [{ action: "Accept", operations: [{}] }] } },
    {
      spec: {
        exportV4: [{ action: "Accept", operations: Array.from({ length: 11 }, () => ({ setPriority: { value: 5 } })) }],
      },
    },
  ],
  // The rest.
  "The order and defaultAction of default, kube-admin and kube-baseline are fixed.": [
    { name: "default", spec: { order: 5 } },
    { name: "kube-admin", spec: { order: 1000, defaultAction: "Deny" } },
  ],
  "An interface or an address says which it is.": [{ alone: true, spec: { node: "node1" } }],
  "Named ports are of TCP, UDP or SCTP.": [{ spec: { ports: [{ name: "a", protocol: "ICMP", port: 5 }] } }],
  'A name other than "default" and "node.<name>" needs a nodeSelector.': [{ name: "racks" }],
  "A range of routing tables ends at or after its beginning.": [
    { spec: { routeTableRange: { min: 9, max: 8 } } },
    { spec: { routeTableRanges: [{ min: 9, max: 8 }] } },
  ],
  "maxBlocksPerHost, or autoAllocateBlocks that is false, needs strictAffinity.": [
    { alone: true, spec: { strictAffinity: false, maxBlocksPerHost: 3 } },
    { alone: true, spec: { autoAllocateBlocks: false } },
  ],
  "A template of host endpoints has interfaceCIDRs, an interfacePattern, or both.": [
    { spec: { controllers: { node: { hostEndpoint: { templates: [{ generateName: "a" }] } } } } },
  ],
  "classes is not empty.": [{ spec: { classes: [] } }],
};

/** Values that a field's own schema refuses, with the phrase that the schema has for what it takes. */
export const BAD_VALUES: readonly (readonly [kind: string, spec: Json, says: string])[] = [
  ["IPPool", { cidr: "10.1.2.3/16" }, "is not an IP network such as 10.244.0.0/16"],
  ["IPPool", { cidr: "10.1.0.0" }, "is not an IP network such as 10.244.0.0/16"],
  ["IPPool", { ipipMode: "Sometimes" }, 'supported values: "Never", "Always", "CrossSubnet"'],
  ["IPPool", { natOutgoing: "yes" }, "must be of type boolean"],
  ["BGPPeer", { maxRestartTime: "two minutes" }, "is not a duration such as 90s, 1m30s or 250ms"],
  ["BGPPeer", { reachableBy: "gateway" }, "is not an IP address"],
  ["BGPConfiguration", { localWorkloadPeeringIPV4: "fd00::1" }, "is not an IPv4 address"],
  ["FelixConfiguration", { routeRefreshInterval: "-5s" }, "is not a duration such as 90s, 1m30s or 250ms"],
  ["NetworkPolicy", { ingress: [{ action: "Perhaps" }] }, 'supported values: "Allow", "Deny", "Log", "Pass"'],
  ["GlobalNetworkSet", { nets: ["everywhere"] }, "spec.nets[0]"],
];
