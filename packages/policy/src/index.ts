export type { LintCode, LintFinding, LintSeverity } from "./lint/finding.ts";
export { lint } from "./lint/lint.ts";
export * from "./model/endpoint.ts";
export { endpointKey, policyId } from "./model/ids.ts";
export * from "./model/model.ts";
export * from "./model/needs.ts";
export { comparePolicies, compareTiers, missingTier } from "./model/order.ts";
export * from "./model/packet.ts";
export * from "./model/policy.ts";
export * from "./model/rule.ts";
export { type EndSets, setsOfEnd, setsOfRules } from "./model/rule-sets.ts";
export { namedPortSet, selectorSet, serviceSet } from "./model/set-id.ts";
export * from "./model/sets.ts";
export { stagesOf } from "./model/stages.ts";
export { memberText, needsOf } from "./needs/needs-of.ts";
export { type IndexCounts, PolicyIndex } from "./needs/policy-index.ts";
export { serviceKey } from "./needs/sets/service-sets.ts";
export { CLUSTER_POLICY, readClusterPolicy } from "./read/cluster.ts";
export {
  type Condition,
  conditionsOf,
  conditionsOfModel,
  conditionsOfProfile,
} from "./read/conditions.ts";
export { readHost, readWorkload } from "./read/endpoint.ts";
export { KUBERNETES_POLICY, readKubernetesPolicy } from "./read/kubernetes.ts";
export { effectiveLabels, type Labelled } from "./read/labels.ts";
export { readNetworkSet, readProfile, readTier } from "./read/others.ts";
export { type PolicyResource, readPolicy, readStoredPolicy } from "./read/policy.ts";
export { closedProfile, closedTier, namedDocument, readableNetworks } from "./read/stand-ins.ts";
export { type DescribeOptions, describePacket, describeVerdict, describeWalk } from "./verdict/describe.ts";
export { describeRule, protocolName } from "./verdict/describe-rule.ts";
export { judge, outcomeOf, type Question } from "./verdict/judge.ts";
export { isSelected, ruleMatches } from "./verdict/match.ts";
export { entering, type Gate, leaving, type Passage, unlessDenied } from "./verdict/passage.ts";
export { stagedFor, withStaged } from "./verdict/staged.ts";
export { verdict } from "./verdict/verdict.ts";
export type * from "./verdict/walk.ts";
