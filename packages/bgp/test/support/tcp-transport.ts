import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from "node:net";
import { OcicatError } from "@ocicat/kit";
import { formatAddress, parseAddress } from "@ocicat/net";
import type { Connection, Endpoint, Transport } from "../../src/index.ts";

/** The least of a transport over TCP, for tests against real daemons. The product's own lives with the agent. */
export function tcpTransport(): Transport {
  return {
    connect({ local, remote }, onConnected, onFailed) {
      const socket = tcpConnect({
        host: formatAddress(remote.address),
        port: remote.port,
        ...(local !== undefined && { localAddress: formatAddress(local) }),
      });
      socket.once("error", (error) => onFailed({ kind: "unknown", text: error.message }));
      socket.once("connect", () => {
        socket.removeAllListeners("error");
        onConnected(connectionOf(socket));
      });
      return {
        cancel: () =>
          socket
            .removeAllListeners()
            .on("error", () => undefined)
            .destroy(),
      };
    },
    listen({ address, port }, onConnection) {
      const server = createServer((socket) => onConnection(connectionOf(socket)));
      return new Promise((resolve, reject) => {
        server.once("error", (cause) =>
          reject(new OcicatError({ code: "BGP_LISTEN_FAILED", what: cause.message, cause })),
        );
        server.listen({ port, ...(address !== undefined && { host: formatAddress(address) }) }, () => {
          const close = () => new Promise<void>((closed) => server.close(() => closed()));
          resolve({ local: endpointOf(server.address()), close, protect: () => undefined });
        });
      });
    },
  };
}

function connectionOf(socket: Socket): Connection {
  let over = false;
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  return {
    local: { address: parseAddress(socket.localAddress ?? ""), port: socket.localPort ?? 0 },
    remote: { address: parseAddress(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 },
    get queued() {
      return socket.writableLength;
    },
    handle({ onBytes, onDrain, onClose }) {
      const end = (reason: string) => {
        if (over) return;
        over = true;
        onClose(reason);
      };
      socket.on("data", (bytes) => {
        if (!over) onBytes(new Uint8Array(bytes));
      });
      socket.on("drain", () => {
        if (!over) onDrain();
      });
      socket.on("error", (error) => end(error.message));
      socket.on("close", () => end("closed by the peer"));
      socket.on("end", () => end("closed by the peer"));
    },
    send: (bytes) => over || socket.destroyed || socket.write(bytes),
    close() {
      over = true;
      socket.end();
      socket.setTimeout(1000, () => socket.destroy());
    },
    reset() {
      over = true;
      socket.resetAndDestroy();
    },
  };
}

function endpointOf(address: AddressInfo | string | null): Endpoint {
  if (address === null || typeof address === "string") throw new Error("a TCP server has an address and a port");
  return { address: parseAddress(address.address), port: address.port };
}
