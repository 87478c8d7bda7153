export { auditIpam, type IpamProblem } from "./audit/audit.ts";
export * from "./block/index.ts";
export * from "./client/index.ts";
export { IpamError, type IpamErrorCode } from "./errors.ts";
export type { IpamPool, IpamSettings, PoolUse } from "./pool/index.ts";
export type { RecoverOptions, RecoverReport } from "./recover/recover.ts";
export * from "./show/index.ts";
export { type SplitRequest, type SplitResult, type SplitTools, splitPool } from "./split/split.ts";
