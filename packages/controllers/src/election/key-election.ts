import { type Datastore, DatastoreError, type KeyValue } from "@ocicat/datastore";
import { createBackoff, stringifyJson, toError } from "@ocicat/kit";
import { Candidate } from "./candidate.ts";
import type { ElectionOptions, Term } from "./election.ts";

/** Below Calico's root, where access is granted, and beside all that Calico reads. */
export const LEADER_KEY = "/calico/ocicat/v1/controllers/leader";

export interface KeyElectionOptions extends ElectionOptions {
  readonly store: Datastore;
}

/**
 * One leader at a time, by a key that dies with its lease.
 *
 *     stand by ──key is free: create it under a lease──► lead ──renewed every third of its life──┐
 *        ▲                                                 │ ◄────────────────────────────────────┘
 *        └───────── not renewed in time, or key gone ──────┘
 *
 * Between a leader's own clock and the store's there is no promise: a process that is stopped for a minute and goes on
 * believes for a moment that it leads. So leading is not what allows a write; the fence in its transaction does.
 */
export class KeyElection extends Candidate {
  readonly #options: KeyElectionOptions;

  constructor(options: KeyElectionOptions) {
    super(options);
    this.#options = options;
  }

  protected async run(): Promise<void> {
    const { scope, random, logger, ttlSeconds } = this.#options;
    const backoff = createBackoff(random, { initialMs: 100, maxMs: (ttlSeconds * 1000) / 3 });
    while (!scope.closed) {
      try {
        await this.#campaign();
        backoff.reset();
      } catch (error) {
        if (scope.closed) return;
        logger.warning("the election is interrupted", { error: toError(error).message });
        await this.alarm.sleep(backoff.next());
      }
    }
  }

  /** Leads, or waits until nobody does. */
  async #campaign(): Promise<void> {
    const { store, scope } = this.#options;
    const { items, revision } = await store.list(LEADER_KEY);
    const current = items.find(({ key }) => key === LEADER_KEY);
    if (current !== undefined) {
      this.setLeader(holderOf(current));
      await this.#untilGone(revision + 1n);
      return;
    }
    const asked = this.#options.clock.monotonic();
    const lease = await store.grantLease(this.#options.ttlSeconds);
    try {
      const won = await this.#create(lease);
      if (won !== undefined && !scope.closed) await this.#lead(lease, won, asked);
    } finally {
      this.setTerm(undefined);
      await this.#giveBack(lease);
    }
  }

  /** The key as this instance has just made it; undefined: another was faster. */
  async #create(lease: bigint): Promise<KeyValue | undefined> {
    const { store, identity, clock } = this.#options;
    const value = stringifyJson({ holder: identity, since: new Date(clock.now()).toISOString() });
    try {
      return await store.create(LEADER_KEY, value, { lease });
    } catch (error) {
      if (!(error instanceof DatastoreError)) throw error;
      if (error.code !== "ALREADY_EXISTS" && error.code !== "UNKNOWN_OUTCOME") throw error;
      const current = await store.get(LEADER_KEY);
      return current?.lease === lease ? current : undefined;
    }
  }

  async #lead(lease: bigint, { modRevision }: KeyValue, asked: number): Promise<void> {
    const { clock, identity, logger, ttlSeconds, scope } = this.#options;
    const term: Term = { fence: { compares: [{ key: LEADER_KEY, modRevision }] }, since: clock.now() };
    this.setLeader(identity);
    this.setTerm(term);
    logger.info("leading", { identity });
    let renewed = asked;
    while (!scope.closed && this.term === term) {
      await this.alarm.sleep((ttlSeconds * 1000) / 3);
      if (scope.closed || this.term !== term) break;
      const begun = clock.monotonic();
      const outcome = await this.#renew(lease);
      if (outcome === "lost") break;
      if (outcome === "renewed") renewed = begun;
      if (clock.monotonic() - renewed < ttlSeconds * 1000) continue;
      logger.warning("the lease was not renewed in time: another leads by now, or may");
      break;
    }
    logger.info("no longer leading", { identity });
  }

  async #renew(lease: bigint): Promise<"renewed" | "not now" | "lost"> {
    try {
      await this.#options.store.keepLeaseAlive(lease);
      return "renewed";
    } catch (error) {
      if (error instanceof DatastoreError && error.code === "NOT_FOUND") return "lost";
      this.#options.logger.warning("the lease could not be renewed, trying again", { error: toError(error).message });
      return "not now";
    }
  }

  /** Whoever waits takes over at once instead of after the lease's time. */
  async #giveBack(lease: bigint): Promise<void> {
    try {
      await this.#options.store.revokeLease(lease);
    } catch (error) {
      if (!(error instanceof DatastoreError)) throw error;
    }
  }

  async #untilGone(from: bigint): Promise<void> {
    const { store, scope } = this.#options;
    const watch = store.watch(LEADER_KEY, { from });
    const forget = scope.add("leader watch", () => watch.close());
    try {
      for await (const { events } of watch) {
        const last = events.at(-1);
        if (last?.type === "delete") {
          this.setLeader(undefined);
          return;
        }
        if (last?.type === "put") this.setLeader(holderOf(last.item));
      }
    } finally {
      forget();
      watch.close();
    }
  }
}

function holderOf({ value }: KeyValue): string {
  return /"holder":"((?:[^"\\]|\\.)*)"/.exec(value)?.[1] ?? value;
}
