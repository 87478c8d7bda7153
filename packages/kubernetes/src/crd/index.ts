export { clusterNetworkPolicy } from "./cluster-network-policy.ts";
export type { Definition, PrinterColumn } from "./definition.ts";
export { type ApiGroup, resourceDefinitions, storedKinds } from "./kinds.ts";
export { rulesByKind } from "./rules/index.ts";
export { PHRASES } from "./scalars.ts";
