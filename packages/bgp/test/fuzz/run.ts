import { readdirSync, readFileSync } from "node:fs";
import { type Random, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { type ConnectionHandlers, createSpeaker, type PeerConfig, type Speaker } from "../../src/index.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { encodeControl } from "../../src/wire/codec.ts";
import type { CodecContext } from "../../src/wire/context.ts";
import { HEADER_LENGTH, MESSAGE_TYPES } from "../../src/wire/header.ts";
import { message } from "../support/bytes.ts";
import { address4 } from "../support/lab.ts";
import { below, mutate, pick } from "./mutate.ts";
import { type Fate, fateOf } from "./oracle.ts";

const CORPUS = new URL("../corpus/", import.meta.url);

/** What real daemons have said: messages, header and all. One in hex a line, a file a daemon. */
export function readCorpus(): readonly Uint8Array[] {
  const files = readdirSync(CORPUS).filter((name) => name.endsWith(".hex"));
  return files.flatMap((name) =>
    readFileSync(new URL(name, CORPUS), "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => Uint8Array.from(Buffer.from(line, "hex"))),
  );
}

export interface FuzzReport {
  readonly messages: number;
  /** What became of mutated UPDATEs. */
  readonly fates: Readonly<Record<Fate, number>>;
  /** Sessions that other messages ended. */
  readonly otherResets: number;
}

export class FuzzFailure extends Error {}

/**
 * Tells a speaker mutated messages, each on an Established session, and compares what becomes of the session and of the
 * routes with the RFC's text (oracle.ts). Throws FuzzFailure with the message that broke a promise, and how to see it again.
 * `skip`: begins with that message.
 */
export function fuzz(options: {
  readonly seed: number;
  readonly messages: number;
  readonly skip?: number;
  readonly onProgress?: (done: number) => void;
}): FuzzReport {
  const { seed, messages, skip = 0, onProgress } = options;
  const corpus = readCorpus();
  const fates = { reset: 0, withdraw: 0, accept: 0 };
  let otherResets = 0;
  const sessions = SESSIONS.map((session) => new Victim(session));
  for (let index = skip; index < skip + messages; index++) {
    // Each message is made from its own number, so that one can be seen again without those before it.
    const random = seededRandom((seed * 0x1_0000 + index) >>> 0);
    const original = pick(random, corpus) ?? new Uint8Array(HEADER_LENGTH);
    const victim = pick(random, sessions) ?? sessions[0];
    if (victim === undefined) break;
    const type = below(random, 20) === 0 ? below(random, 7) : (original[HEADER_LENGTH - 1] ?? 0);
    const body = mutate(original.subarray(HEADER_LENGTH), random);
    const bytes = message(type, body);
    try {
      const fate = type === MESSAGE_TYPES.update && body.length >= 4 ? fateOf(body, victim.context) : undefined;
      const outcome = victim.tell(bytes, random);
      if (fate === undefined) otherResets += outcome.up ? 0 : 1;
      else {
        fates[fate] += 1;
        compare(fate, outcome);
      }
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const hex = Buffer.from(bytes).toString("hex");
      throw new FuzzFailure(
        `message ${index} of seed ${seed} (--seed ${seed} --skip ${index} --operations 1)\n${victim.name}: ${hex}\n${text}`,
      );
    }
    if (onProgress !== undefined && (index + 1) % 10_000 === 0) onProgress(index + 1 - skip);
  }
  return { messages, fates, otherResets };
}

interface Outcome {
  readonly up: boolean;
  /** What the session said of the message. */
  readonly info: string;
}

function compare(fate: Fate, { up, info }: Outcome): void {
  if (up === (fate !== "reset")) return;
  throw new Error(up ? "the session goes on, and must end" : `the session has ended (${info}), and must be: ${fate}`);
}

interface VictimSession {
  readonly name: string;
  readonly config: Partial<PeerConfig>;
  readonly peerAs: number;
  readonly as4: boolean;
  readonly addPath: boolean;
}

const SESSIONS: readonly VictimSession[] = [
  { name: "internal", config: { families: [4, 6] }, peerAs: 64512, as4: true, addPath: false },
  { name: "external", config: { families: [4, 6] }, peerAs: 64513, as4: true, addPath: false },
  { name: "two-octet AS numbers", config: { families: [4] }, peerAs: 64513, as4: false, addPath: false },
  {
    name: "several paths, IPv6 next hops",
    config: { families: [4, 6], addPath: { receive: true }, extendedNextHop: true },
    peerAs: 64512,
    as4: true,
    addPath: true,
  },
];

const PEER = address4("10.0.0.2");
/** Longer than any wait after an error. */
const REST_MS = 31_000;

/** A speaker, and the peer whose connection the fuzzer has. */
class Victim {
  readonly name: string;
  readonly #session: VictimSession;
  readonly #clock = new TestClock();
  readonly #speaker: Speaker;
  #handlers: ConnectionHandlers | undefined;

  constructor(session: VictimSession) {
    this.name = session.name;
    this.#session = session;
    this.#speaker = createSpeaker({
      clock: this.#clock,
      random: seededRandom(1),
      logger: silentLogger,
      transport: {
        connect: () => ({ cancel: () => undefined }),
        listen: () => Promise.reject(new Error("nobody listens here")),
      },
      localAs: 64512,
      routerId: address4("10.0.0.1"),
    });
    const common = { name: "peer", remoteAddress: PEER, remoteAs: session.peerAs, passive: true };
    this.#speaker.setPeers([{ ...common, gracefulRestart: { mode: "off" }, ...session.config }]);
    this.#speaker.setOriginated([]);
  }

  get context(): CodecContext {
    const { peerAs, as4, addPath, config } = this.#session;
    const families = config.families ?? [4];
    const receive = { send: false, receive: true };
    return {
      as4,
      internal: peerAs === 64512,
      families,
      maxMessage: 4096,
      addPath: addPath ? Object.fromEntries(families.map((family) => [family, receive])) : {},
      extendedNextHop: addPath ? [4] : [],
    };
  }

  /** What becomes of the session; it is up again for the next message. */
  tell(bytes: Uint8Array, random: Random): Outcome {
    this.#ensureUp();
    // In one piece, or in two.
    const cut = below(random, 8) === 0 ? below(random, bytes.length) : 0;
    if (cut > 0) this.#handlers?.onBytes(bytes.subarray(0, cut));
    this.#handlers?.onBytes(cut > 0 ? bytes.subarray(cut) : bytes);
    this.#clock.advance(1);
    const [status] = this.#speaker.status();
    return { up: status?.state === "Established", info: status?.info ?? "" };
  }

  #ensureUp(): void {
    if (this.#speaker.status()[0]?.state === "Established") {
      // The hold timer must not run out over a million messages.
      this.#handlers?.onBytes(encodeControl({ type: "keepalive" }));
      return;
    }
    this.#clock.advance(REST_MS);
    const { peerAs, as4, addPath, config } = this.#session;
    const families = config.families ?? [4];
    this.#speaker.accept({
      local: { address: address4("10.0.0.1"), port: 179 },
      remote: { address: PEER, port: 50_000 },
      queued: 0,
      handle: (handlers) => {
        this.#handlers = handlers;
      },
      send: () => true,
      close: () => undefined,
      reset: () => undefined,
    });
    const send = { send: true, receive: false };
    const capabilities = {
      ...NO_CAPABILITIES,
      families,
      as4: as4 ? peerAs : undefined,
      routeRefresh: true,
      enhancedRefresh: true,
      addPath: addPath ? Object.fromEntries(families.map((family) => [family, send])) : {},
      extendedNextHop: addPath ? [4 as const] : [],
    };
    const open = { type: "open", version: 4, as: peerAs, holdTimeS: 90, routerId: PEER, capabilities } as const;
    this.#handlers?.onBytes(encodeControl(open));
    this.#handlers?.onBytes(encodeControl({ type: "keepalive" }));
    this.#clock.advance(1);
    const [status] = this.#speaker.status();
    if (status?.state !== "Established") {
      throw new Error(`no session with ${formatAddress(PEER)}: ${status?.state}, ${status?.info}`);
    }
  }
}
