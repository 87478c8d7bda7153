import { mkdirSync } from "node:fs";
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { createServer as createSecureServer, type TLSSocket } from "node:tls";
import { type Logger, toError } from "@ocicat/kit";
import type { GrpcRouter } from "../../grpc/index.ts";
import { ServerSession } from "../../http2/index.ts";
import { ServerError } from "../errors.ts";
import type { ServerCertificate } from "./tls.ts";
import { clearStaleSocket, withPrivateUmask } from "./unix-socket.ts";

/** Where a server listens. */
export type Endpoint =
  | { readonly host: string; readonly port: number; readonly tls?: boolean }
  | { readonly path: string };

/**
 * Where to listen; `tls`: with the server's certificate. Port 0 lets the kernel choose one. The socket at `path` is for
 * this user alone (mode 0600).
 */
export type ListenAddress = Endpoint;

/** Per stream and per connection: a request of any allowed size arrives without waiting for our window updates. */
const WINDOW_BYTES = 2 * 1024 * 1024;
const WINDOWS = { stream: WINDOW_BYTES, session: WINDOW_BYTES };
/** Streams a client may have open at once. */
const MAX_STREAMS = 10_000;
/** Of silence, before the kernel asks whether the client is still there. */
const KEEP_ALIVE_MS = 30_000;
export interface ListenerOptions {
  readonly router: GrpcRouter;
  readonly logger: Logger;
  /** For addresses with `tls`. */
  readonly certificate: ServerCertificate | undefined;
  /** Of TLS clients whose certificate is good, which are served; all, unless told. */
  readonly admits?: (socket: TLSSocket) => boolean;
}

/** Accepts gRPC calls on one address: HTTP/2, over cleartext with prior knowledge, or over TLS. */
export class Listener {
  readonly endpoint: Endpoint;
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;
  readonly #sessions: ReadonlySet<ServerSession>;

  private constructor(
    endpoint: Endpoint,
    server: Server,
    sockets: ReadonlySet<Socket>,
    sessions: ReadonlySet<ServerSession>,
  ) {
    this.endpoint = endpoint;
    this.#server = server;
    this.#sockets = sockets;
    this.#sessions = sessions;
  }

  static async open(
    address: ListenAddress,
    { router, logger, certificate, admits = () => true }: ListenerOptions,
  ): Promise<Listener> {
    const sockets = new Set<Socket>();
    const sessions = new Set<ServerSession>();
    const serve = (socket: Socket) => {
      const session = new ServerSession(
        socket,
        { windows: WINDOWS, maxStreams: MAX_STREAMS, onRequest: (stream, headers) => router.handle(stream, headers) },
        // A connection that breaks is the client's affair; its streams are told by themselves.
        { closed: () => sessions.delete(session) },
      );
      sessions.add(session);
    };
    const isSecure = "tls" in address && address.tls === true;
    const server = isSecure
      ? secureServer(address, certificate, logger, (socket) => (admits(socket) ? serve(socket) : void socket.destroy()))
      : createServer(serve);
    // Ahead of what begins to read.
    server.prependListener("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.setNoDelay(true);
      // A client whose machine is gone says no goodbye; its watches would stay for ever.
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
    });
    return new Listener(await listen(server, address), server, sockets, sessions);
  }

  /** No new connections, and no new calls on those there are; resolves when all calls are over. */
  async drain(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    await closed;
  }

  /** Ends what drain() still waits for, handshakes among it. */
  abort(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function secureServer(
  address: ListenAddress,
  certificate: ServerCertificate | undefined,
  logger: Logger,
  serve: (socket: TLSSocket) => void,
): Server {
  if (certificate === undefined) {
    const fix = "give a certificate and its key";
    throw new ServerError("INVALID_OPTION", "TLS is asked for without a certificate", { where: nameOf(address), fix });
  }
  const server = createSecureServer({ ...certificate.options, ALPNProtocols: ["h2"] }, (socket) => {
    // One that did not say what it speaks will not speak HTTP/2 (RFC 9113 §3.2).
    if (socket.alpnProtocol === "h2") serve(socket);
    else socket.destroy();
  });
  // Ahead of node:tls's own, which begins the handshake.
  server.prependListener("connection", () => certificate.refresh(server));
  server.on("tlsClientError", (error, socket) => {
    logger.info("a TLS handshake failed", { client: socket.remoteAddress, cause: error.message });
  });
  return server;
}

async function listen(server: Server, address: ListenAddress): Promise<Endpoint> {
  if ("port" in address) {
    await begin(server, { host: address.host, port: address.port }, nameOf(address));
    const bound = server.address();
    return { ...address, port: isAddressInfo(bound) ? bound.port : address.port };
  }
  mkdirSync(dirname(address.path), { recursive: true, mode: 0o755 });
  await clearStaleSocket(address.path);
  await withPrivateUmask(() => begin(server, { path: address.path }, address.path));
  return { path: address.path };
}

function nameOf(address: ListenAddress): string {
  return "path" in address ? address.path : `${address.host}:${address.port}`;
}

function begin(server: Server, options: ListenOptions, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(listenError(error, where));
    server.once("error", fail);
    server.listen(options, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

const FIXES: Readonly<Record<string, string>> = {
  EADDRINUSE: "stop what listens there, or choose another address",
  EADDRNOTAVAIL: "choose an address of this machine",
  EACCES: "choose a place this user may use",
  ENOENT: "make the directory of the socket",
};

function listenError(error: unknown, where: string): ServerError {
  const cause = toError(error);
  const errno = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return new ServerError("LISTEN_FAILED", "cannot listen", { where, why: cause.message, fix: FIXES[errno], cause });
}
