import type { IncomingHttpHeaders } from "node:http2";
import { etcdError } from "../errors.ts";
import { type KeyRange, keyRange } from "../storage/key-range.ts";
import { type AuthFacts, ROOT, type User } from "./facts.ts";
import { Intervals } from "./intervals.ts";
import type { Tokens } from "./tokens.ts";

/** Who makes a call, and what of it they may do. Each method throws GrpcError in etcd's words if they may not. */
export interface Caller {
  /** Undefined where nobody is asked. */
  readonly name: string | undefined;
  mayRead(range: KeyRange): void;
  mayWrite(range: KeyRange): void;
  /** For what asks for no right but for a name. */
  isKnown(): void;
  isAdmin(): void;
}

/** Where users are not asked for. */
const ANYBODY: Caller = {
  name: undefined,
  mayRead: () => {},
  mayWrite: () => {},
  isKnown: () => {},
  isAdmin: () => {},
};

/** A call without a token: what it may do asks for no name (a member list, a log-in). */
const NOBODY: Caller = {
  name: undefined,
  mayRead: refuse,
  mayWrite: refuse,
  isKnown: refuse,
  isAdmin: refuse,
};

function refuse(): never {
  throw etcdError("userEmpty");
}

/** Tells by a call's token who makes it. A change of users or roles holds for every call that comes after its answer. */
export class Gate {
  readonly #tokens: Tokens;
  #facts: AuthFacts;
  #callers = new Map<string, Caller>();

  constructor(facts: AuthFacts, tokens: Tokens) {
    this.#facts = facts;
    this.#tokens = tokens;
  }

  get facts(): AuthFacts {
    return this.#facts;
  }

  /** The facts have changed. */
  update(facts: AuthFacts): void {
    this.#facts = facts;
    this.#callers = new Map();
  }

  /** Throws `invalidToken` for one that is worthless. */
  caller(headers: IncomingHttpHeaders): Caller {
    if (!this.#facts.enabled) return ANYBODY;
    const token = headers["token"] ?? headers.authorization;
    if (typeof token !== "string" || token === "") return NOBODY;
    const name = this.#tokens.holder(token);
    const user = name === undefined ? undefined : this.#facts.users.get(name);
    if (name === undefined || user === undefined) throw etcdError("invalidToken");
    return this.#known(name, user);
  }

  #known(name: string, user: User): Caller {
    const known = this.#callers.get(name);
    if (known !== undefined) return known;
    const caller = user.roles.includes(ROOT) ? { ...ANYBODY, name } : callerOf(name, user, this.#facts);
    this.#callers.set(name, caller);
    return caller;
  }
}

function callerOf(name: string, user: User, facts: AuthFacts): Caller {
  const permissions = user.roles.flatMap((role) => facts.roles.get(role) ?? []);
  const allowing = (right: "read" | "write") => {
    const allowed = permissions.filter((permission) => permission[right]);
    return new Intervals(allowed.map(({ key, rangeEnd }) => keyRange(key, rangeEnd)));
  };
  const [readable, writable] = [allowing("read"), allowing("write")];
  const check = (allowed: boolean) => {
    if (!allowed) throw etcdError("permissionDenied");
  };
  return {
    name,
    mayRead: (range) => check(readable.contain(range)),
    mayWrite: (range) => check(writable.contain(range)),
    isKnown: () => {},
    isAdmin: () => check(false),
  };
}
