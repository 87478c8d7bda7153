import { readFile } from "node:fs/promises";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { type Clock, toError } from "@ocicat/kit";
import type { Endpoint } from "./endpoint.ts";
import type { TlsFiles } from "./options.ts";

/** A session with a peer that speaks HTTP/2, and the socket under it, whose byte counter tells whether the peer lives. */
export interface Dialled {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
}

/** Large lists arrive in one go instead of 64 KiB a round trip. */
const STREAM_WINDOW_BYTES = 4 * 2 ** 20;
const SESSION_WINDOW_BYTES = 16 * 2 ** 20;

/** Node refuses new streams beyond this; its default of 10 would do so with a few large answers in flight. */
const SESSION_MEMORY_MB = 256;

/**
 * Connects and waits for the peer's SETTINGS: a peer that accepts and keeps silent, or speaks something else, is not a
 * connection. Rejects after `timeoutMs`, or when `signal` aborts.
 */
export async function dial(
  endpoint: Endpoint,
  tls: TlsFiles,
  options: { readonly clock: Clock; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Dialled> {
  const { clock, timeoutMs, signal } = options;
  const tlsOptions = endpoint.kind === "tls" ? await readTls(endpoint.host, tls) : undefined;
  signal.throwIfAborted();

  const socket = openSocket(endpoint, tlsOptions);
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
  const timer = clock.after(timeoutMs, "etcd connect", () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  const abort = () => reject(toError(signal.reason));
  signal.addEventListener("abort", abort);
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the connection was closed before it was ready")));
  socket.once(endpoint.kind === "tls" ? "secureConnect" : "connect", () => {
    if (tlsOptions !== undefined && "alpnProtocol" in socket && socket.alpnProtocol !== "h2") {
      reject(new Error("the TLS server does not speak HTTP/2 (no ALPN h2)"));
      return;
    }
    const session = startSession(endpoint, socket);
    session.on("error", reject);
    session.once("remoteSettings", () => resolve({ session, socket }));
  });

  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", abort);
  }
}

function openSocket(endpoint: Endpoint, tlsOptions: ConnectionOptions | undefined): Socket {
  switch (endpoint.kind) {
    case "unix":
      return connectTcp({ path: endpoint.path });
    case "tcp":
      return connectTcp({ host: endpoint.host, port: endpoint.port, noDelay: true });
    case "tls":
      return connectTls({ host: endpoint.host, port: endpoint.port, ...tlsOptions }).setNoDelay(true);
  }
}

function startSession(endpoint: Endpoint, socket: Socket): ClientHttp2Session {
  const authority = endpoint.kind === "unix" ? "localhost" : authorityOf(endpoint.host, endpoint.port);
  const session = connectHttp2(`${endpoint.kind === "tls" ? "https" : "http"}://${authority}`, {
    createConnection: () => socket,
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
  });
  session.once("connect", () => session.setLocalWindowSize(SESSION_WINDOW_BYTES));
  return session;
}

function authorityOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function readTls(host: string, files: TlsFiles): Promise<ConnectionOptions> {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFile(path));
  const [ca, cert, key] = await Promise.all([read(files.caFile), read(files.certFile), read(files.keyFile)]);
  // RFC 6066 §3: a server name is never an IP address.
  const servername = files.serverName ?? (isIP(host) === 0 ? host : undefined);
  return {
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    ...(servername !== undefined && { servername }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
