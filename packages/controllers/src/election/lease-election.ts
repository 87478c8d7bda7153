import { type Datastore, DatastoreError, type Transaction } from "@ocicat/datastore";
import { createBackoff, toError } from "@ocicat/kit";
import { Candidate } from "./candidate.ts";
import type { ElectionOptions, Term } from "./election.ts";

/** A row that is about to be written, as it was when that was announced. */
export interface Announced {
  readonly key: string;
  readonly revision: bigint;
}

/** What a Lease of coordination.k8s.io says. */
export interface LeaseRecord {
  /** Changes with each write of it. */
  readonly version: string;
  /** "": nobody. */
  readonly holder: string;
  readonly durationSeconds: number;
  /** Milliseconds since 1970, by the holder's clock: for people. */
  readonly acquired: number;
  readonly renewed: number;
  readonly transitions: number;
  /** What the holder is about to write, or has written. */
  readonly announced: readonly Announced[];
}

/** One Lease, by compare-and-swap. */
export interface LeaseStore {
  readonly read: () => Promise<LeaseRecord | undefined>;
  /** Undefined: somebody else was faster. */
  readonly create: (record: Omit<LeaseRecord, "version">) => Promise<LeaseRecord | undefined>;
  /** Over the version in the record. Undefined: it is another by now. */
  readonly replace: (record: LeaseRecord) => Promise<LeaseRecord | undefined>;
}

export interface LeaseElectionOptions extends ElectionOptions {
  readonly lease: LeaseStore;
  /** Where the leader writes. */
  readonly store: Datastore;
}

/** Rows that are touched side by side. */
const AT_ONCE = 16;

/**
 * One leader at a time, by a Lease, on a store without transactions.
 *
 *     stand by ──nobody renewed it for its duration──► take it over ──► undo what was announced ──► lead ──► renew …
 *
 * The API server cannot compare the Lease when it writes another object. So the Lease holds the fence in another way: before
 * a leader writes rows it says in the Lease which, at which revisions, and whoever takes the Lease over writes those rows once
 * as they are before it does anything else. A write of the one before that comes late compares a revision that is gone, and
 * is refused. What is only to be created is not undone: it is then a row that nobody wants, and is found as one.
 *
 * No clock is compared with another's: a Lease is over when it has not changed for its duration, here.
 */
export class LeaseElection extends Candidate {
  readonly #options: LeaseElectionOptions;
  /** Of this process alone, also where another has the same name. */
  readonly #self: string;
  readonly #underWay = new Set<readonly Announced[]>();
  #record: LeaseRecord | undefined;
  #seen: { readonly version: string; readonly at: number } | undefined;
  #renewedAt = 0;
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<boolean> | undefined;

  constructor(options: LeaseElectionOptions) {
    super(options);
    this.#options = options;
    const { random } = options;
    this.#self = `${options.identity.replaceAll(" ", "_")}_${[random.uint32(), random.uint32()].map((word) => word.toString(36)).join("")}`;
  }

  get #ttlMs(): number {
    return this.#options.ttlSeconds * 1000;
  }

  protected async run(): Promise<void> {
    const { scope, random, logger } = this.#options;
    const backoff = createBackoff(random, { initialMs: 100, maxMs: this.#ttlMs / 3 });
    while (!scope.closed) {
      try {
        await this.#campaign();
        backoff.reset();
      } catch (error) {
        this.setTerm(undefined);
        if (scope.closed) return;
        logger.warning("the election is interrupted", { error: toError(error).message });
        await this.alarm.sleep(backoff.next());
      }
    }
  }

  /** Leads, or waits a while. */
  async #campaign(): Promise<void> {
    const { lease } = this.#options;
    const found = await lease.read();
    const won = found === undefined ? await lease.create(this.#claim(undefined)) : await this.#takeOver(found);
    if (won === undefined) {
      if (found !== undefined) await this.alarm.sleep(this.#untilNextLook(found));
      return;
    }
    this.#record = won;
    try {
      await this.#undo(found?.announced ?? []);
      await this.#lead();
    } finally {
      this.setTerm(undefined);
      await this.#giveBack();
    }
  }

  async #takeOver(found: LeaseRecord): Promise<LeaseRecord | undefined> {
    const { clock, lease } = this.#options;
    if (this.#seen?.version !== found.version) this.#seen = { version: found.version, at: clock.monotonic() };
    this.setLeader(found.holder || undefined);
    const isOver = clock.monotonic() - this.#seen.at >= found.durationSeconds * 1000;
    if (found.holder !== "" && !isOver) return undefined;
    return await lease.replace({ ...this.#claim(found), version: found.version });
  }

  /** What one before had announced stays until it is undone. */
  #claim(found: LeaseRecord | undefined): Omit<LeaseRecord, "version"> {
    const { clock, ttlSeconds } = this.#options;
    this.#renewedAt = clock.monotonic();
    return {
      holder: this.#self,
      durationSeconds: ttlSeconds,
      acquired: clock.now(),
      renewed: clock.now(),
      transitions: found === undefined ? 0 : found.transitions + 1,
      announced: found?.announced ?? [],
    };
  }

  #untilNextLook(found: LeaseRecord): number {
    const look = this.#ttlMs / 3;
    if (this.#seen === undefined) return look;
    const over = this.#seen.at + found.durationSeconds * 1000 - this.#options.clock.monotonic();
    return Math.max(0, Math.min(look, over));
  }

  /** Makes late writes of the one before impossible: each row it announced gets another revision, and keeps its value. */
  async #undo(announced: readonly Announced[]): Promise<void> {
    for (let at = 0; at < announced.length; at += AT_ONCE) {
      await Promise.all(announced.slice(at, at + AT_ONCE).map((row) => this.#touch(row)));
      if (!this.#isFresh && !(await this.#flush(announced))) throw new Error("the lease was lost while taking over");
    }
  }

  async #touch({ key, revision }: Announced): Promise<void> {
    const { store } = this.#options;
    const row = await store.get(key);
    if (row?.modRevision !== revision) return;
    try {
      await store.update(key, row.value, revision);
    } catch (error) {
      // Written, or gone: either way not what it was.
      if (!(error instanceof DatastoreError) || !MOVED_ON.has(error.code)) throw error;
    }
  }

  async #lead(): Promise<void> {
    const { clock, identity, logger, scope } = this.#options;
    if (scope.closed) return;
    const fence = {
      compares: [],
      announce: (transaction: Transaction) => this.#announce(transaction, () => this.term === term),
      stillHolds: () => this.term === term && this.#isFresh,
    };
    const term: Term = { fence, since: clock.now() };
    this.setLeader(identity);
    this.setTerm(term);
    logger.info("leading", { identity });
    while (!scope.closed && this.term === term) {
      await this.alarm.sleep(this.#ttlMs / 3);
      if (scope.closed || this.term !== term) break;
      if (!(await this.#renew())) break;
    }
    logger.info("no longer leading", { identity });
  }

  /** False: another leads, or may. */
  async #renew(): Promise<boolean> {
    const { logger, clock } = this.#options;
    try {
      return await this.#flush();
    } catch (error) {
      logger.warning("the lease could not be renewed, trying again", { error: toError(error).message });
      if (clock.monotonic() - this.#renewedAt < this.#ttlMs) return true;
      logger.warning("the lease was not renewed in time: another leads by now, or may");
      return false;
    }
  }

  /** Time enough is left for a write to arrive before another may lead. */
  get #isFresh(): boolean {
    return this.#options.clock.monotonic() - this.#renewedAt < (this.#ttlMs * 2) / 3;
  }

  async #announce(transaction: Transaction, isLeading: () => boolean): Promise<(() => void) | undefined> {
    const rows = announcedIn(transaction);
    this.#underWay.add(rows);
    const over = () => void this.#underWay.delete(rows);
    try {
      if (isLeading() && (await this.#flush()) && isLeading()) return over;
      over();
      return undefined;
    } catch (error) {
      over();
      throw error;
    }
  }

  /** Writes the Lease as it should be now. One write at a time: who comes while one is under way shares the next. */
  #flush(announced?: readonly Announced[]): Promise<boolean> {
    const next =
      this.#next ??
      this.#last.then(() => {
        this.#next = undefined;
        return this.#write(announced ?? [...this.#underWay].flat());
      });
    this.#next = next;
    this.#last = next.catch(() => {});
    return next;
  }

  async #write(announced: readonly Announced[]): Promise<boolean> {
    const { lease, clock } = this.#options;
    for (;;) {
      const record = this.#record;
      if (record?.holder !== this.#self) return false;
      const begun = clock.monotonic();
      const written = await lease.replace({ ...record, renewed: clock.now(), announced });
      if (written !== undefined) {
        this.#record = written;
        this.#renewedAt = begun;
        return true;
      }
      // A write of ours whose answer was lost, or another's.
      this.#record = await lease.read();
    }
  }

  /** Whoever waits takes over at once; what may still be under way stays announced. */
  async #giveBack(): Promise<void> {
    const { lease, logger } = this.#options;
    await this.#last;
    const record = this.#record;
    this.#record = undefined;
    if (record?.holder !== this.#self) return;
    try {
      await lease.replace({ ...record, holder: "" });
    } catch (error) {
      logger.debug("the lease was not given back", { error: toError(error).message });
    }
  }
}

const MOVED_ON: ReadonlySet<string> = new Set(["CONFLICT", "NOT_FOUND"]);

function announcedIn({ compares, operations }: Transaction): readonly Announced[] {
  const written = new Set(operations.map((operation) => ("put" in operation ? operation.put : operation.delete)));
  return compares.flatMap((compare) =>
    "modRevision" in compare && written.has(compare.key) ? [{ key: compare.key, revision: compare.modRevision }] : [],
  );
}
