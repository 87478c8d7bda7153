import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { GrpcRouter } from "../../src/grpc/index.ts";
import { ClientSession, ServerSession } from "../../src/http2/index.ts";
import { NodeRequester, nodeServer } from "./node-http2.ts";

const WINDOWS = { stream: 2 ** 21, session: 2 ** 21 };

/** A gRPC server, ours or over Node's HTTP/2. */
export interface TestServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function ourServer(router: GrpcRouter, maxStreams = 10_000): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    new ServerSession(socket, {
      windows: WINDOWS,
      maxStreams,
      onRequest: (stream, headers) => router.handle(stream, headers),
    });
  });
  return listening(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

export async function witnessServer(router: GrpcRouter): Promise<TestServer> {
  const server = nodeServer(router);
  const destroys = new Set<() => void>();
  server.on("session", (session) => destroys.add(() => session.destroy()));
  return listening(server, () => {
    for (const destroy of destroys) destroy();
  });
}

async function listening(server: Server, destroy: () => void): Promise<TestServer> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return {
    port: address.port,
    async close() {
      destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A client's session, ours or Node's. */
export interface TestRequester {
  readonly requester: ClientSession | NodeRequester;
  destroy(): void;
}

export async function ourRequester(port: number): Promise<TestRequester> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const requester = new ClientSession(socket, { scheme: "http", authority: `127.0.0.1:${port}` }, WINDOWS);
  return { requester, destroy: () => requester.destroy() };
}

export function witnessRequester(port: number): Promise<TestRequester> {
  const requester = new NodeRequester(`http://127.0.0.1:${port}`);
  return Promise.resolve({ requester, destroy: () => requester.session.destroy() });
}
