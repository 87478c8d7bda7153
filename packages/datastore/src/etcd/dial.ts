import { readFile } from "node:fs/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { ConnectionOptions, connect as connectTls } from "node:tls";
import { type Clock, toError } from "@ocicat/kit";
import { ClientSession, type Origin } from "../http2/index.ts";
import type { Endpoint } from "./endpoint.ts";
import type { TlsFiles } from "./options.ts";

/** Large lists arrive in one go instead of 64 KiB a round trip. */
const WINDOWS = { stream: 4 * 2 ** 20, session: 16 * 2 ** 20 };

/**
 * Connects and waits for the peer's SETTINGS: a peer that accepts and keeps silent, or speaks something else, is not a
 * connection. Rejects after `timeoutMs`, or when `signal` aborts.
 */
export async function dial(
  endpoint: Endpoint,
  tls: TlsFiles,
  options: { readonly clock: Clock; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ClientSession> {
  const { clock, timeoutMs, signal } = options;
  const secure = endpoint.kind === "tls" ? await prepareTls(endpoint.host, tls) : undefined;
  signal.throwIfAborted();

  const socket = openSocket(endpoint, secure);
  const { promise, resolve, reject } = Promise.withResolvers<ClientSession>();
  const timer = clock.after(timeoutMs, "etcd connect", () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  const abort = () => reject(toError(signal.reason));
  signal.addEventListener("abort", abort);
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the connection was closed before it was ready")));
  socket.once(endpoint.kind === "tls" ? "secureConnect" : "connect", () => {
    if (secure !== undefined && "alpnProtocol" in socket && socket.alpnProtocol !== "h2") {
      reject(new Error("the TLS server does not speak HTTP/2 (no ALPN h2)"));
      return;
    }
    const session = new ClientSession(socket, originOf(endpoint), WINDOWS);
    session.events = {
      ready: () => resolve(session),
      closed: (error) => reject(error ?? new Error("the connection was closed before it was ready")),
    };
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

interface Secure {
  readonly connect: typeof connectTls;
  readonly options: ConnectionOptions;
}

/** TLS is 7 MiB, for those who have it. */
async function prepareTls(host: string, files: TlsFiles): Promise<Secure> {
  const [{ connect }, options] = await Promise.all([import("node:tls"), readTls(host, files)]);
  return { connect, options };
}

function openSocket(endpoint: Endpoint, secure: Secure | undefined): Socket {
  if (endpoint.kind === "unix") return connectTcp({ path: endpoint.path });
  const { host, port } = endpoint;
  if (secure === undefined) return connectTcp({ host, port, noDelay: true });
  return secure.connect({ host, port, ...secure.options }).setNoDelay(true);
}

function originOf(endpoint: Endpoint): Origin {
  const authority = endpoint.kind === "unix" ? "localhost" : authorityOf(endpoint.host, endpoint.port);
  return { scheme: endpoint.kind === "tls" ? "https" : "http", authority };
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
