import { createServer, connect as netConnect, type Server, type Socket } from "node:net";
import type {
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Dial,
  Endpoint,
  Listener,
  ListenOptions,
  Transport,
} from "@ocicat/bgp";
import { OcicatError } from "@ocicat/kit";
import { type Address, formatAddress, parseAddress } from "@ocicat/net";

/** How long a dial may take before it counts as failed; the session's connect-retry timer decides when the next begins. */
const CONNECT_TIMEOUT_MS = 10_000;
/** How long a closing connection may take to hand over its last bytes (the NOTIFICATION). */
const LINGER_MS = 2_000;

/** BGP's transport over Node's TCP sockets. */
export function tcpTransport(): Transport {
  return {
    connect(options, onConnected, onFailed) {
      return dial(options, onConnected, onFailed);
    },
    listen(options, onConnection) {
      return listen(options, onConnection);
    },
  };
}

function dial(
  options: ConnectOptions,
  onConnected: (connection: Connection) => void,
  onFailed: (reason: string) => void,
): Dial {
  const unsupported = unsupportedSecurity(options);
  if (unsupported !== undefined) {
    const immediate = setImmediate(() => onFailed(unsupported));
    return { cancel: () => clearImmediate(immediate) };
  }
  const socket = netConnect({
    host: formatAddress(options.remote.address),
    port: options.remote.port,
    ...(options.local === undefined ? {} : { localAddress: formatAddress(options.local) }),
    noDelay: true,
  });
  let over = false;
  const finish = (report: () => void) => {
    if (over) return;
    over = true;
    socket.removeAllListeners();
    socket.setTimeout(0);
    report();
  };
  const fail = (reason: string) =>
    finish(() => {
      socket.on("error", () => {});
      socket.destroy();
      onFailed(reason);
    });
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`));
  socket.once("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  socket.once("connect", () => finish(() => onConnected(new TcpConnection(socket))));
  return {
    cancel: () =>
      finish(() => {
        socket.on("error", () => {});
        socket.destroy();
      }),
  };
}

async function listen(options: ListenOptions, onConnection: (connection: Connection) => void): Promise<Listener> {
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
    onConnection(new TcpConnection(socket)),
  );
  const host = options.address === undefined ? undefined : formatAddress(options.address);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(host, options.port, cause)));
    server.listen({ port: options.port, ...(host === undefined ? {} : { host }) }, resolve);
  });
  return { local: localEndpoint(server), close: () => new Promise((resolve) => server.close(() => resolve())) };
}

class TcpConnection implements Connection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #socket: Socket;
  #ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.local = endpoint(socket.localAddress, socket.localPort);
    this.remote = endpoint(socket.remoteAddress, socket.remotePort);
    // A reset may arrive before anyone handles the connection.
    socket.on("error", () => {});
  }

  handle(handlers: ConnectionHandlers): void {
    const socket = this.#socket;
    let reason = "closed by the peer";
    socket.on("error", (error: NodeJS.ErrnoException) => {
      reason = error.code === "ECONNRESET" ? "connection reset by peer" : (error.code ?? error.message);
    });
    socket.on("data", (bytes: Buffer) => handlers.onBytes(bytes));
    socket.on("drain", () => handlers.onDrain());
    socket.on("close", () => {
      if (!this.#ended) handlers.onClose(reason);
      this.#ended = true;
    });
    // The peer has nothing more to say; BGP has no half-open sessions.
    socket.on("end", () => socket.destroy());
    if (socket.destroyed) setImmediate(() => socket.emit("close"));
    socket.resume();
  }

  send(bytes: Uint8Array): boolean {
    return this.#socket.writable ? this.#socket.write(bytes) : true;
  }

  close(): void {
    this.#ended = true;
    this.#socket.end();
    this.#socket.setTimeout(LINGER_MS, () => this.#socket.destroy());
  }

  reset(): void {
    this.#ended = true;
    this.#socket.resetAndDestroy();
  }
}

function endpoint(address: string | undefined, port: number | undefined): Endpoint {
  // A dual-stack listener shows IPv4 peers as ::ffff:a.b.c.d.
  return { address: unmapped(address ?? "0.0.0.0"), port: port ?? 0 };
}

function unmapped(text: string): Address {
  return parseAddress(text.startsWith("::ffff:") && text.includes(".") ? text.slice("::ffff:".length) : text);
}

function localEndpoint(server: Server): Endpoint {
  const address = server.address();
  return typeof address === "object" && address !== null
    ? endpoint(address.address, address.port)
    : endpoint(undefined, undefined);
}

function unsupportedSecurity(options: ConnectOptions): string | undefined {
  const { password, ttl, minTtl } = options.security ?? {};
  if (password !== undefined) return "TCP MD5 is not available in this transport";
  if (ttl !== undefined || minTtl !== undefined) return "TTL security is not available in this transport";
  return undefined;
}

function cannotListen(host: string | undefined, port: number, cause: NodeJS.ErrnoException): OcicatError {
  const fixes: Readonly<Record<string, string>> = {
    EADDRINUSE:
      "another BGP daemon has it: find it with ss -lntp, stop it, or set listenPort in BGPConfiguration default",
    EACCES: "ports below 1024 need root or CAP_NET_BIND_SERVICE",
    EADDRNOTAVAIL: "the address is on no interface of this node",
  };
  return new OcicatError({
    code: "BGP_CANNOT_LISTEN",
    where: `${host ?? "every address"} port ${port}`,
    what: `BGP cannot listen: ${cause.code ?? cause.message}`,
    fix: fixes[cause.code ?? ""],
    cause,
  });
}
