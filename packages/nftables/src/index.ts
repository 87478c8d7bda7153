export { checkTable } from "./check/table.ts";
export { commentOf, elementComment } from "./comment.ts";
export { elementKey, ruleKey, sameElement } from "./equality.ts";
export { NftError, type NftErrorCode } from "./errors.ts";
export { explainElement, explainRule } from "./explain.ts";
export {
  type BaseChain,
  baseChain,
  type Chain,
  type ChainPolicy,
  type ChainType,
  chain,
  type Hook,
  type RegularChain,
} from "./ir/chain.ts";
export { DATA_TYPES, type DataType } from "./ir/data-type.ts";
export * from "./ir/expression.ts";
export {
  type CtKey,
  ct,
  type FibKey,
  fib,
  type MetaKey,
  meta,
  type Operand,
  type PayloadField,
  payload,
  typeOf,
} from "./ir/operand.ts";
export { type Rule, rule } from "./ir/rule.ts";
export {
  element,
  type NamedSet,
  type SetElement,
  type SetOptions,
  type SetShape,
  set,
  verdictMap,
} from "./ir/set.ts";
export {
  type SetRef,
  type Table,
  type TableFamily,
  type TableOptions,
  type TableRef,
  table,
  tableKey,
} from "./ir/table.ts";
export * from "./ir/value.ts";
export * from "./ir/verdict.ts";
export { type Drop, dropsAt } from "./judge/drops.ts";
export type { PacketFacts } from "./judge/packet.ts";
export { extensionName } from "./judge/xtables.ts";
export { errnoOf, type NftKernel } from "./kernel.ts";
export { decodeLegacyTable, type LegacyTable } from "./legacy/decode.ts";
export type { Counters } from "./netlink/decode-statement.ts";
export { type Batch, encodeBatch } from "./plan/batch.ts";
export type { Operation } from "./plan/operation.ts";
export { type PlanOptions, plan } from "./plan/plan.ts";
export type { ActualTable, RuleState } from "./read/actual.ts";
export type { TableHead } from "./read/decode-table.ts";
export { readAllTables, readTableHeads, readTables } from "./read/read.ts";
export type { TableEdits } from "./reconcile/edits.ts";
export { kernelOwnsTables } from "./reconcile/ownership.ts";
export { NftReconciler } from "./reconcile/reconciler.ts";
export {
  hostAddress,
  hostAddressSet,
  NAT_TABLES,
  type NatOutgoingOptions,
  type NatPool,
  natOutgoing,
} from "./tables/nat-outgoing.ts";
export { isOurTable } from "./tables/our-table.ts";
export { SERVICE_TABLE, type ServiceLoopOptions, serviceLoops } from "./tables/service-loops.ts";
export {
  TUNNEL_SENDERS,
  TUNNEL_TABLE,
  type TunnelGuardOptions,
  tunnelGuard,
  tunnelSender,
  tunnelSenderKey,
} from "./tables/tunnel-guard.ts";
export {
  GUARD_TABLE,
  IPV6_SOURCES,
  ipv6Source,
  ipv6SourceKey,
  KNOWN_GROUP,
  KNOWN_INTERFACES,
  knownInterface,
  type WiderSource,
  type WorkloadGuardOptions,
  type WorkloadSource,
  workloadGuard,
} from "./tables/workload-guard.ts";
export { renderBody, renderExpression } from "./text/expression.ts";
export { describeRule } from "./text/foreign.ts";
export { renderElement, renderOperations, renderRule, renderTable } from "./text/operation.ts";
