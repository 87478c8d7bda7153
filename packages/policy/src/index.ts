export * from "./model/endpoint.ts";
export { endpointKey, policyId } from "./model/ids.ts";
export * from "./model/model.ts";
export * from "./model/needs.ts";
export * from "./model/packet.ts";
export * from "./model/policy.ts";
export * from "./model/rule.ts";
export { namedPortSet, selectorSet, serviceSet } from "./model/set-id.ts";
export * from "./model/sets.ts";
