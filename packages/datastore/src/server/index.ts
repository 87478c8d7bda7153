export { type CompactionPolicy, DEFAULT_COMPACTION } from "./compaction/policy.ts";
export { ServerError, type ServerErrorCode } from "./errors.ts";
export type { Endpoint, ListenAddress } from "./listen/listener.ts";
export type { ServerTls } from "./listen/tls.ts";
export type { ServerOptions } from "./options.ts";
export { type RunningServer, startServer } from "./server.ts";
