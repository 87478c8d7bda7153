import { type Backoff, type Clock, createBackoff, type Logger, type Random, type Timer, toError } from "@ocicat/kit";
import type { ClientSession } from "../client.ts";
import { type KeepAlive, VitalSigns, type Waiting } from "./vital-signs.ts";

/** Where a server is reached. */
export interface Place {
  /** For the log. */
  readonly name: string;
  /** Makes a session that is ready. Rejects when `signal` aborts. */
  readonly dial: (signal: AbortSignal) => Promise<ClientSession>;
}

export interface ConnectionOptions {
  /** One server, or several that do the same. */
  readonly places: readonly Place[];
  /** What is there, for the log. */
  readonly what: string;
  readonly keepAlive: KeepAlive;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A session that lasted this long was a good one: the next attempt after it need not wait. */
const PROVEN_MS = 1_000;

const BACKOFF = { initialMs: 50, maxMs: 3_000 };

interface Current {
  readonly session: ClientSession;
  /** This end's address, as text. */
  readonly localAddress: string | undefined;
  readonly release: () => void;
}

/**
 * One HTTP/2 session to one of the places, made again whenever it is lost:
 *
 *     dialling ──SETTINGS──► ready ──lost, retired──► dialling (next place)
 *        │  ▲                                            after a whole round of failures, or a session that died young:
 *        └──┘ failed: next place                         back-off with jitter
 *
 * It starts at once and at a random place, so that many clients spread over a cluster.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  readonly #waiters = new Set<() => void>();
  readonly #movers = new Set<() => void>();
  #current: Current | undefined;
  #failure: Error | undefined;
  /** What has been logged of each endpoint since the last session. */
  readonly #reported = new Map<string, string>();
  #pause: { readonly timer: Timer; readonly wake: () => void } | undefined;

  /** Calls and streams under way, which the keep-alive goes by; counted by those who make them. */
  readonly underWay = { calls: 0, watches: 0 };

  /** Answers that sessions have brought, whatever they said; counted by those who get them. */
  answers = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#backoff = createBackoff(options.random, BACKOFF);
    this.#ended = this.#run();
  }

  /** The session, if one is ready now. */
  get session(): ClientSession | undefined {
    return this.#current?.session;
  }

  /** Why there is no session, as far as the last attempt knows. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Calls `callback` once, when a session is ready. Returns a function that forgets it. */
  onReady(callback: () => void): () => void {
    this.#waiters.add(callback);
    return () => this.#waiters.delete(callback);
  }

  /** Calls `callback` whenever a session is given up: what lasts as long as a session has to move to the next one. */
  onRetired(callback: () => void): void {
    this.#movers.add(callback);
  }

  /** Gives `session` no more calls and looks for another; those under way on it may finish. */
  retire(session: ClientSession, why: Error): void {
    if (session !== this.#current?.session) return;
    const { release } = this.#current;
    this.#failure = why;
    this.#current = undefined;
    session.close();
    release();
    for (const callback of this.#movers) callback();
  }

  /** Ends the session if it was made from this address: what waits on it is tried again on the next one, where it may be. */
  localAddressGone(address: string): void {
    if (this.#current?.localAddress !== address) return;
    const { session } = this.#current;
    this.retire(session, new Error(`this host has no address ${address} any more`));
    session.destroy();
  }

  /** Ends at once what is under way; resolves when the sockets are closed. */
  close(): Promise<void> {
    this.#closing.abort(new Error("the client was closed"));
    this.#pause?.timer.cancel();
    this.#pause?.wake();
    this.#waiters.clear();
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { places, random } = this.#options;
    const { signal } = this.#closing;
    let failures = 0;
    for (let turn = random.uint32() % places.length; !signal.aborted; turn = (turn + 1) % places.length) {
      const place = places[turn];
      if (place === undefined) throw new Error("no such place");
      const before = this.answers;
      const lastedMs = await this.#connect(place);
      if (lastedMs >= PROVEN_MS || this.answers > before) this.#backoff.reset();
      failures = lastedMs >= PROVEN_MS ? 0 : failures + 1;
      const roundIsOver = failures > 0 && failures % places.length === 0;
      if (roundIsOver && !signal.aborted) await this.#wait(this.#backoff.next());
    }
  }

  /** Connects and stays until the session is of no more use; returns how long it lasted in milliseconds. */
  async #connect(place: Place): Promise<number> {
    const { clock, logger, what } = this.#options;
    const { signal } = this.#closing;
    try {
      const session = await place.dial(signal);
      const since = clock.monotonic();
      this.#reported.clear();
      logger.debug(`connected to the ${what}`, { endpoint: place.name });
      await this.#serve(session);
      const lastedMs = clock.monotonic() - since;
      if (!signal.aborted) {
        logger.warning(`lost the connection to the ${what}`, {
          endpoint: place.name,
          cause: this.#failure?.message,
        });
      }
      return lastedMs;
    } catch (error) {
      if (signal.aborted) return 0;
      const cause = toError(error).message;
      this.#failure = new Error(`${place.name}: ${cause}`, { cause: error });
      // Said once a place and reason, not at every attempt of a long outage.
      const level = this.#reported.get(place.name) === cause ? "debug" : "warning";
      this.#reported.set(place.name, cause);
      logger[level](`cannot connect to the ${what}`, { endpoint: place.name, cause });
      return 0;
    }
  }

  /** Resolves when the session takes no more calls; calls under way on it may still finish after that. */
  #serve(session: ClientSession): Promise<void> {
    const { keepAlive, clock } = this.#options;
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const unusable = (why: Error) => this.retire(session, why);
      const vitalSigns = new VitalSigns(
        session,
        keepAlive,
        clock,
        () => this.#waiting(),
        () => {
          unusable(new Error(`no sign of life within ${keepAlive.timeoutMs} ms`));
          session.destroy();
        },
      );
      const abort = () => session.destroy();
      signal.addEventListener("abort", abort);
      const closed = (error: Error | undefined) => {
        vitalSigns.close();
        signal.removeEventListener("abort", abort);
        unusable(error ?? new Error("the server closed the connection"));
      };
      session.events = { goaway: () => unusable(new Error("the server is going away")), closed };
      this.#current = { session, localAddress: session.socket.localAddress, release: resolve };
      if (signal.aborted) session.destroy();
      else if (session.isDestroyed) closed(undefined);
      else if (session.isClosed) unusable(new Error("the server closed the connection"));
      else this.#wakeWaiters();
    });
  }

  #wakeWaiters(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  #waiting(): Waiting {
    if (this.underWay.calls > 0) return "calls";
    return this.underWay.watches > 0 ? "watches" : "nothing";
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pause = { timer: this.#options.clock.after(ms, "reconnect", resolve), wake: resolve };
    });
  }
}
