import { messagesIn, type NetlinkMessage } from "@ocicat/netlink";
import type { NftKernel } from "../kernel.ts";
import * as nft from "../netlink/constants.ts";
import { type Answer, answer } from "./answer.ts";
import { applyMessage } from "./apply.ts";
import { FakeNftError, Refusal } from "./refusal.ts";
import type { FakeRuleset, FakeTable } from "./state.ts";

/**
 * nf_tables of one network namespace, in memory. It keeps what it is given and refuses what is not there, is there already,
 * is still in use or is another's, so that whoever programs it meets the kernel's own answers. What it does not do: look at
 * packets, count, or judge whether rules and hooks make sense.
 */
export class FakeNftables {
  #ruleset: FakeRuleset = new Map();
  #generation = 1;
  #nextPort = 1;
  #now = 0;

  /** A socket of its own: tables it owns are refused to others until it is closed. */
  open(): FakeNftSocket {
    const port = this.#nextPort++;
    return new FakeNftSocket({
      commit: (messages) => this.#commit(messages, port),
      query: (request) => this.#query(request),
      close: () => this.#release(port),
    });
  }

  /** Time passes, and elements whose time is over go. */
  elapse(seconds: number): void {
    this.#now += 1000 * seconds;
    this.#ruleset = new Map([...this.#ruleset].map(([id, table]) => [id, withoutOld(table, this.#now)]));
  }

  #commit(messages: Uint8Array, port: number): void {
    let ruleset = this.#ruleset;
    for (const message of messagesIn(messages)) {
      ruleset = refusing(message, () => applyMessage(ruleset, message, port, this.#now));
    }
    this.#ruleset = ruleset;
    this.#generation += 1;
  }

  #query(request: Uint8Array): readonly Answer[] {
    return [...messagesIn(request)].flatMap((message) =>
      refusing(message, () => answer(this.#ruleset, this.#generation, message)),
    );
  }

  /** Tables that persist lose their owner; the others that it owns go. */
  #release(port: number): void {
    const left = [...this.#ruleset].flatMap(([id, table]) => {
      if (table.owner !== port) return [[id, table] as const];
      if ((table.flags & nft.NFT_TABLE_F_PERSIST) === 0) return [];
      return [[id, { ...table, owner: undefined, flags: table.flags & ~nft.NFT_TABLE_F_OWNER }] as const];
    });
    this.#ruleset = new Map(left);
    this.#generation += 1;
  }
}

function withoutOld(table: FakeTable, now: number): FakeTable {
  const sets = [...table.sets].map(([name, set]) => {
    const elements = [...set.elements].filter(([, { goesAt }]) => goesAt === undefined || goesAt > now);
    return [name, { ...set, elements: new Map(elements) }] as const;
  });
  return { ...table, sets: new Map(sets) };
}

interface Line {
  commit(messages: Uint8Array): void;
  query(request: Uint8Array): readonly Answer[];
  close(): void;
}

/** Stands in for the kernel: as an NftKernel by itself, or as the `nft` of @ocicat/linux's FakeKernel. */
export class FakeNftSocket implements NftKernel, Disposable {
  readonly #line: Line;
  /** Transactions tried, refused ones too. */
  commits = 0;
  queries = 0;

  constructor(line: Line) {
    this.#line = line;
  }

  commit(messages: Uint8Array): void {
    this.commits += 1;
    this.#line.commit(messages);
  }

  query(request: Uint8Array): Answer[] {
    this.queries += 1;
    return [...this.#line.query(request)];
  }

  nftCommit(batch: Uint8Array): void {
    this.commit(batch);
  }

  nftQuery(request: Uint8Array): Answer[] {
    return this.query(request);
  }

  close(): void {
    this.#line.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function refusing<T>(message: NetlinkMessage, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) throw new FakeNftError(error, message.sequence);
    throw error;
  }
}
