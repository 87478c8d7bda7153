import { type Clock, type Logger, type Random, silentLogger } from "@ocicat/kit";
import { DatastoreError } from "../errors.ts";
import type { KeepAlive } from "../http2/index.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { systemClock, systemRandom } from "./system.ts";

/** PEM files. They are read anew for each connection, so that renewed certificates are taken up. */
export interface TlsFiles {
  /** The authorities that may have signed the server's certificate; the system's if not given. */
  readonly caFile?: string;
  /** This client's certificate and key: both or neither. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name to expect in the server's certificate, where it is not the endpoint's host. */
  readonly serverName?: string;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface EtcdOptions {
  /** `http://host:port`, `https://host:port` or `unix:///path/of/socket`: members of one cluster. */
  readonly endpoints: readonly string[];
  /** For `https` endpoints. */
  readonly tls?: TlsFiles;
  readonly credentials?: Credentials;
  /** What a call may take in all, with waiting for a connection and repeating, in milliseconds; 5000 unless told. */
  readonly timeoutMs?: number;
  /** What making a connection to one endpoint may take, in milliseconds; 2000 unless told. */
  readonly connectTimeoutMs?: number;
  readonly keepAlive?: Partial<KeepAlive>;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The options with nothing left open. */
export interface Settings {
  readonly endpoints: readonly Endpoint[];
  readonly tls: TlsFiles;
  readonly credentials: Credentials | undefined;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly keepAlive: KeepAlive;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

const KEEP_ALIVE: KeepAlive = { idleMs: 6_000, busyMs: 1_000, timeoutMs: 2_000 };

/** Throws INVALID for options that cannot work. */
export function settingsFrom(options: EtcdOptions): Settings {
  if (options.endpoints.length === 0) throw new DatastoreError("INVALID", "no endpoints are given");
  const { tls = {}, timeoutMs = 5_000, connectTimeoutMs = 2_000 } = options;
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    throw new DatastoreError("INVALID", "a client certificate and its key go together; one of them is missing");
  }
  const keepAlive = { ...KEEP_ALIVE, ...options.keepAlive };
  for (const [name, ms] of Object.entries({ ...keepAlive, callTimeoutMs: timeoutMs, connectTimeoutMs })) {
    if (!(ms > 0)) throw new DatastoreError("INVALID", `${name} ${ms} is not a positive number of milliseconds`);
  }
  return {
    endpoints: options.endpoints.map(parseEndpoint),
    tls,
    credentials: options.credentials,
    timeoutMs,
    connectTimeoutMs,
    keepAlive,
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
}
