import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import {
  asNumber,
  choice,
  defaulted,
  duration,
  flag,
  type Infer,
  integer,
  list,
  network,
  object,
  optional,
  required,
  text,
} from "../schema/index.ts";

const block = object({ cidr: required(network()) });

const spec = object({
  logSeverityScreen: optional(choice("Debug", "Info", "Warning", "Error", "Fatal"), undefined),
  nodeToNodeMeshEnabled: optional(flag()),
  asNumber: optional(asNumber()),
  serviceLoadBalancerIPs: optional(list(block)),
  serviceExternalIPs: optional(list(block)),
  serviceClusterIPs: optional(list(block)),
  serviceLoadBalancerAggregation: defaulted(choice("Enabled", "Disabled"), "Enabled"),
  communities: optional(list(object({ name: optional(text(), ""), value: optional(text(), "") }))),
  prefixAdvertisements: optional(
    list(object({ cidr: optional(network()), communities: optional(list(text("a community"))) })),
  ),
  listenPort: optional(integer(1, 65_535), 0),
  nodeMeshPassword: optional(
    object({ secretKeyRef: optional(object({ name: optional(text(), ""), key: required(text()) })) }),
  ),
  nodeMeshMaxRestartTime: optional(duration()),
  bindMode: optional(choice("None", "NodeIP")),
  ignoredInterfaces: optional(list(text("an interface name"))),
  localWorkloadPeeringIPV4: optional(text("an IPv4 address"), ""),
  localWorkloadPeeringIPV6: optional(text("an IPv6 address"), ""),
  programClusterRoutes: optional(choice("Enabled", "Disabled", "EnabledIPIPOnly", "EnabledNoEncapOnly")),
  ipv4NormalRoutePriority: optional(integer(1, 2_147_483_646)),
  ipv6NormalRoutePriority: optional(integer(1, 2_147_483_646)),
});

export interface BGPConfigurationSpec extends Infer<typeof spec> {}
export type BGPConfiguration = Resource<BGPConfigurationSpec, unknown, "BGPConfiguration">;

export const bgpConfiguration = defineKind<BGPConfiguration>({
  kind: "BGPConfiguration",
  plural: "bgpconfigurations",
  aliases: ["bgpconfig"],
  namespaced: false,
  spec,
  rules: [],
  columns: [],
});
