import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  address,
  asNumber,
  assumed,
  choice,
  defaulted,
  duration,
  flag,
  type Infer,
  list,
  network,
  object,
  optional,
  port,
  required,
  text,
} from "../schema/index.ts";
import { storedOnly } from "../without-effect.ts";
import { bgpPassword } from "./bgp-password.ts";
import { interfacePattern, isCommunity, routePriority } from "./bgp-values.ts";
import { configurationName } from "./configuration-name.ts";
import { DEFAULT_AS_NUMBER } from "./node.ts";

const blocks = list(object({ cidr: required(network()) }, { cidr: "The range, as address/length." }));
const communities = list(
  object(
    { name: required(text()), value: required(text()) },
    { name: "The name to use it by.", value: "aa:nn (RFC 1997), or aa:nn:mm (RFC 8092)." },
  ),
);
const prefixAdvertisements = list(
  object(
    { cidr: required(network()), communities: required(list(text("a community"))) },
    { cidr: "The routes in this range.", communities: "Communities, by value or by a name of spec.communities." },
  ),
);
const spec = object(
  {
    logSeverityScreen: assumed(choice("Debug", "Info", "Warning", "Error", "Fatal"), "Info"),
    nodeToNodeMeshEnabled: assumed(flag(), true),
    asNumber: assumed(asNumber(), DEFAULT_AS_NUMBER),
    serviceLoadBalancerIPs: optional(blocks, []),
    serviceExternalIPs: optional(blocks, []),
    serviceClusterIPs: optional(blocks, []),
    serviceLoadBalancerAggregation: defaulted(choice("Enabled", "Disabled"), "Enabled"),
    communities: optional(communities, []),
    prefixAdvertisements: optional(prefixAdvertisements, []),
    listenPort: assumed(port(), 179, 0),
    nodeMeshPassword: optional(bgpPassword),
    nodeMeshMaxRestartTime: optional(duration()),
    bindMode: assumed(choice("None", "NodeIP"), "None"),
    ignoredInterfaces: optional(list(interfacePattern()), []),
    localWorkloadPeeringIPV4: optional(address(4), ""),
    localWorkloadPeeringIPV6: optional(address(6), ""),
    programClusterRoutes: optional(choice("Enabled", "Disabled", "EnabledIPIPOnly", "EnabledNoEncapOnly")),
    ipv4NormalRoutePriority: assumed(routePriority(), 1024),
    ipv6NormalRoutePriority: assumed(routePriority(), 1024),
  },
  {
    logSeverityScreen: "How much the BGP speaker logs.",
    nodeToNodeMeshEnabled: "Whether every node peers with every other. For all nodes only.",
    asNumber: "The AS number of nodes that have none of their own. For all nodes only.",
    serviceLoadBalancerIPs: "Ranges of load balancers' addresses that are announced. For all nodes only.",
    serviceExternalIPs: "Ranges of services' external addresses that are announced. For all nodes only.",
    serviceClusterIPs: "Ranges of services' cluster addresses that are announced. For all nodes only.",
    serviceLoadBalancerAggregation: "Announce load balancers' ranges as a whole, not address by address.",
    communities: "Names for communities.",
    prefixAdvertisements: "Which communities routes are announced with.",
    listenPort: "The TCP port that the speaker listens at.",
    nodeMeshPassword: "The TCP MD5 password (RFC 2385) of sessions of the mesh. For all nodes only.",
    nodeMeshMaxRestartTime:
      "How long routes of a peer of the mesh stay while it restarts (RFC 4724). For all nodes only.",
    bindMode: "Whether the speaker listens at every address of the node (None) or at the node's own (NodeIP).",
    ignoredInterfaces: "Interfaces whose subnets are not announced, by name or with '*'.",
    localWorkloadPeeringIPV4: "The node's IPv4 address towards workloads that it peers with.",
    localWorkloadPeeringIPV6: "The node's IPv6 address towards workloads that it peers with.",
    programClusterRoutes: "Which of the routes to other nodes' blocks the BGP speaker writes.",
    ipv4NormalRoutePriority: "The priority that a BGPFilter takes IPv4 routes without a LOCAL_PREF for.",
    ipv6NormalRoutePriority: "The priority that a BGPFilter takes IPv6 routes without a LOCAL_PREF for.",
  },
);

export interface BGPConfigurationSpec extends Infer<typeof spec> {}
/** How BGP runs: "default" for all nodes, "node.<name>" for one. */
export type BGPConfiguration = Resource<BGPConfigurationSpec, unknown, "BGPConfiguration">;

export const bgpConfiguration = defineKind<BGPConfiguration>({
  kind: "BGPConfiguration",
  description: 'How BGP runs: "default" for all nodes, "node.<name>" for one, which goes before it.',
  plural: "bgpconfigurations",
  aliases: ["bgpconfig", "bgpconfigs"],
  namespaced: false,
  name: configurationName,
  spec,
  rules: {
    'What the nodes must agree on (the mesh, asNumber, ranges of services) is set in "default" only.': checkForAll,
    "A password or a restart time of the mesh needs the mesh.": checkMesh,
    "A community is aa:nn, aa:nn:mm, or a name that spec.communities explains.": checkCommunities,
  },
  example: { name: "default", spec: { nodeToNodeMeshEnabled: false, asNumber: 64512 } },
  withoutEffect: storedOnly<BGPConfigurationSpec>({
    "BGP sessions": {
      localWorkloadPeeringIPV4: null,
      localWorkloadPeeringIPV6: null,
    },
    "route programming": {
      programClusterRoutes: null,
    },
  }),
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "LOGSEVERITY", cell: ({ spec }) => spec.logSeverityScreen ?? "" },
    { heading: "MESHENABLED", cell: ({ spec }) => String(spec.nodeToNodeMeshEnabled ?? "-") },
    { heading: "ASNUMBER", cell: ({ spec }) => String(spec.asNumber ?? "-") },
  ],
});

/** What the nodes must agree on can be set for all of them only. */
const FOR_ALL = [
  "nodeToNodeMeshEnabled",
  "asNumber",
  "serviceLoadBalancerIPs",
  "serviceExternalIPs",
  "serviceClusterIPs",
  "nodeMeshPassword",
  "nodeMeshMaxRestartTime",
] as const;

function* checkForAll({ metadata, spec }: BGPConfiguration): Iterable<Problem> {
  if (metadata.name === "default") return;
  for (const name of FOR_ALL) {
    if (spec[name] === undefined) continue;
    const message = 'can be set in the BGPConfiguration "default" only';
    yield { field: `spec.${name}`, value: spec[name], rule: "default-only", message };
  }
}

function* checkMesh({ spec }: BGPConfiguration): Iterable<Problem> {
  if (spec.nodeToNodeMeshEnabled !== false) return;
  for (const name of ["nodeMeshPassword", "nodeMeshMaxRestartTime"] as const) {
    if (spec[name] === undefined) continue;
    const message = "is for the mesh between nodes, which nodeToNodeMeshEnabled turns off";
    yield { field: `spec.${name}`, value: spec[name], rule: "mesh-disabled", message };
  }
}

function* checkCommunities({ spec }: BGPConfiguration): Iterable<Problem> {
  const names = new Set((spec.communities ?? []).map(({ name }) => name));
  for (const [index, { value }] of (spec.communities ?? []).entries()) {
    if (isCommunity(value)) continue;
    const message = "is neither a community (aa:nn, 16 bits each) nor a large one (aa:nn:mm, 32 bits each)";
    yield { field: `spec.communities[${index}].value`, value, rule: "community", message };
  }
  for (const [index, { communities }] of (spec.prefixAdvertisements ?? []).entries()) {
    for (const [place, value] of communities.entries()) {
      if (names.has(value) || isCommunity(value)) continue;
      const field = `spec.prefixAdvertisements[${index}].communities[${place}]`;
      yield { field, value, rule: "community", message: "is not a community, and spec.communities names none so" };
    }
  }
}
