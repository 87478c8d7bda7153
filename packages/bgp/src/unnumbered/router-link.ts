import type { Clock, Random, Timer } from "@ocicat/kit";
import { type Ipv6, ipv6, type Mac } from "@ocicat/net";
import { decodeRouterMessage, encodeAdvertisement, encodeSolicitation } from "./router-message.ts";

/** ff02::1 and ff02::2: all nodes and all routers of a link. */
const ALL_NODES = ipv6(0xff02_0000_0000_0000_0000_0000_0000_0001n);
const ALL_ROUTERS = ipv6(0xff02_0000_0000_0000_0000_0000_0000_0002n);

/** How often a router speaks, in milliseconds; RFC 4861 §6.2.1 and §10 in brackets. */
export interface RouterTiming {
  /** Unsolicited advertisements are at least and at most so far apart [MinRtrAdvInterval 3.3 s, MaxRtrAdvInterval 10 s]. */
  readonly leastMs: number;
  readonly mostMs: number;
  /** An answer waits a random part of this [MAX_RA_DELAY_TIME 0.5 s]. */
  readonly answerMs: number;
  /** Advertisements to all nodes are never closer than this [MIN_DELAY_BETWEEN_RAS 3 s]. */
  readonly apartMs: number;
  /** Between solicitations, of which there are as many at most [RTR_SOLICITATION_INTERVAL 4 s, MAX_RTR_SOLICITATIONS 3]. */
  readonly askMs: number;
  readonly questions: number;
  /** A neighbour that was not heard for so long makes room for another one; 30 s. */
  readonly silentMs: number;
}

export const ROUTER_TIMING: RouterTiming = {
  leastMs: 3_300,
  mostMs: 10_000,
  answerMs: 500,
  apartMs: 3_000,
  askMs: 4_000,
  questions: 3,
  silentMs: 30_000,
};

export interface RouterLinkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** ROUTER_TIMING, but for what is said here. */
  readonly timing?: Partial<RouterTiming> | undefined;
  /** This end's link-layer address; undefined: the link has none. */
  readonly mac: Mac | undefined;
  /** Must not throw. */
  readonly send: (message: Uint8Array, to: Ipv6) => void;
  /** Another neighbour is known than before. */
  readonly onNeighbour: (neighbour: Ipv6) => void;
  /** A second router is heard, once for each: the link is none between two. */
  readonly onRival?: ((rival: Ipv6) => void) | undefined;
}

/**
 * One end of a link without numbers: says that a router is here, and learns who is at the other end, as RFC 4861 §6.2 has
 * routers do it. It is no default router, and hosts on the link learn nothing else of it.
 */
export class RouterLink {
  readonly #options: RouterLinkOptions;
  readonly #timing: RouterTiming;
  readonly #rivals = new Set<Ipv6>();
  #neighbour: Ipv6 | undefined;
  #heardAt = 0;
  #saidAt = Number.NEGATIVE_INFINITY;
  #next: { readonly at: number; readonly timer: Timer } | undefined;
  #asking: Timer | undefined;

  constructor(options: RouterLinkOptions) {
    this.#options = options;
    this.#timing = { ...ROUTER_TIMING, ...options.timing };
  }

  /** Who is at the other end; undefined: nobody was heard. */
  get neighbour(): Ipv6 | undefined {
    return this.#neighbour;
  }

  /** Says it at once, and asks. */
  start(): void {
    this.#advertise();
    this.#ask(this.#timing.questions);
  }

  stop(): void {
    this.#next?.timer.cancel();
    this.#asking?.cancel();
  }

  /** What came over the link, with a hop limit of 255 and a right checksum. */
  heard(source: Ipv6, bytes: Uint8Array): void {
    const message = decodeRouterMessage(source, bytes);
    if ("discarded" in message) return;
    if (message.type === "solicitation") this.#answer();
    else this.#meet(source);
  }

  #meet(source: Ipv6): void {
    const now = this.#options.clock.monotonic();
    if (source !== this.#neighbour && this.#neighbour !== undefined && now - this.#heardAt < this.#timing.silentMs) {
      if (this.#rivals.has(source)) return;
      this.#rivals.add(source);
      this.#options.onRival?.(source);
      return;
    }
    this.#asking?.cancel();
    this.#heardAt = now;
    this.#rivals.delete(source);
    if (source === this.#neighbour) return;
    this.#neighbour = source;
    const { send, mac, onNeighbour } = this.#options;
    // Who has just come may not have heard the last one, and need not wait for the next (§6.2.6: to one node alone, at any time).
    send(encodeAdvertisement(mac), source);
    onNeighbour(source);
  }

  /** §6.2.6: after a random delay, not too soon after the last one, and not at all if one is due before. */
  #answer(): void {
    const { clock } = this.#options;
    const { answerMs, apartMs } = this.#timing;
    const earliest = Math.max(clock.monotonic(), this.#saidAt + apartMs);
    const at = earliest + this.#between(0, answerMs);
    if (this.#next === undefined || at < this.#next.at) this.#advertiseAt(at);
  }

  /** §6.2.4. */
  #advertise(): void {
    const { clock, send, mac } = this.#options;
    send(encodeAdvertisement(mac), ALL_NODES);
    this.#saidAt = clock.monotonic();
    const { leastMs, mostMs } = this.#timing;
    this.#advertiseAt(this.#saidAt + this.#between(leastMs, mostMs));
  }

  #advertiseAt(at: number): void {
    const { clock } = this.#options;
    this.#next?.timer.cancel();
    const timer = clock.after(at - clock.monotonic(), "router advertisement", () => this.#advertise());
    this.#next = { at, timer };
  }

  /** §6.3.7: until somebody answers. */
  #ask(left: number): void {
    const { clock, send, mac } = this.#options;
    if (left === 0) return;
    send(encodeSolicitation(mac), ALL_ROUTERS);
    this.#asking = clock.after(this.#timing.askMs, "router solicitation", () => this.#ask(left - 1));
  }

  #between(least: number, most: number): number {
    return least + ((most - least) * this.#options.random.uint32()) / 2 ** 32;
  }
}
