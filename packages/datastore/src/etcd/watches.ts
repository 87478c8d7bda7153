import { type Backoff, createBackoff, type Timer } from "@ocicat/kit";
import type { Revision, Watch, WatchOptions } from "../datastore.ts";
import { DatastoreError } from "../errors.ts";
import { GrpcCode, GrpcError } from "../grpc/index.ts";
import type { ClientSession, Connection } from "../http2/index.ts";
import type { Event } from "../proto/kv_pb.ts";
import type { WatchResponse } from "../proto/rpc_pb.ts";
import { compacted } from "../shared/failures.ts";
import { WatchQueue } from "../shared/watch-queue.ts";
import { decodeEvent, prefixRange } from "./codec.ts";
import type { Settings } from "./options.ts";
import { isAnotherStore, type Origin } from "./origin.ts";
import type { Metadata, TokenSource } from "./tokens.ts";
import { judge, toDatastoreError } from "./verdict.ts";
import { WatchStream } from "./watch-stream.ts";

interface Watcher {
  readonly prefix: string;
  readonly previous: boolean;
  readonly queue: WatchQueue;
  /** The first revision not told yet: all below it are, none from it on. */
  next: Revision;
  /** Who has told the revisions below it, as far as that is known. */
  origin: Origin | undefined;
  /** The metadata with which the server last denied it: tokens expire, and etcd then says "permission denied". */
  deniedWith: Metadata | undefined;
}

const BACKOFF = { initialMs: 50, maxMs: 3_000 };

/**
 * All watches of a client over one gRPC stream, whichever session that runs on:
 *
 *     no stream ──login, session ready──► open ──lost, retired──► no stream
 *                                          │                         └─ back-off if the session is still the same
 *                                          └─ each watcher is created at its own `next`
 *
 * Invariant: a watcher's queue has got every revision below `next` once and in order, and none from `next` on.
 */
export class Watches {
  readonly #settings: Settings;
  readonly #connection: Connection;
  readonly #tokens: TokenSource;
  readonly #backoff: Backoff;
  readonly #watchers = new Set<Watcher>();
  #stream: WatchStream<Watcher> | undefined;
  /** Opening is under way: waiting for a token, a session or the back-off. */
  #opening = false;
  #timer: Timer | undefined;
  #closed = false;

  constructor(settings: Settings, connection: Connection, tokens: TokenSource) {
    this.#settings = settings;
    this.#connection = connection;
    this.#tokens = tokens;
    this.#backoff = createBackoff(settings.random, BACKOFF);
    connection.onRetired(() => this.#stream?.end("the connection is given up"));
  }

  /** `origin`: who has told the revision to begin at, as far as that is known. */
  add(prefix: string, options: WatchOptions, origin: Origin | undefined): Watch {
    const queue = new WatchQueue(() => this.#remove(watcher));
    const previous = options.previous === true;
    const watcher: Watcher = { prefix, previous, queue, next: options.from, origin, deniedWith: undefined };
    this.#watchers.add(watcher);
    if (this.#stream === undefined) this.#open();
    else this.#create(this.#stream, watcher);
    return queue;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { queue } of this.#watchers) queue.end();
    this.#watchers.clear();
    this.#stream?.end("the client was closed");
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#stream?.end("nothing is watched any more");
    else this.#stream?.cancel(watcher);
  }

  #open(): void {
    if (this.#opening || this.#stream !== undefined || this.#closed || this.#watchers.size === 0) return;
    const { metadata } = this.#tokens;
    const { session } = this.#connection;
    if (metadata === undefined) {
      this.#login(metadata);
    } else if (session === undefined) {
      this.#opening = true;
      this.#connection.onReady(() => this.#openAgain());
    } else {
      this.#start(session, metadata);
    }
  }

  #openAgain(): void {
    this.#opening = false;
    this.#open();
  }

  #start(session: ClientSession, metadata: Metadata): void {
    this.#connection.underWay.watches += 1;
    const stream: WatchStream<Watcher> = new WatchStream(session, metadata, {
      created: (watcher, origin) => {
        this.#backoff.reset();
        this.#connection.answers += 1;
        this.#identify(watcher, origin);
      },
      events: (watcher, events) => this.#deliver(watcher, events),
      progress: (watcher, revision) => {
        if (revision >= watcher.next) told(watcher, revision);
      },
      canceled: (watcher, response) => this.#canceled(watcher, response, metadata),
      closed: (error) => {
        this.#connection.underWay.watches -= 1;
        this.#stream = undefined;
        this.#lost(error, session, metadata);
      },
    });
    this.#stream = stream;
    for (const watcher of this.#watchers) this.#create(stream, watcher);
  }

  /**
   * Asks for one revision more than is needed, and drops it: a deletion at the very revision the history was compacted
   * to is left out of a watch that starts there, without a word (etcd issue 18089; measured with 3.4.23).
   */
  #create(stream: WatchStream<Watcher>, watcher: Watcher): void {
    stream.create(watcher, {
      ...prefixRange(watcher.prefix),
      startRevision: watcher.next > 1n ? watcher.next - 1n : 1n,
      prevKv: watcher.previous,
      progressNotify: true,
      fragment: true,
    });
  }

  /** In another store, as one made anew and restored into, a revision means nothing: the watch might be silent for ever. */
  #identify(watcher: Watcher, now: Origin | undefined): void {
    const before = watcher.origin;
    watcher.origin = now;
    if (before === undefined || now === undefined) return;
    if (!isAnotherStore(before, now)) return;
    const what = `watch ${watcher.prefix}: the datastore is another one than the one that told revision ${before.revision}`;
    const fix = "list again and go on from the revision the list shows";
    this.#fail(watcher, new DatastoreError("COMPACTED", what, { fix }));
  }

  #deliver(watcher: Watcher, wire: readonly Event[]): void {
    const fresh = wire.filter((event) => (event.kv?.modRevision ?? 0n) >= watcher.next);
    const revision = fresh.at(-1)?.kv?.modRevision;
    if (revision === undefined) return;
    try {
      const events = fresh.map(decodeEvent);
      told(watcher, revision);
      watcher.queue.push({ events, revision });
    } catch (error) {
      this.#fail(watcher, asDatastoreError(error));
    }
  }

  #canceled(watcher: Watcher, response: WatchResponse, metadata: Metadata): void {
    if (response.compactRevision > 0n) {
      this.#fail(watcher, compacted(`watch ${watcher.prefix}`, watcher.next, response.compactRevision + 1n));
      return;
    }
    const error = fromReason(response.cancelReason);
    if (error.code === GrpcCode.PERMISSION_DENIED && watcher.deniedWith === undefined) {
      watcher.deniedWith = metadata;
      this.#tokens.login(metadata).then(
        () => this.#stream?.end("there is a new token"),
        () => this.#fail(watcher, toDatastoreError(error, `watch ${watcher.prefix}`, "read")),
      );
      return;
    }
    this.#fail(watcher, toDatastoreError(error, `watch ${watcher.prefix}`, "read"));
  }

  #lost(error: GrpcError | undefined, session: ClientSession, metadata: Metadata): void {
    if (this.#closed || this.#watchers.size === 0) return;
    if (error?.origin === "local") {
      this.#open();
      return;
    }
    this.#settings.logger.debug("the watch stream is lost", { cause: error?.message ?? "the server ended it" });
    const next = error === undefined ? "again" : judge(error).next;
    if (error !== undefined && next === "final") this.#failAll(toDatastoreError(error, "watch", "read"));
    else if (next === "login") this.#login(metadata);
    else this.#reopen(error, session);
  }

  #reopen(error: GrpcError | undefined, session: ClientSession): void {
    if (error?.origin === "unsent" || error?.message.includes("no leader")) this.#connection.retire(session, error);
    if (this.#connection.session === session) this.#openLater();
    else this.#open();
  }

  #openLater(): void {
    this.#opening = true;
    this.#timer = this.#settings.clock.after(this.#backoff.next(), "etcd watch retry", () => this.#openAgain());
  }

  #login(stale: Metadata | undefined): void {
    this.#opening = true;
    this.#tokens.login(stale).then(
      () => this.#openAgain(),
      (error: unknown) => {
        const failure = asDatastoreError(error);
        if (failure.retryable) {
          this.#openLater();
          return;
        }
        this.#opening = false;
        this.#failAll(failure);
      },
    );
  }

  #fail(watcher: Watcher, error: DatastoreError): void {
    watcher.queue.fail(error);
    this.#remove(watcher);
  }

  #failAll(error: DatastoreError): void {
    for (const watcher of this.#watchers) this.#fail(watcher, error);
  }
}

function told(watcher: Watcher, revision: Revision): void {
  watcher.next = revision + 1n;
  if (watcher.origin !== undefined) watcher.origin = { ...watcher.origin, revision };
}

/** A cancelled watch comes with etcd's error text only; the status codes are those of its errors. */
const REASONS: readonly (readonly [string, GrpcCode])[] = [
  ["permission denied", GrpcCode.PERMISSION_DENIED],
  // Older members deny without a reason.
  ["invalid auth token", GrpcCode.PERMISSION_DENIED],
  ["has been compacted", GrpcCode.OUT_OF_RANGE],
  ["no leader", GrpcCode.UNAVAILABLE],
];

function fromReason(reason: string): GrpcError {
  const code = REASONS.find(([text]) => reason.includes(text))?.[1] ?? GrpcCode.UNKNOWN;
  return new GrpcError(code, reason === "" ? "the server cancelled the watch without a reason" : reason);
}

function asDatastoreError(error: unknown): DatastoreError {
  return error instanceof DatastoreError ? error : new DatastoreError("INTERNAL", "watch failed", { cause: error });
}
