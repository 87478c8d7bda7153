import { createServer, type Server, Socket } from "node:net";
import type {
  Connection,
  ConnectOptions,
  Dial,
  Endpoint,
  Listener,
  ListenOptions,
  Transport,
  Trouble,
} from "@ocicat/bgp";
import { OcicatError } from "@ocicat/kit";
import { KernelError, openTcpSocket, readMd5Counters, setMd5Key, setTtls } from "@ocicat/linux";
import { familyOf, formatAddress, formatScoped } from "@ocicat/net";
import { connectFailure } from "./connect-failure.ts";
import { ListenerProtection } from "./listener-protection.ts";
import { endpoint, TcpConnection } from "./tcp-connection.ts";

/** How long a dial may take before it counts as failed; the session's connect-retry timer decides when the next begins. */
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Bytes that may wait in a connection before it counts as full. UPDATEs are shared by all peers that are level: one that reads a
 * little later than the others must not fall behind for that, and one that does not read must not cost more.
 */
const SEND_MARK = 1024 * 1024;

/** BGP's transport over TCP. Node's sockets carry the bytes; what protects them is set on descriptors of our own. */
export function tcpTransport(): Transport {
  return { connect: dial, listen, md5Refusals: readMd5Counters };
}

function dial(
  options: ConnectOptions,
  onConnected: (connection: Connection) => void,
  onFailed: (why: Trouble) => void,
): Dial {
  const socket = openSocket(options);
  if (!(socket instanceof Socket)) {
    const immediate = setImmediate(() => onFailed(socket));
    return { cancel: () => clearImmediate(immediate) };
  }
  let over = false;
  const finish = (report: () => void) => {
    if (over) return;
    over = true;
    socket.removeAllListeners();
    socket.setTimeout(0);
    report();
  };
  const drop = () => {
    socket.on("error", () => {});
    socket.destroy();
  };
  const fail = (why: Trouble) =>
    finish(() => {
      drop();
      onFailed(why);
    });
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
    fail({ kind: "no-answer", text: `no answer within ${CONNECT_TIMEOUT_MS / 1000} s` });
  });
  socket.once("error", (error: NodeJS.ErrnoException) => fail(connectFailure(error.code, error.message)));
  socket.once("connect", () => finish(() => onConnected(new TcpConnection(socket))));
  socket.connect({
    host: formatScoped({ link: undefined, ...options.remote }),
    port: options.remote.port,
    ...(options.local === undefined ? {} : { localAddress: formatAddress(options.local) }),
  });
  return { cancel: () => finish(drop) };
}

/** Protected before the first segment leaves: a signature that comes with the second is too late. */
function openSocket({ remote, security = {} }: ConnectOptions): Socket | Trouble {
  const family = familyOf(remote.address);
  let socket: Socket | undefined;
  try {
    const fd = openTcpSocket(family);
    const settings = { fd, noDelay: true, highWaterMark: SEND_MARK };
    socket = new Socket(settings);
    if (security.password !== undefined) setMd5Key(fd, family, remote.address, security.password);
    setTtls(fd, family, security);
    return socket;
  } catch (error) {
    socket?.destroy();
    if (error instanceof KernelError) return connectFailure(error.errno, error.message);
    throw error;
  }
}

async function listen(options: ListenOptions, onConnection: (connection: Connection) => void): Promise<Listener> {
  const server = createServer({ noDelay: true, pauseOnConnect: true, highWaterMark: SEND_MARK }, (socket) => {
    const connection = new TcpConnection(socket);
    try {
      protection.apply(socket, connection.remote);
    } catch {
      // It has gone again, or cannot be protected as its peer must be: that peer has to come again.
      socket.destroy();
      return;
    }
    onConnection(connection);
  });
  const host = options.address === undefined ? undefined : formatAddress(options.address);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(host, options.port, cause)));
    server.listen({ port: options.port, ...(host === undefined ? {} : { host }) }, resolve);
  });
  const protection = new ListenerProtection(server, options.address === undefined ? 6 : familyOf(options.address));
  return {
    local: localEndpoint(server),
    protect: (peers) => protection.declare(peers),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function localEndpoint(server: Server): Endpoint {
  const address = server.address();
  return typeof address === "object" && address !== null
    ? endpoint(address.address, address.port)
    : endpoint(undefined, undefined);
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
