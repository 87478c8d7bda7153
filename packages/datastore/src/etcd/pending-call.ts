import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { type Backoff, createBackoff, type Timer } from "@ocicat/kit";
import { DatastoreError } from "../errors.ts";
import { type Call, callUnary, GrpcCode, GrpcError } from "../grpc/index.ts";
import type { ClientSession, Connection } from "../http2/index.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Settings } from "./options.ts";
import type { Metadata, TokenSource } from "./tokens.ts";
import { judge, toDatastoreError } from "./verdict.ts";

/** A stored value is at most 1.5 MiB, and lists are read in pages: far above any honest answer. */
export const MAX_ANSWER_BYTES = 2 ** 30;

/** Between attempts of one call. */
const BACKOFF = { initialMs: 20, maxMs: 500 };

/** A token may expire between being got and being used, but hardly twice. */
const MAX_LOGINS = 2;

export interface Request<I extends DescMessage, O extends DescMessage> {
  readonly method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>;
  readonly message: MessageShape<I>;
  /** For errors, as `put /a`. */
  readonly what: string;
  /** A read may be repeated as long as time remains; a write only if it was certainly not done. */
  readonly kind: "read" | "write";
}

export interface CallEnvironment {
  readonly settings: Settings;
  readonly connection: Connection;
  readonly deadlines: Deadlines;
}

/**
 * One call from its first attempt to its answer:
 *
 *     attempt ──no token──► login ──► attempt          ┌──► resolved
 *        │ ──no session──► wait for one ──► attempt    │
 *        └──► in flight ──────────────────────────────►┤──► rejected: final, or a write that may have happened
 *                ▲                                     │
 *                └── again, after a back-off or at once on another session
 *
 * The deadline ends it in whatever state it is.
 */
export class PendingCall<I extends DescMessage, O extends DescMessage> {
  readonly #environment: CallEnvironment;
  readonly #request: Request<I, O>;
  readonly #tokens: TokenSource;
  readonly #settle: (error: DatastoreError | undefined, answer: MessageShape<O> | undefined) => void;
  readonly #forgetDeadline: () => void;
  #done = false;
  #inFlight: Call | undefined;
  #stopWaiting: () => void = () => {};
  #attempts = 0;
  #logins = 0;
  #backoff: Backoff | undefined;
  #startedAt = 0;
  #lastFailure: GrpcError | undefined;

  /** `settle` is called once, with either. */
  constructor(
    environment: CallEnvironment,
    request: Request<I, O>,
    tokens: TokenSource,
    settle: (error: DatastoreError | undefined, answer: MessageShape<O> | undefined) => void,
  ) {
    this.#environment = environment;
    this.#request = request;
    this.#tokens = tokens;
    this.#settle = settle;
    this.#startedAt = environment.settings.clock.monotonic();
    this.#forgetDeadline = environment.deadlines.add(environment.settings.timeoutMs, () => this.#expire());
  }

  attempt(): void {
    if (this.#done) return;
    const { connection } = this.#environment;
    const { metadata } = this.#tokens;
    const { session } = connection;
    if (metadata === undefined) this.#login(metadata);
    else if (session === undefined) this.#stopWaiting = connection.onReady(() => this.attempt());
    else this.#send(session, metadata);
  }

  /** Ends it at once with `error`, a local one. */
  abandon(error: GrpcError): void {
    if (this.#inFlight !== undefined) this.#inFlight.cancel(error);
    else this.#reject(toDatastoreError(error, this.#request.what, "read"));
  }

  #send(session: ClientSession, metadata: Metadata): void {
    const { connection, settings } = this.#environment;
    const { method, message } = this.#request;
    this.#attempts += 1;
    // The same value for every first attempt: HPACK then sends one byte for it.
    const timeoutMs = this.#attempts === 1 ? settings.timeoutMs : this.#remainingMs();
    connection.underWay.calls += 1;
    const options = { metadata, timeoutMs, maxMessageBytes: MAX_ANSWER_BYTES };
    this.#inFlight = callUnary(session, method, message, options, (error, answer) => {
      connection.underWay.calls -= 1;
      this.#inFlight = undefined;
      if (error === undefined || error.origin === "peer") connection.answers += 1;
      if (error === undefined) this.#finish(undefined, answer);
      else this.#failed(error, session, metadata);
    });
  }

  #failed(error: GrpcError, session: ClientSession, metadata: Metadata): void {
    this.#lastFailure = error;
    const verdict = judge(error);
    if (verdict.next === "login" && this.#logins < MAX_LOGINS) this.#login(metadata);
    else if (verdict.next === "again") this.#again(error, session);
    else if (verdict.next === "unknown" && verdict.code === "UNAVAILABLE" && this.#request.kind === "read") {
      this.#again(error, session);
    } else this.#reject(toDatastoreError(error, this.#request.what, this.#request.kind));
  }

  #again(error: GrpcError, session: ClientSession): void {
    const { connection, settings } = this.#environment;
    // A session that sends nothing more, or a member that is cut off from its cluster.
    if (error.origin === "unsent" || error.message.includes("no leader")) connection.retire(session, error);
    if (connection.session === undefined) {
      this.attempt();
      return;
    }
    this.#backoff ??= createBackoff(settings.random, BACKOFF);
    const timer: Timer = settings.clock.after(this.#backoff.next(), "etcd retry", () => this.attempt());
    this.#stopWaiting = () => timer.cancel();
  }

  #login(stale: Metadata | undefined): void {
    this.#logins += 1;
    this.#tokens.login(stale).then(
      () => this.attempt(),
      (error: unknown) => this.#reject(asDatastoreError(error, this.#request.what)),
    );
  }

  #expire(): void {
    const { settings, connection } = this.#environment;
    const waited = `no answer within ${settings.timeoutMs} ms`;
    if (this.#inFlight !== undefined) {
      this.#inFlight.cancel(new GrpcError(GrpcCode.DEADLINE_EXCEEDED, waited, "local"));
      return;
    }
    const why = this.#lastFailure?.message ?? connection.failure?.message ?? waited;
    const tried = settings.endpoints.map((endpoint) => endpoint.name).join(", ");
    this.#reject(
      new DatastoreError("UNAVAILABLE", `${this.#request.what} failed: no datastore answers at ${tried}`, {
        why,
        fix: "check that it runs and that the endpoints are right",
      }),
    );
  }

  #remainingMs(): number {
    const { clock, timeoutMs } = this.#environment.settings;
    return Math.max(1, timeoutMs - (clock.monotonic() - this.#startedAt));
  }

  #reject(error: DatastoreError): void {
    this.#finish(error, undefined);
  }

  #finish(error: DatastoreError | undefined, answer: MessageShape<O> | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#forgetDeadline();
    this.#stopWaiting();
    this.#settle(error, answer);
  }
}

function asDatastoreError(error: unknown, what: string): DatastoreError {
  return error instanceof DatastoreError ? error : new DatastoreError("INTERNAL", `${what} failed`, { cause: error });
}
