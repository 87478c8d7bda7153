/** Resources in the form that decisions are made by, for who decides the same beforehand: nothing of Node's is loaded. */
export { servicesIn } from "./policy/model.ts";
export { nodeSetOf } from "./policy/node-sets.ts";
export { policySettings, tunnelsInUse } from "./policy/settings.ts";
export { everyPolicySource, makePolicyRows, type PolicyRows, policyTables } from "./policy/tables.ts";
export { bgpConfigurationRow, bgpSettings, peerRow } from "./tables/bgp-rows.ts";
export { nodeRow, poolRow } from "./tables/rows.ts";
