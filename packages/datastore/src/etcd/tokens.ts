import { create } from "@bufbuild/protobuf";
import { DatastoreError } from "../errors.ts";
import { Auth, AuthenticateRequestSchema } from "../proto/rpc_pb.ts";
import type { Calls } from "./calls.ts";
import type { Credentials } from "./options.ts";

export type Metadata = Readonly<Record<string, string>>;

/** Where calls get their metadata from. */
export interface TokenSource {
  /** What goes with a call; undefined: log in first. */
  readonly metadata: Metadata | undefined;
  /** Resolves when there is metadata other than `stale`; rejects with DatastoreError if there will be none. */
  login(stale: Metadata | undefined): Promise<void>;
}

/** A member without a leader refuses calls and ends watches at once, instead of letting them wait in silence. */
const METADATA: Metadata = { hasleader: "true" };

/** Without credentials. */
export const anonymous: TokenSource = {
  metadata: METADATA,
  login: () =>
    Promise.reject(
      new DatastoreError("UNAUTHENTICATED", "the datastore asks for a user name and password, and none are configured"),
    ),
};

/** Trades credentials for a token, once for all calls that wait for it, and again when the server has forgotten it. */
export class Login implements TokenSource {
  readonly #calls: Calls;
  readonly #credentials: Credentials;
  #metadata: Metadata | undefined;
  #underWay: Promise<void> | undefined;

  constructor(calls: Calls, credentials: Credentials) {
    this.#calls = calls;
    this.#credentials = credentials;
  }

  get metadata(): Metadata | undefined {
    return this.#metadata;
  }

  login(stale: Metadata | undefined): Promise<void> {
    if (this.#metadata !== stale) return Promise.resolve();
    this.#underWay ??= this.#authenticate().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #authenticate(): Promise<void> {
    const { username, password } = this.#credentials;
    const message = create(AuthenticateRequestSchema, { name: username, password });
    try {
      const { token } = await this.#calls.call(
        { method: Auth.method.authenticate, message, what: `login as ${username}`, kind: "read" },
        anonymous,
      );
      this.#metadata = { ...METADATA, token };
    } catch (error) {
      // A server without user names serves everybody.
      if (!(error instanceof DatastoreError) || error.code !== "UNSUPPORTED") throw error;
      this.#metadata = { ...METADATA };
    }
  }
}
