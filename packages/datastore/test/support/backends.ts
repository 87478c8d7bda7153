import { join } from "node:path";
import { systemClock } from "@ocicat/datastore/etcd";
import { type ServerTls, startServer } from "@ocicat/datastore/server";
import { type Scope, silentLogger } from "@ocicat/kit";
import { temporaryDirectory } from "../server/support/processes.ts";
import { startEtcd } from "./etcd.ts";

export interface BackendOptions {
  readonly tls?: ServerTls;
  /** How often quiet watches are told how far they are, in milliseconds. */
  readonly progressIntervalMs?: number;
}

/** Starts one that goes with the scope, and returns its endpoint. */
export type StartBackend = (scope: Scope, options?: BackendOptions) => Promise<string>;

/** What a client must not be able to tell apart. */
export const BACKENDS: readonly (readonly [name: string, start: StartBackend])[] = [
  ["etcd", startEtcdIn],
  ["the embedded server", startEmbeddedIn],
];

async function startEtcdIn(scope: Scope, { tls, progressIntervalMs }: BackendOptions = {}): Promise<string> {
  const flags: string[] = [];
  if (progressIntervalMs !== undefined) {
    flags.push("--experimental-watch-progress-notify-interval", `${progressIntervalMs}ms`);
  }
  if (tls !== undefined) {
    flags.push("--cert-file", tls.certFile, "--key-file", tls.keyFile);
    if (tls.clientCaFile !== undefined) flags.push("--client-cert-auth", "--trusted-ca-file", tls.clientCaFile);
  }
  const etcd = await startEtcd({ flags, scheme: tls === undefined ? "http" : "https" });
  scope.add("etcd", () => etcd.stop());
  return etcd.endpoint;
}

async function startEmbeddedIn(scope: Scope, options: BackendOptions = {}): Promise<string> {
  const { tls } = options;
  const server = await startServer({
    ...options,
    listen: [{ host: "127.0.0.1", port: 0, ...(tls !== undefined && { tls: true }) }],
    dataFile: join(temporaryDirectory(scope), "data"),
    clock: systemClock,
    logger: silentLogger,
  });
  scope.add("server", () => server.close());
  const [endpoint] = server.endpoints;
  if (endpoint === undefined || !("port" in endpoint)) throw new Error("the server listens nowhere");
  return `${tls === undefined ? "http" : "https"}://127.0.0.1:${endpoint.port}`;
}
