/**
 * The BGP speaker's core without sockets, as a reflector: ten clients announce 100,000 prefixes each, an eleventh is told of all of them.
 * Decoding, import, decision, export and encoding are in it; reading and writing TCP are not.
 *
 *     node --conditions=source bench/bgp-rib.ts [prefixes per peer]
 *
 * The longest turn is the longest time that the event loop would not have answered for: reads come in chunks of 64 KiB.
 */
import { type Clock, seededRandom, silentLogger } from "@ocicat/kit";
import { type Ipv4, ipv4, Prefix } from "@ocicat/net";
import {
  type Connection,
  type ConnectionHandlers,
  createSpeaker,
  type Speaker,
  type Transport,
} from "../packages/bgp/src/index.ts";
import { NO_CAPABILITIES } from "../packages/bgp/src/wire/capabilities.ts";
import { encodeControl } from "../packages/bgp/src/wire/codec.ts";
import { DEFAULT_CONTEXT } from "../packages/bgp/src/wire/context.ts";
import { packAnnouncements, packWithdrawals } from "../packages/bgp/src/wire/pack.ts";

const PEERS = 10;
const PER_PEER = Number(process.argv[2] ?? 100_000);
const CHUNK = 65_536;
const LOCAL_AS = 64_512;

/** Work that waits for its turn: the bench's event loop. */
class Loop implements Clock {
  readonly #queue: (() => void)[] = [];
  longest = 0;

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(ms: number, _name: string, callback: () => void): { cancel(): void } {
    if (ms > 0) return { cancel: () => undefined };
    this.#queue.push(callback);
    return { cancel: () => undefined };
  }

  turn(work: () => void): void {
    const before = performance.now();
    work();
    this.longest = Math.max(this.longest, performance.now() - before);
  }

  drain(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.turn(next);
  }
}

/** One end of a session that the bench plays. */
class Puppet implements Connection {
  readonly local = { address: ipv4(0x0a000001), port: 179 };
  readonly remote: { readonly address: Ipv4; readonly port: number };
  readonly queued = 0;
  handlers: ConnectionHandlers | undefined;
  received = 0;

  constructor(address: Ipv4) {
    this.remote = { address, port: 50_000 };
  }

  handle(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
  }

  send(bytes: Uint8Array): boolean {
    this.received += bytes.length;
    return true;
  }

  close(): void {}

  reset(): void {}
}

const loop = new Loop();
const transport: Transport = {
  connect: () => ({ cancel: () => undefined }),
  listen: () => Promise.reject(new Error("nothing listens in this bench")),
};

function peerAddress(index: number): Ipv4 {
  return ipv4(0x0a000002 + index);
}

function establish(speaker: Speaker, index: number): Puppet {
  const puppet = new Puppet(peerAddress(index));
  speaker.accept(puppet);
  const routerId = peerAddress(index);
  const capabilities = { ...NO_CAPABILITIES, families: [4 as const], as4: LOCAL_AS };
  const open = encodeControl({ type: "open", version: 4, as: LOCAL_AS, holdTimeS: 0, routerId, capabilities });
  puppet.handlers?.onBytes(open);
  puppet.handlers?.onBytes(encodeControl({ type: "keepalive" }));
  return puppet;
}

function prefixesOf(index: number): Prefix[] {
  return Array.from({ length: PER_PEER }, (_, n) => Prefix.of(ipv4(0x14000000 + (index * PER_PEER + n) * 64), 26));
}

function chunks(messages: readonly Uint8Array[]): Uint8Array[] {
  const whole = new Uint8Array(messages.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const message of messages) {
    whole.set(message, at);
    at += message.length;
  }
  return Array.from({ length: Math.ceil(whole.length / CHUNK) }, (_, n) => whole.slice(n * CHUNK, (n + 1) * CHUNK));
}

/** CPU time in ms, of all threads: on a machine that has other work, it is what to compare. */
function feed(puppets: readonly Puppet[], streams: readonly Uint8Array[][]): number {
  const before = process.cpuUsage();
  loop.longest = 0;
  for (let round = 0; streams.some((stream) => round < stream.length); round++) {
    for (const [index, stream] of streams.entries()) {
      const chunk = stream[round];
      if (chunk !== undefined) loop.turn(() => puppets[index]?.handlers?.onBytes(chunk));
    }
    loop.drain();
  }
  loop.drain();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const speaker = createSpeaker({
  clock: loop,
  random: seededRandom(1),
  logger: silentLogger,
  transport,
  localAs: LOCAL_AS,
  routerId: ipv4(0x0a000001),
});
speaker.setOriginated([]);
speaker.setPeers(
  Array.from({ length: PEERS + 1 }, (_, index) => ({
    name: `peer${index}`,
    remoteAddress: peerAddress(index),
    remoteAs: LOCAL_AS,
    clusterId: ipv4(0x0a000001),
    reflectorClient: true,
    passive: true,
    holdTimeS: 0,
  })),
);
const puppets = Array.from({ length: PEERS + 1 }, (_, index) => establish(speaker, index));
loop.drain();

const tables = Array.from({ length: PEERS }, (_, index) => prefixesOf(index));
const announced = tables.map((prefixes, index) =>
  chunks(
    packAnnouncements(
      { origin: 0, asPath: [], nextHop: peerAddress(index), localPref: 100 },
      4,
      prefixes,
      DEFAULT_CONTEXT,
    ),
  ),
);
const withdrawn = tables.map((prefixes) => chunks(packWithdrawals(4, prefixes, DEFAULT_CONTEXT)));

const total = PEERS * PER_PEER;
const rows: string[][] = [];
for (const [what, streams, count] of [
  ["announced", announced, total],
  ["announced again", announced, total],
  ["withdrawn", withdrawn, 0],
] as const) {
  const ms = feed(puppets, streams);
  const told = speaker.status()[PEERS]?.advertised;
  if (told !== count) throw new Error(`the last peer is told of ${told} prefixes, not of ${count}`);
  const rss = process.memoryUsage().rss / 2 ** 20;
  rows.push([
    `${total} ${what}`,
    `${ms.toFixed(0)} ms of CPU`,
    `${((ms * 1e6) / total).toFixed(0)} ns each`,
    `longest turn ${loop.longest.toFixed(1)} ms`,
    `RSS ${rss.toFixed(0)} MiB`,
  ]);
}
for (const row of rows) console.log(row.join("  "));
