import { connect, type Socket } from "node:net";
import {
  DEFAULT_CONTEXT,
  encodeControl,
  Framer,
  NO_CAPABILITIES,
  packAnnouncements,
  packWithdrawals,
} from "@ocicat/bgp/wire";
import { formatAddress } from "@ocicat/net";
import { AS, clientAddress, PORT, prefixOf, REFLECTOR } from "./plan.ts";

const HOLD_S = 240;
const KEEPALIVE_MS = 30_000;

/** Which prefixes of all a client announces: `count` from `first` on. */
export interface Share {
  readonly first: number;
  readonly count: number;
  /** Into how many runs with attributes of their own. */
  readonly sets: number;
}

/** A BGP speaker that knows as little as it can: says what it is told to, and counts what it hears. */
export class Client {
  readonly index: number;
  readonly #socket: Socket;
  readonly #framer = new Framer();
  readonly established: Promise<void>;
  announced = 0;
  withdrawn = 0;
  updates = 0;
  /** Called with each UPDATE's body. */
  onUpdate: (body: Uint8Array) => void = () => undefined;

  constructor(index: number) {
    this.index = index;
    const localAddress = formatAddress(clientAddress(index));
    this.#socket = connect({ host: REFLECTOR, port: PORT, localAddress, noDelay: true });
    this.established = new Promise((resolve, reject) => {
      this.#socket.on("error", reject);
      this.#socket.on("close", () => reject(new Error(`the session of client ${index} has ended`)));
      this.#socket.on("data", (bytes) => this.#receive(bytes, resolve));
    });
    this.#socket.write(
      encodeControl({
        type: "open",
        version: 4,
        as: AS,
        holdTimeS: HOLD_S,
        routerId: clientAddress(index),
        capabilities: { ...NO_CAPABILITIES, families: [4], as4: AS },
      }),
    );
    this.#keepAlive();
    setInterval(() => this.#keepAlive(), KEEPALIVE_MS).unref();
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #keepAlive(): void {
    this.#socket.write(encodeControl({ type: "keepalive" }));
  }

  #receive(bytes: Uint8Array, established: () => void): void {
    this.#framer.push(bytes);
    for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
      if (frame.type === "keepalive") established();
      if (frame.type === "notification") throw new Error(`client ${this.index} got a NOTIFICATION: ${frame.body}`);
      if (frame.type === "update") this.#count(frame.body);
    }
  }

  #count(body: Uint8Array): void {
    const withdrawnLength = word(body, 0);
    const attributesAt = 2 + withdrawnLength;
    const announcedAt = attributesAt + 2 + word(body, attributesAt);
    this.updates += 1;
    this.withdrawn += entries(body, 2, attributesAt);
    this.announced += entries(body, announcedAt, body.length);
    this.onUpdate(body);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function entries(body: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at += 1 + (((body[at] ?? 0) + 7) >>> 3)) count += 1;
  return count;
}

/** One stream of bytes that announces a share, a set of attributes a run. */
export function announcements(client: number, { first, count, sets }: Share): Uint8Array {
  const messages: Uint8Array[] = [];
  const run = Math.ceil(count / sets);
  for (let start = 0; start < count; start += run) {
    const prefixes = Array.from({ length: Math.min(run, count - start) }, (_, n) => prefixOf(first + start + n));
    messages.push(...packAnnouncements(attributesOf(client, start / run), 4, prefixes, DEFAULT_CONTEXT));
  }
  return Buffer.concat(messages);
}

/** One UPDATE that announces one prefix with a MED. */
export function single(client: number, prefix: number, med: number): Uint8Array {
  return Buffer.concat(packAnnouncements({ ...attributesOf(client, 0), med }, 4, [prefixOf(prefix)], DEFAULT_CONTEXT));
}

export function withdrawals({ first, count }: Share): Uint8Array {
  const prefixes = Array.from({ length: count }, (_, n) => prefixOf(first + n));
  return Buffer.concat(packWithdrawals(4, prefixes, DEFAULT_CONTEXT));
}

function attributesOf(client: number, set: number) {
  const communities = [AS * 65_536 + set];
  return { origin: 0, asPath: [], nextHop: clientAddress(client), localPref: 100, communities } as const;
}
