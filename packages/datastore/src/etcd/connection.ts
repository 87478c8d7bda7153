import { type Backoff, createBackoff, type Timer, toError } from "@ocicat/kit";
import type { ClientSession } from "../http2/index.ts";
import { dial } from "./dial.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Settings } from "./options.ts";
import { VitalSigns, type Waiting } from "./vital-signs.ts";

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
 * One HTTP/2 session to one of the endpoints, made again whenever it is lost:
 *
 *     dialling ──SETTINGS──► ready ──lost, retired──► dialling (next endpoint)
 *        │  ▲                                            after a whole round of failures, or a session that died young:
 *        └──┘ failed: next endpoint                      back-off with jitter
 *
 * It starts at once and at a random endpoint, so that many clients spread over a cluster.
 */
export class Connection {
  readonly #settings: Settings;
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

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#backoff = createBackoff(settings.random, BACKOFF);
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
    const { endpoints, random } = this.#settings;
    const { signal } = this.#closing;
    let failures = 0;
    for (let turn = random.uint32() % endpoints.length; !signal.aborted; turn = (turn + 1) % endpoints.length) {
      const endpoint = endpoints[turn];
      if (endpoint === undefined) throw new Error("no such endpoint");
      const before = this.answers;
      const lastedMs = await this.#connect(endpoint);
      if (lastedMs >= PROVEN_MS || this.answers > before) this.#backoff.reset();
      failures = lastedMs >= PROVEN_MS ? 0 : failures + 1;
      const roundIsOver = failures > 0 && failures % endpoints.length === 0;
      if (roundIsOver && !signal.aborted) await this.#wait(this.#backoff.next());
    }
  }

  /** Connects and stays until the session is of no more use; returns how long it lasted in milliseconds. */
  async #connect(endpoint: Endpoint): Promise<number> {
    const { tls, clock, connectTimeoutMs, logger } = this.#settings;
    const { signal } = this.#closing;
    try {
      const session = await dial(endpoint, tls, { clock, timeoutMs: connectTimeoutMs, signal });
      const since = clock.monotonic();
      this.#reported.clear();
      logger.debug("connected to the datastore", { endpoint: endpoint.name });
      await this.#serve(session);
      const lastedMs = clock.monotonic() - since;
      if (!signal.aborted) {
        logger.warning("lost the connection to the datastore", {
          endpoint: endpoint.name,
          cause: this.#failure?.message,
        });
      }
      return lastedMs;
    } catch (error) {
      if (signal.aborted) return 0;
      const cause = toError(error).message;
      this.#failure = new Error(`${endpoint.name}: ${cause}`, { cause: error });
      // Said once an endpoint and reason, not at every attempt of a long outage.
      const level = this.#reported.get(endpoint.name) === cause ? "debug" : "warning";
      this.#reported.set(endpoint.name, cause);
      logger[level]("cannot connect to the datastore", { endpoint: endpoint.name, cause });
      return 0;
    }
  }

  /** Resolves when the session takes no more calls; calls under way on it may still finish after that. */
  #serve(session: ClientSession): Promise<void> {
    const { keepAlive, clock } = this.#settings;
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
      this.#pause = { timer: this.#settings.clock.after(ms, "etcd reconnect", resolve), wake: resolve };
    });
  }
}
