import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import type { Infer } from "../schema/index.ts";
import { NETWORK_SET_COLUMNS, NETWORK_SET_RULES, NETWORK_SET_WIDE, networkSetSpec } from "./policy/networks.ts";

export interface NetworkSetSpec extends Infer<typeof networkSetSpec> {}
/** Networks that rules select by labels, as they do endpoints. */
export type NetworkSet = Resource<NetworkSetSpec, unknown, "NetworkSet">;

export const networkSet = defineKind<NetworkSet>({
  kind: "NetworkSet",
  description: "Networks that the rules of one namespace's policies select by labels, as they do endpoints.",
  plural: "networksets",
  aliases: ["netsets"],
  namespaced: true,
  spec: networkSetSpec,
  rules: NETWORK_SET_RULES,
  columns: NETWORK_SET_COLUMNS,
  wide: NETWORK_SET_WIDE,
  example: { name: "partners", namespace: "default", spec: { nets: ["10.9.0.0/16", "203.0.113.7"] } },
});
