import { readFile } from "node:fs/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { ConnectionOptions, connect as connectTls } from "node:tls";
import { type ClientSession, Connection, type Origin, openSession, type SessionDial } from "../http2/index.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Settings, TlsFiles } from "./options.ts";

/** Large lists arrive in one go instead of 64 KiB a round trip. */
const WINDOWS = { stream: 4 * 2 ** 20, session: 16 * 2 ** 20 };

/** A connection to one of the endpoints, made again whenever it is lost. */
export function connectTo({ endpoints, tls, connectTimeoutMs: timeoutMs, ...settings }: Settings): Connection {
  const { clock } = settings;
  const places = endpoints.map((endpoint) => ({
    name: endpoint.name,
    dial: (signal: AbortSignal) => dial(endpoint, tls, { clock, timeoutMs, signal }),
  }));
  return new Connection({ ...settings, places, what: "datastore" });
}

async function dial(endpoint: Endpoint, tls: TlsFiles, options: SessionDial): Promise<ClientSession> {
  const secure = endpoint.kind === "tls" ? await prepareTls(endpoint.host, tls) : undefined;
  options.signal.throwIfAborted();
  return await openSession(openSocket(endpoint, secure), originOf(endpoint), WINDOWS, options);
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
