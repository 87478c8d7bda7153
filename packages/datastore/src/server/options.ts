import type { Clock, Logger } from "@ocicat/kit";
import { type CompactionPolicy, DEFAULT_COMPACTION } from "./compaction/policy.ts";
import { ServerError } from "./errors.ts";
import type { ListenAddress } from "./listen/listener.ts";
import type { ServerTls } from "./listen/tls.ts";

export interface ServerOptions {
  /** At least one. */
  readonly listen: readonly ListenAddress[];
  /** Made if it does not exist (its directory must). Beside it SQLite keeps a log, named the same with "-wal" after it. */
  readonly dataFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For the addresses that ask for TLS. */
  readonly tls?: ServerTls | undefined;
  /** DEFAULT_COMPACTION unless given. "off": history grows until somebody compacts. */
  readonly compaction?: CompactionPolicy | "off";
  /** Bytes of used pages beyond which puts are refused; 2 GiB unless given, as in etcd. */
  readonly quotaBytes?: number;
  /** Ten minutes unless given, as in etcd. */
  readonly progressIntervalMs?: number;
  /** The disk failed while the server ran: it takes no more writes and should be closed. Called at most once. */
  readonly onFailure?: (error: ServerError) => void;
}

export type ResolvedOptions = Required<ServerOptions>;

export function resolveOptions(options: ServerOptions): ResolvedOptions {
  const resolved = {
    compaction: DEFAULT_COMPACTION,
    quotaBytes: 2 * 1024 ** 3,
    progressIntervalMs: 10 * 60_000,
    onFailure: () => {},
    tls: undefined,
    ...options,
  };
  if (resolved.listen.length === 0) throw invalid("listen", "names no address", "name a host and port, or a path");
  if (resolved.dataFile === "") throw invalid("dataFile", "is empty", "name a file");
  positive("quotaBytes", resolved.quotaBytes);
  positive("progressIntervalMs", resolved.progressIntervalMs);
  if (resolved.compaction !== "off") {
    positive("compaction.keepMs", resolved.compaction.keepMs);
    positive("compaction.keepRevisions", resolved.compaction.keepRevisions);
  }
  return resolved;
}

function positive(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw invalid(name, `is ${value}`, "give a whole number above zero");
}

function invalid(where: string, what: string, fix: string): ServerError {
  return new ServerError("INVALID_OPTION", what, { where, fix });
}
