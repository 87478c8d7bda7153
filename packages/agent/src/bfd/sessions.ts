import { randomInt } from "node:crypto";
import type { RemoteInfo, Socket } from "node:dgram";
import {
  type BfdEvent,
  type BfdSession,
  bfdStep,
  type ControlPacket,
  decodePacket,
  detectionTime,
  encodePacket,
  jittered,
  newBfdSession,
  packetOf,
  transmitInterval,
} from "@ocicat/bfd";
import { formatScoped, parseScoped, type ScopedAddress } from "@ocicat/net";
import { listenForPackets, PORTS, senderFor } from "./sockets.ts";
import type { BfdReport, BfdWish } from "./wishes.ts";

export interface BfdSessionsOptions {
  readonly onState: (report: BfdReport) => void;
  readonly onProblem: (what: string, why: string) => void;
}

interface Running {
  wish: BfdWish;
  session: BfdSession;
  sender: Socket | undefined;
  transmit: NodeJS.Timeout | undefined;
  detection: NodeJS.Timeout | undefined;
  gone: boolean;
}

/** Sessions on their sockets: performs what the state machine says. For a thread of its own. */
export class BfdSessions {
  readonly #options: BfdSessionsOptions;
  readonly #byName = new Map<string, Running>();
  readonly #byDiscriminator = new Map<number, Running>();
  /** By family and way: "4 single". */
  readonly #listeners = new Map<string, Socket | "failed">();

  constructor(options: BfdSessionsOptions) {
    this.#options = options;
  }

  /** Makes these all there are. One that is wanted otherwise than before keeps its session if only its timers differ. */
  async want(wishes: readonly BfdWish[]): Promise<void> {
    const names = new Set(wishes.map(({ name }) => name));
    for (const [name, running] of this.#byName) if (!names.has(name)) this.#remove(name, running);
    for (const wish of wishes) await this.#take(wish);
  }

  close(): void {
    for (const [name, running] of this.#byName) this.#remove(name, running);
    for (const listener of this.#listeners.values()) if (listener !== "failed") listener.close();
    this.#listeners.clear();
  }

  async #take(wish: BfdWish): Promise<void> {
    const config = configOf(wish);
    const known = this.#byName.get(wish.name);
    if (known !== undefined && sameWay(known.wish, wish)) {
      const timers = known.wish.intervalUs !== wish.intervalUs || known.wish.multiplier !== wish.multiplier;
      known.wish = wish;
      if (timers) this.#feed(known, { type: "configured", config });
      return;
    }
    if (known !== undefined) this.#remove(wish.name, known);
    const discriminator = this.#newDiscriminator();
    const session = newBfdSession(discriminator, config);
    const running: Running = {
      wish,
      session,
      sender: undefined,
      transmit: undefined,
      detection: undefined,
      gone: false,
    };
    this.#byName.set(wish.name, running);
    this.#byDiscriminator.set(discriminator, running);
    await this.#listen(familyOfText(wish.remote), wish.multihop);
    try {
      const sender = await senderFor(familyOfText(wish.remote), wish.local);
      if (running.gone) sender.close();
      else running.sender = sender;
    } catch (error) {
      this.#options.onProblem(`nothing can be sent from ${wish.local ?? "here"} to ${wish.remote}`, String(error));
    }
    if (!running.gone) this.#transmit(running);
  }

  async #listen(family: 4 | 6, multihop: boolean): Promise<void> {
    const key = `${family} ${multihop ? "multi" : "single"}`;
    if (this.#listeners.has(key)) return;
    this.#listeners.set(key, "failed");
    try {
      this.#listeners.set(
        key,
        await listenForPackets(family, multihop, (bytes, from) => this.#received(bytes, from, multihop)),
      );
    } catch (error) {
      const port = multihop ? PORTS.multi : PORTS.single;
      this.#options.onProblem(`BFD cannot listen at IPv${family} UDP port ${port}`, String(error));
    }
  }

  #received(bytes: Uint8Array, from: RemoteInfo, multihop: boolean): void {
    const packet = decodePacket(bytes);
    if ("discarded" in packet) return;
    const running = this.#meant(packet, parseScoped(from.address), multihop);
    if (running !== undefined) this.#feed(running, { type: "received", packet });
  }

  /** §6.3: by the discriminator; while the other side does not know it by the address it sends from. */
  #meant({ yourDiscriminator }: ControlPacket, from: ScopedAddress, multihop: boolean): Running | undefined {
    if (yourDiscriminator !== 0) {
      const known = this.#byDiscriminator.get(yourDiscriminator);
      // What came over several hops says nothing of a link (RFC 5881 §5).
      return known?.wish.multihop === multihop ? known : undefined;
    }
    const address = formatScoped(from);
    return [...this.#byName.values()].find(({ wish }) => wish.remote === address && wish.multihop === multihop);
  }

  #feed(running: Running, event: BfdEvent): void {
    const before = running.session;
    const { session, reply } = bfdStep(before, event);
    running.session = session;
    if (reply !== undefined) this.#send(running, reply);
    if (event.type === "received") this.#expect(running);
    if (session.state !== before.state) {
      const { state, diagnostic, remoteState } = session;
      this.#options.onState({ name: running.wish.name, state, diagnostic, remoteState });
    }
    // What is to be told is told at once: a change of state, and another rate.
    const another = transmitInterval(session) !== transmitInterval(before) || session.polling !== before.polling;
    if (session.state !== before.state || another) this.#transmit(running);
  }

  /** Sends now, and again after the interval. */
  #transmit(running: Running): void {
    clearTimeout(running.transmit);
    const { session } = running;
    const interval = transmitInterval(session);
    this.#send(running, packetOf(session));
    if (interval === undefined) return;
    const us = jittered(interval, session.config.detectMultiplier, Math.random());
    running.transmit = setTimeout(() => this.#transmit(running), us / 1000);
  }

  #send({ sender, wish }: Running, packet: ControlPacket): void {
    sender?.send(encodePacket(packet), portOf(wish), wish.remote);
  }

  #expect(running: Running): void {
    clearTimeout(running.detection);
    const us = detectionTime(running.session);
    if (us === undefined) return;
    running.detection = setTimeout(() => {
      // A thread that was held up finds its timer due before it has read what came meanwhile: read first.
      running.detection = setTimeout(() => this.#feed(running, { type: "detection-expired" }), 1);
    }, us / 1000);
  }

  #remove(name: string, running: Running): void {
    running.gone = true;
    clearTimeout(running.transmit);
    clearTimeout(running.detection);
    this.#byName.delete(name);
    this.#byDiscriminator.delete(running.session.localDiscriminator);
    // §6.8.16: the other side is told that this is on purpose, and need not tell its routing that a path is dead.
    const { sender, wish, session } = running;
    const farewell = encodePacket({ ...packetOf(session), state: "AdminDown", diagnostic: "administratively down" });
    sender?.send(farewell, portOf(wish), wish.remote, () => sender.close());
  }

  #newDiscriminator(): number {
    for (;;) {
      const discriminator = randomInt(1, 2 ** 32);
      if (!this.#byDiscriminator.has(discriminator)) return discriminator;
    }
  }
}

function configOf({ intervalUs, multiplier }: BfdWish) {
  return { desiredMinTxUs: intervalUs, requiredMinRxUs: intervalUs, detectMultiplier: multiplier };
}

function portOf({ multihop }: BfdWish): number {
  return multihop ? PORTS.multi : PORTS.single;
}

function sameWay(a: BfdWish, b: BfdWish): boolean {
  return a.local === b.local && a.remote === b.remote && a.multihop === b.multihop;
}

function familyOfText(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}
