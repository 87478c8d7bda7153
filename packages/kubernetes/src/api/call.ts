import type { ClientSession, Connection, Headers } from "@ocicat/datastore/http2";
import { type Backoff, type Clock, createBackoff, type Logger, type Random, type Timer, toError } from "@ocicat/kit";
import type { Credentials } from "../config/index.ts";
import { ApiError, readStatus, TOO_LARGE_VERSION } from "./errors.ts";
import { type ExchangeFault, exchange } from "./exchange.ts";
import type { Verb } from "./resource.ts";

/** What one request is, whichever attempt brings its answer. */
export interface CallRequest {
  readonly verb: Verb;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer | undefined;
  readonly contentType: string | undefined;
  /** For errors: `get pods/web-1`. */
  readonly what: string;
}

export interface CallEnvironment {
  readonly connection: Connection;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Without a sign of life, with waiting for a connection and repeating; milliseconds. */
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly onAnswer?: ((answer: Answered) => void) | undefined;
}

/** What one exchange was, for who counts. */
export interface Answered {
  readonly verb: Verb;
  readonly path: string;
  /** 0: none came. */
  readonly status: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

const BACKOFF = { initialMs: 50, maxMs: 2_000 };
/** A server that asks for patience gets it, in bounds. */
const MAX_RETRY_AFTER_MS = 10_000;

const READS: ReadonlySet<Verb> = new Set<Verb>(["get", "list"]);

/** Statuses after which a read is asked again: the server is starting, stopping, or cut off from its store. */
const PASSING: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/**
 * One request through all its attempts to its answer, as text:
 *
 *     session? ──none──► wait for one ─┐      ┌──► the body, of 2xx
 *        │ ◄────────────────────────────┘      │
 *        └──► exchange ───────────────────────►┤──► ApiError: refused, or a write that may have happened
 *                ▲                             │
 *                └── again after a while: 429, 401 with a new token; reads also after a fault or 5xx
 */
export class Call {
  readonly #environment: CallEnvironment;
  readonly #request: CallRequest;
  readonly #resolve: (body: Buffer) => void;
  readonly #reject: (error: Error) => void;
  readonly promise: Promise<Buffer>;
  #deadline: Timer;
  #isDone = false;
  #cancel: () => void = () => {};
  #backoff: Backoff | undefined;
  #lastFailure: string | undefined;
  #isRenewed = false;
  #isSent = false;

  constructor(environment: CallEnvironment, request: CallRequest) {
    this.#environment = environment;
    this.#request = request;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadline = this.#armed();
    void this.#attempt();
  }

  /** Ends it at once, with this error. */
  abandon(error: Error): void {
    this.#cancel();
    this.#finish(() => this.#reject(error));
  }

  async #attempt(): Promise<void> {
    const { connection, credentials } = this.#environment;
    let authorization: string | undefined;
    try {
      authorization = await credentials.header();
    } catch (error) {
      this.#finish(() => this.#reject(toError(error)));
      return;
    }
    if (this.#isDone) return;
    const { session } = connection;
    if (session === undefined) this.#cancel = connection.onReady(() => void this.#attempt());
    else this.#send(session, authorization);
  }

  #send(session: ClientSession, authorization: string | undefined): void {
    const { connection, userAgent, onAnswer } = this.#environment;
    const { verb, method, path, body, contentType } = this.#request;
    const headers: [string, string][] = [
      ["accept", "application/json"],
      ["user-agent", userAgent],
    ];
    if (authorization !== undefined) headers.push(["authorization", authorization]);
    if (contentType !== undefined) headers.push(["content-type", contentType]);
    const parts: Buffer[] = [];
    let receivedBytes = 0;
    let status = 0;
    let answerHeaders: Headers = {};
    connection.underWay.calls += 1;
    this.#isSent = true;
    const settle = () => {
      connection.underWay.calls -= 1;
      onAnswer?.({ verb, path, status, sentBytes: body?.length ?? 0, receivedBytes });
    };
    const give = exchange(
      session,
      { method, path, headers, body },
      {
        head: (code, received) => {
          status = code;
          answerHeaders = received;
          this.#touch();
        },
        data: (bytes) => {
          receivedBytes += bytes.length;
          parts.push(bytes);
          this.#touch();
        },
        ended: (fault) => {
          settle();
          this.#cancel = () => {};
          if (fault !== undefined) this.#faulted(fault);
          else {
            connection.answers += 1;
            const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
            this.#answered(status, answerHeaders, bytes, authorization);
          }
        },
      },
    );
    this.#cancel = () => {
      give();
      settle();
    };
  }

  #answered(status: number, headers: Headers, body: Buffer, authorization: string | undefined): void {
    if (status >= 200 && status < 300) {
      this.#finish(() => this.#resolve(body));
      return;
    }
    const told = readStatus(parsed(body), status);
    const isRead = READS.has(this.#request.verb);
    if (status === 429) {
      this.#isSent = false;
      this.#again(told.message, secondsIn(headers["retry-after"]) ?? told.retryAfterSeconds);
    } else if (status === 401 && !this.#isRenewed) {
      this.#isRenewed = true;
      void this.#renew(authorization, told.message);
    } else if (isRead && PASSING.has(status) && told.reason !== TOO_LARGE_VERSION) {
      this.#again(told.message, undefined);
    } else {
      const { what } = this.#request;
      const outcome = !isRead && PASSING.has(status) ? "unknown" : "refused";
      this.#fail({ status, reason: told.reason, outcome, where: what, told: told.message, fix: FIXES[status] });
    }
  }

  async #renew(refused: string | undefined, message: string): Promise<void> {
    const isNew = await this.#environment.credentials.renew(refused).catch(() => false);
    if (this.#isDone) return;
    if (isNew) await this.#attempt();
    else {
      const { what } = this.#request;
      const refusal = { status: 401, reason: "Unauthorized", outcome: "refused", where: what, told: message } as const;
      this.#fail({ ...refusal, fix: FIXES[401] });
    }
  }

  #faulted({ unprocessed, why }: ExchangeFault): void {
    this.#lastFailure = why;
    if (unprocessed) this.#isSent = false;
    if (unprocessed || READS.has(this.#request.verb)) this.#again(why, undefined);
    else this.#silent(why);
  }

  /** Not before `seconds` have passed, where the server asks for that. */
  #again(why: string, seconds: number | undefined): void {
    if (this.#isDone) return;
    const { clock, random } = this.#environment;
    this.#lastFailure = why;
    this.#backoff ??= createBackoff(random, BACKOFF);
    const asked = Math.min((seconds ?? 0) * 1000, MAX_RETRY_AFTER_MS);
    const timer = clock.after(asked + this.#backoff.next(), "request again", () => void this.#attempt());
    this.#cancel = () => timer.cancel();
  }

  #armed(): Timer {
    const { clock, timeoutMs } = this.#environment;
    return clock.after(timeoutMs, "request", () => this.#expired());
  }

  /** The answer is coming: a long list may take as long as it takes. */
  #touch(): void {
    if (this.#isDone) return;
    this.#deadline.cancel();
    this.#deadline = this.#armed();
  }

  #expired(): void {
    this.#cancel();
    const { timeoutMs, connection } = this.#environment;
    this.#silent(this.#lastFailure ?? connection.failure?.message ?? `no answer within ${timeoutMs} ms`);
  }

  #silent(told: string): void {
    const { what, verb } = this.#request;
    const outcome = this.#isSent && !READS.has(verb) ? "unknown" : "refused";
    const fix = told.includes("HTTP/2") ? SPEAK_HTTP2 : "see that the API server runs and can be reached from here";
    this.#fail({ status: 0, reason: "", outcome, where: what, told, fix });
  }

  #fail(details: ConstructorParameters<typeof ApiError>[0]): void {
    this.#finish(() => this.#reject(new ApiError(details)));
  }

  #finish(settle: () => void): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#deadline.cancel();
    settle();
  }
}

const SPEAK_HTTP2 =
  "let the proxy speak HTTP/2 (nginx: http2 on; HAProxy: alpn h2), or pass TLS through to the API server, or name that one: K8S_API_ENDPOINT";

const FIXES: Readonly<Record<number, string>> = {
  401: "see that the token or certificate is one of this cluster and has not expired",
  403: "let its role do this: see the ClusterRole that the manifest makes",
};

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** RFC 9110 §10.2.3; servers of Kubernetes say seconds. */
export function secondsIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}
