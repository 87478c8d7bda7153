import type { ClientSession } from "@ocicat/datastore/http2";
import { type Backoff, createBackoff, type Timer, toError } from "@ocicat/kit";
import { type CallEnvironment, secondsIn } from "./call.ts";
import { ApiError, readStatus } from "./errors.ts";
import { exchange } from "./exchange.ts";
import { LineSplitter } from "./lines.ts";
import type { ApiObject } from "./resource.ts";

export type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

export interface WatchListener {
  /** A DELETED object is as it was last, but with the version of its deletion. */
  change(type: ChangeType, object: ApiObject): void;
  /** Nothing else has happened up to this version (a bookmark). */
  progress(resourceVersion: string): void;
  /** It cannot go on: status 410 where its history is gone, else what the server refuses. Called once, and nothing after it. */
  failed(error: Error): void;
}

export interface WatchRequest {
  /** The address with all its parameters but the version. */
  readonly path: (resourceVersion: string) => string;
  /** Changes after this one are told. */
  readonly resourceVersion: string;
  /** For errors: `watch pods`. */
  readonly what: string;
  readonly parse: (text: string) => unknown;
}

/** One that told something is begun again soon; else the server is given time, and a crowd spread out. */
const BACKOFF = { initialMs: 100, maxMs: 10_000 };
/** The same of one that was silent for a good while. */
const PROVEN_MS = 5_000;

/** A kind that is not there yet may come; nobody is in a hurry for it, and every agent of a cluster asks. In seconds. */
const ABSENT_S = 60;
const MAX_RETRY_AFTER_S = 60;

/** Statuses that say no for good; others pass. */
const FINAL: ReadonlySet<number> = new Set([400, 403, 405, 410, 422]);

/**
 * Changes of a collection from a version on, over as many connections as it takes: each goes on after the last version that
 * was told, which bookmarks move forward where nothing changes.
 *
 *     begin ──no session──► wait for one ──► begin
 *       └──► events … ──ended, cut off──► begin from the last version, after a back-off
 *                └── 410: failed; who watches lists again
 */
export class WatchStream {
  readonly #environment: CallEnvironment;
  readonly #request: WatchRequest;
  readonly #listener: WatchListener;
  readonly #backoff: Backoff;
  #resourceVersion: string;
  #isOver = false;
  #cancel: () => void = () => {};
  #hasRenewed = false;

  constructor(environment: CallEnvironment, request: WatchRequest, listener: WatchListener) {
    this.#environment = environment;
    this.#request = request;
    this.#listener = listener;
    this.#resourceVersion = request.resourceVersion;
    this.#backoff = createBackoff(environment.random, BACKOFF);
    void this.#begin();
  }

  close(): void {
    this.#isOver = true;
    this.#cancel();
  }

  async #begin(): Promise<void> {
    const { connection, credentials } = this.#environment;
    let authorization: string | undefined;
    try {
      authorization = await credentials.header();
    } catch {
      // A token that is being replaced: it will be there.
      this.#later(undefined);
      return;
    }
    if (this.#isOver) return;
    const { session } = connection;
    if (session === undefined) this.#cancel = connection.onReady(() => void this.#begin());
    else this.#open(session, authorization);
  }

  #open(session: ClientSession, authorization: string | undefined): void {
    const { connection, clock, userAgent, onAnswer } = this.#environment;
    const path = this.#request.path(this.#resourceVersion);
    const since = clock.monotonic();
    let status = 0;
    let retryAfter: number | undefined;
    let receivedBytes = 0;
    const problem: Buffer[] = [];
    const lines = new LineSplitter((line) => this.#line(line));
    connection.underWay.watches += 1;
    const settle = () => {
      connection.underWay.watches -= 1;
      onAnswer?.({ verb: "watch", path, status, sentBytes: 0, receivedBytes });
    };
    const headers: [string, string][] = [
      ["accept", "application/json"],
      ["user-agent", userAgent],
    ];
    if (authorization !== undefined) headers.push(["authorization", authorization]);
    const give = exchange(
      session,
      { method: "GET", path, headers, body: undefined },
      {
        head(code, received) {
          status = code;
          retryAfter = secondsIn(received["retry-after"]);
          connection.answers += 1;
        },
        data(bytes) {
          receivedBytes += bytes.length;
          if (status === 200) lines.push(bytes);
          else problem.push(bytes);
        },
        ended: () => {
          settle();
          this.#cancel = () => {};
          if (status === 200 && clock.monotonic() - since >= PROVEN_MS) this.#backoff.reset();
          if (status === 0 || status === 200) this.#later(undefined);
          else this.#refused(status, Buffer.concat(problem).toString("utf8"), retryAfter, authorization);
        },
      },
    );
    this.#cancel = () => {
      give();
      settle();
    };
  }

  #refused(status: number, body: string, retryAfter: number | undefined, authorization: string | undefined): void {
    if (status === 401 && !this.#hasRenewed) {
      this.#hasRenewed = true;
      void this.#environment.credentials.renew(authorization).then(
        () => this.#later(undefined),
        () => this.#later(undefined),
      );
      return;
    }
    const told = readStatus(parsed(body), status);
    if (FINAL.has(status)) this.#fail(status, told.reason, told.message);
    else this.#later(status === 404 ? this.#spread(ABSENT_S) : (retryAfter ?? told.retryAfterSeconds));
  }

  #line(line: string): void {
    if (this.#isOver) return;
    let event: unknown;
    try {
      event = this.#request.parse(line);
    } catch (error) {
      // Half a line at the end of a connection that broke; the rest comes with the next one.
      this.#environment.logger.debug("a watch's line is not JSON", { cause: toError(error).message });
      return;
    }
    const { type, object } = event as { readonly type?: unknown; readonly object?: unknown };
    if (type === "ERROR") {
      this.#error(object);
      return;
    }
    // The server's word for it: every object of it has metadata with a version.
    const changed = object as ApiObject;
    const { resourceVersion } = changed.metadata;
    this.#hasRenewed = false;
    this.#backoff.reset();
    this.#resourceVersion = resourceVersion;
    if (type === "BOOKMARK") this.#listener.progress(resourceVersion);
    else if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") this.#listener.change(type, changed);
  }

  /** The last line of a watch; the server then ends it, and it is begun again unless this fails it. */
  #error(object: unknown): void {
    const { code, reason, message } = readStatus(object, 500);
    if (FINAL.has(code)) this.#fail(code, reason, message);
  }

  #later(seconds: number | undefined): void {
    if (this.#isOver) return;
    const { clock } = this.#environment;
    const wait = Math.min(seconds ?? 0, MAX_RETRY_AFTER_S) * 1000 + this.#backoff.next();
    const timer: Timer = clock.after(wait, "watch again", () => void this.#begin());
    this.#cancel = () => timer.cancel();
  }

  /** Between half of it and all, so that a crowd does not ask at once. */
  #spread(seconds: number): number {
    return (seconds / 2) * (1 + this.#environment.random.uint32() / 2 ** 32);
  }

  #fail(status: number, reason: string, told: string): void {
    if (this.#isOver) return;
    this.close();
    const { what } = this.#request;
    this.#listener.failed(new ApiError({ status, reason, outcome: "refused", where: what, told }));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
