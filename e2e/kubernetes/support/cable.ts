import { connect, createServer, type Server, type Socket } from "node:net";
import { type NamespaceHandle, withNetns } from "@ocicat/linux";

/** What is done with a piece of a stream, of so many bytes, before it goes on; false: it does not. */
export type OnPiece = (length: number) => Promise<boolean>;

/** The way from a network of its own to a server of this machine's: what goes over it can be waited for and cut. */
export class Cable {
  /** In that network, at any address. */
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #lastPiece = performance.now();
  #onAsked: OnPiece | undefined;
  #onAnswered: OnPiece | undefined;

  constructor(net: NamespaceHandle, { hostname, port }: URL) {
    this.#server = createServer((near) => this.#join(near, connect(Number(port), hostname)));
    // Without a host, for then the socket is opened at once, and there.
    withNetns(net, () => void this.#server.listen(0));
    const address = this.#server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Tells of each piece from now on: `asked`, before it goes to the server; `answered`, before it comes from there. */
  listen({ asked, answered }: { readonly asked?: OnPiece; readonly answered?: OnPiece } = {}): void {
    this.#onAsked = asked;
    this.#onAnswered = answered;
  }

  /** For how long nothing has gone over it, milliseconds. */
  get idleMs(): number {
    return performance.now() - this.#lastPiece;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket, far: Socket): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    pass(near, far, (length) => this.#told(this.#onAsked, length));
    pass(far, near, (length) => this.#told(this.#onAnswered, length));
  }

  #told(onPiece: OnPiece | undefined, length: number): Promise<boolean> | undefined {
    this.#lastPiece = performance.now();
    return onPiece?.(length);
  }
}

/** One piece after the other, each when it may. */
function pass(from: Socket, to: Socket, mayGo: (length: number) => Promise<boolean> | undefined): void {
  let last: Promise<unknown> = Promise.resolve();
  from.on("data", (piece: Buffer) => {
    last = last.then(async () => {
      if ((await mayGo(piece.length)) !== false && to.writable) to.write(piece);
    });
  });
}
