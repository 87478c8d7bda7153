import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { tcpTransport } from "../../../packages/agent/src/bgp/tcp-transport.ts";
import {
  type BestRoute,
  createSpeaker,
  type OriginatedRoute,
  type PeerConfig,
  type PeerStatus,
  type Speaker,
  type SpeakerOptions,
  type Transport,
} from "../../../packages/bgp/src/index.ts";
import { observedTransport } from "../../../packages/bgp/src/record/index.ts";
import { Framer } from "../../../packages/bgp/src/wire/framer.ts";
import { frame, MAX_EXTENDED_MESSAGE } from "../../../packages/bgp/src/wire/header.ts";
import { eventually, realClock } from "../../../packages/bgp/test/support/real-clock.ts";
import { seededRandom, silentLogger } from "../../../packages/kit/src/index.ts";
import { ipv4, parseAddress } from "../../../packages/net/src/index.ts";
import type { Segment } from "./segment.ts";

export interface OursOptions {
  readonly segment: Segment;
  readonly transport: 4 | 6;
  readonly as: number;
  readonly peerAs: number;
  /** Which of our addresses; 1. */
  readonly n?: number;
  readonly peer?: Partial<PeerConfig>;
  readonly speaker?: Partial<SpeakerOptions>;
  readonly routes?: readonly OriginatedRoute[];
}

/** A speaker of ours on the segment, with one peer: the daemon. */
export class Ours {
  readonly speaker: Speaker;
  readonly address: string;
  readonly routes = new Map<string, BestRoute>();
  /** What was best and is not any more, in order. */
  readonly lost: string[] = [];
  #peer: PeerConfig;
  ready = false;

  constructor(options: OursOptions, daemon: string) {
    const { segment, transport, as, peerAs, n = 1 } = options;
    this.address = segment.ours(transport, n);
    const address = parseAddress(this.address);
    const other = transport === 4 ? 6 : 4;
    this.speaker = createSpeaker({
      clock: realClock,
      random: seededRandom(process.pid),
      logger: silentLogger,
      transport: recorded(tcpTransport(), daemon),
      localAs: as,
      routerId: ipv4(0x0a000010 + n),
      listen: { address, port: 179 },
      onChange: (changes) => {
        for (const { prefix, best } of changes) {
          if (best === undefined) this.lost.push(prefix.toString());
          if (best === undefined) this.routes.delete(prefix.toString());
          else this.routes.set(prefix.toString(), best);
        }
      },
      onReady: () => {
        this.ready = true;
      },
      ...options.speaker,
    });
    const hop = parseAddress(segment.ours(other, n));
    this.#peer = {
      name: daemon,
      remoteAddress: parseAddress(segment.theirs(transport)),
      localAddress: address,
      remoteAs: peerAs,
      ownNextHop: typeof hop === "number" ? { 4: ipv4(hop) } : { 6: hop },
      timers: { errorWaitMinMs: 500, errorWaitMaxMs: 1000 },
      ...options.peer,
    };
  }

  async start(routes: readonly OriginatedRoute[] = []): Promise<this> {
    await this.speaker.start();
    this.speaker.setOriginated(routes);
    this.speaker.setPeers([this.#peer]);
    return this;
  }

  change(peer: Partial<PeerConfig>): void {
    this.#peer = { ...this.#peer, ...peer };
    this.speaker.setPeers([this.#peer]);
  }

  /** How it sees the daemon now. */
  get peer(): PeerConfig {
    return this.#peer;
  }

  get status(): PeerStatus {
    const [status] = this.speaker.status();
    if (status === undefined) throw new Error("no peer");
    return status;
  }

  /** Waits for the session, longer than the daemons wait between two attempts. */
  established(): Promise<PeerStatus> {
    return eventually(
      "the session",
      () => this.status,
      ({ state }) => state === "Established",
      30_000,
    );
  }

  /** Waits for a route of the daemon's. */
  async route(prefix: string): Promise<BestRoute> {
    await eventually(`${prefix} from the daemon`, () => this.routes.has(prefix), Boolean, 20_000);
    const route = this.routes.get(prefix);
    if (route === undefined) throw new Error(prefix);
    return route;
  }

  stop(): Promise<void> {
    return this.speaker.stop();
  }
}

/** With BGP_CORPUS set to a directory, all that daemons say is written there: what the fuzzer begins with. */
function recorded(transport: Transport, daemon: string): Transport {
  const directory = process.env.BGP_CORPUS;
  if (directory === undefined) return transport;
  return observedTransport(transport, () => {
    const framer = new Framer();
    framer.maxMessage = MAX_EXTENDED_MESSAGE;
    return {
      sent: () => undefined,
      received: (bytes) => {
        framer.push(bytes);
        for (let next = framer.next(); next !== undefined; next = framer.next()) {
          const { type, body } = next;
          const whole = frame(type, (writer) => writer.bytes(body));
          appendFileSync(join(directory, `${daemon.toLowerCase()}.hex`), `${Buffer.from(whole).toString("hex")}\n`);
        }
      },
      ended: () => undefined,
    };
  });
}
