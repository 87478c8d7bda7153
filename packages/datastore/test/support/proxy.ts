import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "toServer" | "toClient";

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly frozen: Set<Direction>;
}

/** A TCP proxy that does to connections what networks do: cuts, silence, refusal. */
export class DisruptionProxy {
  readonly #listener: Server;
  #target: { readonly port: number; readonly host: string };
  readonly #links = new Set<Link>();
  #port = 0;
  #refusing = false;
  #cutAfterBytes: () => number = () => Number.POSITIVE_INFINITY;
  #delayMs: ((direction: Direction) => number) | undefined;
  #listeners: (() => void)[] = [];

  /** Bytes that have passed towards the clients. */
  bytesToClient = 0;
  /** Connections there have been. */
  connections = 0;

  /** `path`: listen on a Unix socket instead of on 127.0.0.1. */
  static async start(endpoint: string, path?: string): Promise<DisruptionProxy> {
    const url = new URL(endpoint);
    const proxy = new DisruptionProxy(url.hostname, Number(url.port));
    await proxy.#listen(path);
    return proxy;
  }

  private constructor(host: string, port: number) {
    this.#target = { host, port };
    this.#listener = createServer((client) => this.#accept(client));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Breaks every connection; new ones are taken. */
  cut(): void {
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
  }

  /** Each new connection breaks after as many bytes towards the client as `bytes` says: anywhere within a message. */
  cutAfter(bytes: () => number): void {
    this.#cutAfterBytes = bytes;
  }

  /** New connections lead to another server. */
  lead(endpoint: string): void {
    const { hostname: host, port } = new URL(endpoint);
    this.#target = { host, port: Number(port) };
  }

  /** What new connections pass arrives so many milliseconds later, piece by piece and in order. */
  delay(ms: (direction: Direction) => number): void {
    this.#delayMs = ms;
  }

  /** Breaks every connection, and new ones as soon as they are made. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  accept(): void {
    this.#refusing = false;
  }

  /** The connections there are stay open and pass nothing more in this direction; new ones work. */
  freeze(...directions: Direction[]): void {
    for (const link of this.#links) for (const direction of directions) link.frozen.add(direction);
  }

  /** Resolves when `fact` holds; it is looked at whenever something has passed. */
  async until(fact: () => boolean): Promise<void> {
    while (!fact()) await new Promise<void>((resolve) => this.#listeners.push(resolve));
  }

  async close(): Promise<void> {
    this.refuse();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  async #listen(path: string | undefined): Promise<void> {
    if (path === undefined) this.#listener.listen(0, "127.0.0.1");
    else this.#listener.listen(path);
    await once(this.#listener, "listening");
    const address = this.#listener.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
  }

  #accept(client: Socket): void {
    this.connections += 1;
    client.on("error", () => {});
    if (this.#refusing) {
      client.destroy();
      this.#notify();
      return;
    }
    const server = connect({ ...this.#target, noDelay: true });
    client.setNoDelay(true);
    server.on("error", () => {});
    const link: Link = { client, server, frozen: new Set() };
    this.#links.add(link);

    this.#pass(client, "toServer", (chunk) => {
      if (!link.frozen.has("toServer") && !server.destroyed) server.write(chunk);
    });
    let left = this.#cutAfterBytes();
    this.#pass(server, "toClient", (chunk) => {
      if (link.frozen.has("toClient") || client.destroyed) return;
      const passed = chunk.subarray(0, left);
      left -= passed.length;
      client.write(passed);
      this.bytesToClient += passed.length;
      if (left <= 0) client.end();
      this.#notify();
    });
    const close = () => {
      client.destroy();
      server.destroy();
      this.#links.delete(link);
      this.#notify();
    };
    client.on("close", close);
    server.on("close", close);
    this.#notify();
  }

  #pass(from: Socket, direction: Direction, take: (chunk: Buffer) => void): void {
    const delayMs = this.#delayMs;
    if (delayMs === undefined) {
      from.on("data", take);
      return;
    }
    let before: Promise<void> = Promise.resolve();
    from.on("data", (chunk) => {
      const after = new Promise<void>((resolve) => setTimeout(resolve, delayMs(direction)));
      before = Promise.all([before, after]).then(() => take(chunk));
    });
  }

  #notify(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}
