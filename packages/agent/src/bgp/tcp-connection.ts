import type { Socket } from "node:net";
import type { Connection, ConnectionHandlers, Endpoint } from "@ocicat/bgp";
import { parseScoped, type ScopedAddress } from "@ocicat/net";

/** How long a closing connection may take to hand over its last bytes (the NOTIFICATION). */
const LINGER_MS = 2_000;

export class TcpConnection implements Connection {
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

  get queued(): number {
    return this.#socket.writableLength;
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

export function endpoint(address: string | undefined, port: number | undefined): Endpoint {
  // A dual-stack listener shows IPv4 peers as ::ffff:a.b.c.d, and link-local ones as fe80::1%eth1.
  return { ...unmapped(address ?? "0.0.0.0"), port: port ?? 0 };
}

function unmapped(text: string): ScopedAddress {
  return parseScoped(text.startsWith("::ffff:") && text.includes(".") ? text.slice("::ffff:".length) : text);
}
