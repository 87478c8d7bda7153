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
import { AS, clientAddress, firstWord, PORT, prefixOf, REFLECTOR } from "./plan.ts";

const HOLD_S = 90;
const KEEPALIVE_MS = 30_000;
const MED_ATTRIBUTE = 4;
/** Bytes of a message before its body. */
const HEADER = 19;

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

/**
 * UPDATEs of a client that announce one prefix with a MED, one like the other: encoded once, and filled in. Who sends ten
 * thousand a second must not be what takes the time.
 */
export class SingleUpdate {
  readonly #bytes: Uint8Array;
  readonly #medAt: number;

  constructor(client: number) {
    const attributes = { ...attributesOf(client, 0), med: 0 };
    const [message = new Uint8Array()] = packAnnouncements(attributes, 4, [prefixOf(0)], DEFAULT_CONTEXT);
    this.#bytes = message;
    this.#medAt = HEADER + medAt(this.#bytes.subarray(HEADER));
  }

  of(prefix: number, med: number): Uint8Array {
    const bytes = this.#bytes.slice();
    const view = new DataView(bytes.buffer);
    view.setUint32(this.#medAt, med);
    // The prefix is the last of the message, and takes all four bytes.
    view.setUint32(bytes.length - 4, firstWord(prefix));
    return bytes;
  }
}

/** The MED in an UPDATE's body; 0: there is none. */
export function medOf(body: Uint8Array): number {
  const offset = medAt(body);
  return offset < 0 ? 0 : new DataView(body.buffer, body.byteOffset + offset, 4).getUint32(0);
}

/** Where an UPDATE's body has its MED; -1: it has none. */
function medAt(body: Uint8Array): number {
  const start = 2 + word(body, 0);
  const end = start + 2 + word(body, start);
  for (let offset = start + 2; offset < end; ) {
    const long = ((body[offset] ?? 0) & 0x10) !== 0;
    const value = offset + (long ? 4 : 3);
    if (body[offset + 1] === MED_ATTRIBUTE) return value;
    offset = value + (long ? word(body, offset + 2) : (body[offset + 2] ?? 0));
  }
  return -1;
}

export function withdrawals({ first, count }: Share): Uint8Array {
  const prefixes = Array.from({ length: count }, (_, n) => prefixOf(first + n));
  return Buffer.concat(packWithdrawals(4, prefixes, DEFAULT_CONTEXT));
}

function attributesOf(client: number, set: number) {
  const communities = [AS * 65_536 + set];
  return { origin: 0, asPath: [], nextHop: clientAddress(client), localPref: 100, communities } as const;
}
