import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { choice, duration, flag, type Infer, integer, object, optional, text } from "../schema/index.ts";

const spec = object({
  logSeverityScreen: optional(choice("Trace", "Debug", "Info", "Warning", "Error", "Fatal")),
  interfacePrefix: optional(text(), ""),
  routeRefreshInterval: optional(duration()),
  nftablesRefreshInterval: optional(duration()),
  deviceRouteProtocol: optional(integer(0, 255)),
  ipForwarding: optional(choice("Enabled", "Disabled")),
  natOutgoingExclusions: optional(choice("IPPoolsOnly", "IPPoolsAndHostIPs")),
  healthEnabled: optional(flag()),
  healthHost: optional(text(), ""),
  healthPort: optional(integer(1, 65_535)),
  prometheusMetricsEnabled: optional(flag()),
  prometheusMetricsHost: optional(text(), ""),
  prometheusMetricsPort: optional(integer(1, 65_535)),
});

export interface FelixConfigurationSpec extends Infer<typeof spec> {}
export type FelixConfiguration = Resource<FelixConfigurationSpec, unknown, "FelixConfiguration">;

export const felixConfiguration = defineKind<FelixConfiguration>({
  kind: "FelixConfiguration",
  plural: "felixconfigurations",
  aliases: ["felixconfig"],
  namespaced: false,
  spec,
  rules: [],
  columns: [],
});
