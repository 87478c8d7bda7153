import type { Trouble, TroubleKind } from "../session/trouble.ts";
import type { Md5Refusals, Transport } from "./transport.ts";

/**
 * A peer whose segments are refused for their signature (RFC 2385) is never heard: no connection comes, no error. But the
 * system counts what it throws away, and a count that has grown while a peer was waited for tells why. It is the whole
 * system's count: with several such peers it is said of each.
 */
export class Md5Doubt {
  readonly #read: () => Md5Refusals | undefined;
  #before: Md5Refusals | undefined;

  constructor(transport: Transport) {
    this.#read = () => transport.md5Refusals?.();
    this.#before = this.#read();
  }

  /** From now on counts what is thrown away. */
  restart(): void {
    this.#before = this.#read();
  }

  /** What the counts say about a peer with, or without, a password. */
  trouble(hasPassword: boolean): Trouble | undefined {
    const now = this.#read();
    const before = this.#before;
    if (now === undefined || before === undefined) return undefined;
    const grown = (count: keyof Md5Refusals) => now[count] > before[count];
    const found = DOUBTS.find(({ count, ours }) => ours === hasPassword && grown(count));
    return found && { kind: found.kind, text: found.text };
  }
}

interface Doubt {
  readonly count: keyof Md5Refusals;
  /** Whether this side has a password for the peer. */
  readonly ours: boolean;
  readonly kind: TroubleKind;
  readonly text: string;
}

const DOUBTS: readonly Doubt[] = [
  {
    count: "mismatched",
    ours: true,
    kind: "md5-mismatch",
    text: "segments come with a wrong MD5 signature: the passwords differ",
  },
  {
    count: "missing",
    ours: true,
    kind: "md5-missing",
    text: "segments come without the MD5 signature: the peer has no password configured",
  },
  {
    count: "unexpected",
    ours: false,
    kind: "md5-unexpected",
    text: "segments come with an MD5 signature: the peer has a password configured, this side has none",
  },
];
