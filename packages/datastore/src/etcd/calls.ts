import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { GrpcCode, GrpcError } from "../grpc/index.ts";
import type { Connection } from "../http2/index.ts";
import { closed } from "../shared/failures.ts";
import { Deadlines } from "./deadlines.ts";
import type { Settings } from "./options.ts";
import { type CallEnvironment, PendingCall, type Request } from "./pending-call.ts";
import type { TokenSource } from "./tokens.ts";

/** Calls with one answer over whatever session there is, each with a deadline. */
export class Calls implements CallEnvironment {
  readonly settings: Settings;
  readonly connection: Connection;
  readonly deadlines: Deadlines;
  readonly #pending = new Set<{ abandon(error: GrpcError): void }>();
  #closed = false;

  constructor(settings: Settings, connection: Connection) {
    this.settings = settings;
    this.connection = connection;
    this.deadlines = new Deadlines(settings.clock);
  }

  /** Rejects with DatastoreError. */
  call<I extends DescMessage, O extends DescMessage>(
    request: Request<I, O>,
    tokens: TokenSource,
  ): Promise<MessageShape<O>> {
    if (this.#closed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      const pending = new PendingCall(this, request, tokens, (error, answer) => {
        this.#pending.delete(pending);
        if (answer === undefined) reject(error);
        else resolve(answer);
      });
      this.#pending.add(pending);
      pending.attempt();
    });
  }

  close(): void {
    this.#closed = true;
    const error = new GrpcError(GrpcCode.CANCELLED, "the client was closed", "local");
    for (const pending of this.#pending) pending.abandon(error);
    this.deadlines.close();
  }
}
