import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import type { Infer } from "../schema/index.ts";
import { NETWORK_SET_COLUMNS, NETWORK_SET_RULES, NETWORK_SET_WIDE, networkSetSpec } from "./policy/networks.ts";

export interface GlobalNetworkSetSpec extends Infer<typeof networkSetSpec> {}
/** Networks that rules of all namespaces select by labels, as they do endpoints. */
export type GlobalNetworkSet = Resource<GlobalNetworkSetSpec, unknown, "GlobalNetworkSet">;

export const globalNetworkSet = defineKind<GlobalNetworkSet>({
  kind: "GlobalNetworkSet",
  description: "Networks that rules of all policies select by labels, as they do endpoints.",
  plural: "globalnetworksets",
  aliases: ["gnetsets"],
  namespaced: false,
  spec: networkSetSpec,
  rules: NETWORK_SET_RULES,
  columns: NETWORK_SET_COLUMNS,
  wide: NETWORK_SET_WIDE,
  example: { name: "bad-nets", spec: { nets: ["203.0.113.0/24", "198.51.100.7"] } },
});
