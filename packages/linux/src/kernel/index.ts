export { applyAll, errorOf } from "./apply-all.ts";
export {
  type Connection,
  type ConnectionEnds,
  type ConnectionName,
  type ConnectionQuery,
  ConnectionStatus,
  type ConnectionTuple,
} from "./connection.ts";
export { describeOperation } from "./describe.ts";
export { type Errno, errnoName, errnoNumber } from "./errno.ts";
export { KernelError, type KernelErrorDetails } from "./error.ts";
export { type FakeNamespace, FakeNetwork } from "./fake/namespace.ts";
export { FakeKernel, type FakeNft, type Fault } from "./fake.ts";
export type * from "./kernel.ts";
export type { NftChange, OnNftChanges } from "./nft-change.ts";
export type { LoggedPacket, OnLoggedPackets } from "./packet-log.ts";
export type { IngressFilter, Qdisc, TokenBucket, TrafficOperation } from "./traffic.ts";
export { type RefusedMessage, TransactionError } from "./transaction-error.ts";
