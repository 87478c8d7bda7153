export { FLOW_GROUPS, type FlowDecision, flowName, flowPrefix, parseFlowPrefix } from "./compile/flow-log.ts";
export type { NodeInterfaces } from "./compile/interfaces.ts";
export { compileModel, interfacesOf } from "./compile/model.ts";
export { POLICY_TABLE, policyChainName, profileChainName } from "./compile/names.ts";
export { compileNeeds, type Needs, needsFrom } from "./compile/needs.ts";
export { type CompileOptions, DEFAULT_LOG_PREFIX } from "./compile/options.ts";
export { EMPTY_POLICY_TABLE, PolicyTables } from "./compile/policy-tables.ts";
export { REVOKED } from "./compile/static-sets.ts";
