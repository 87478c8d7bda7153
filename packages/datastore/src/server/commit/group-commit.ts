import type { Logger } from "@ocicat/kit";
import { GrpcCode, GrpcError } from "../../grpc/index.ts";
import { etcdError, ServerError } from "../errors.ts";
import { isMachineFailure, SQLITE, sqliteCode } from "../storage/sqlite-errors.ts";
import type { Committed, Store } from "../storage/store.ts";
import type { Writer } from "../storage/writer.ts";

/** Requests in one transaction: a few milliseconds of the event loop. What waits beyond it makes the next one. */
const MAX_GROUP = 512;

/** Requests that may wait; beyond it they are refused at once. */
const MAX_WAITING = 16_384;

export interface GroupCommitOptions {
  readonly store: Store;
  readonly logger: Logger;
  /** Brings what was committed to the disk and then calls `done`, with what went wrong if something did. */
  flush(done: (error: Error | undefined) => void): void;
  /** Called when a group is on the disk and before any of it is answered. */
  durable(committed: Committed): void;
  /** A group was refused, and nothing of it written, because the disk is full. */
  full(): void;
  /** The disk failed: nothing can be written any more. Called once. */
  failed(error: ServerError): void;
}

interface Waiting {
  /** Applies the request and keeps its outcome; throws only what the whole group must fail with. */
  apply(): void;
  /** Tells the caller the outcome kept. */
  settle(): void;
  reject(error: GrpcError): void;
}

/**
 * All writes that arrive in one turn of the event loop, and while the group before is on its way to the disk, go into one
 * transaction, and so into one flush, which is nearly all that a write costs. They take effect in the order of arrival.
 * Nothing that is not on the disk is shown to anybody: neither in an answer, nor in an event, nor to a read (settled()).
 *
 *     waiting ──(turn ends)──► applied, committed to the log ──(flush)──► on the disk: effects, events, answers
 *        ▲                                                                         │
 *        └──────────────── what arrived meanwhile is the next group ◄──────────────┘
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #waiting: Waiting[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  /** Until the group under way is on the disk. */
  #flight: PromiseWithResolvers<void> | undefined;
  #durableRevision: number;
  /** Why nothing more is taken. */
  #stopped: GrpcError | undefined;
  #failed = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#durableRevision = options.store.revision;
  }

  /** The store's revision as anybody may know it. */
  get durableRevision(): number {
    return this.#durableRevision;
  }

  /**
   * Resolves with what `apply` returned once that is on the disk. Rejects with the GrpcError it threw, having written
   * nothing; or with another GrpcError if the disk did not take it.
   */
  submit<T>(apply: (writer: Writer) => T): Promise<T> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(etcdError("tooManyRequests"));
    return new Promise<T>((resolve, reject) => {
      let settle = () => {};
      this.#waiting.push({
        apply: () => {
          try {
            const result = this.#options.store.request(apply);
            settle = () => resolve(result);
          } catch (error) {
            if (isMachineFailure(error)) throw error;
            const refusal = this.#refusal(error);
            settle = () => reject(refusal);
          }
        },
        settle: () => settle(),
        reject,
      });
      this.#schedule();
    });
  }

  /** What was read from the store, when all that may be seen in it is on the disk. Throws if that will never be. */
  settled<T>(read: T): T | Promise<T> {
    if (this.#failed) throw etcdError("stopped");
    return this.#flight === undefined ? read : this.#flight.promise.then(() => read);
  }

  /** Takes no more; resolves when what waits has been written. */
  async stop(): Promise<void> {
    this.#stopped ??= etcdError("stopped");
    while (this.#waiting.length > 0 || this.#flight !== undefined) {
      if (this.#flight === undefined) this.#run();
      // What fails has been told to those it concerns.
      await this.#flight?.promise.catch(() => {});
    }
  }

  /** After the poll phase, in which everything that has arrived is read: that is the group. */
  #schedule(): void {
    if (this.#flight === undefined && this.#waiting.length > 0) this.#scheduled ??= setImmediate(() => this.#run());
  }

  #run(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const group = this.#waiting.splice(0, MAX_GROUP);
    const committed = this.#commit(group);
    if (committed === undefined) {
      this.#schedule();
    } else if (committed.wrote) {
      this.#flight = Promise.withResolvers();
      // Nobody need be waiting for it.
      this.#flight.promise.catch(() => {});
      this.#options.flush((error) => this.#land(group, committed, error));
    } else {
      this.#land(group, committed, undefined);
    }
  }

  #commit(group: readonly Waiting[]): Committed | undefined {
    const { store } = this.#options;
    try {
      store.begin();
      for (const request of group) request.apply();
      return store.commit();
    } catch (error) {
      const refusal = this.#rollback(error);
      for (const request of group) request.reject(refusal);
      return undefined;
    }
  }

  #land(group: readonly Waiting[], committed: Committed, error: Error | undefined): void {
    const flight = this.#flight;
    this.#flight = undefined;
    if (error === undefined) {
      this.#durableRevision = this.#options.store.revision;
      for (const effect of committed.effects) effect();
      this.#options.durable(committed);
      for (const request of group) request.settle();
      flight?.resolve();
    } else {
      const failure = this.#fail(error);
      for (const request of group) request.reject(failure);
      flight?.reject(failure);
    }
    this.#schedule();
  }

  #rollback(error: unknown): GrpcError {
    const { store, logger } = this.#options;
    try {
      store.rollback();
      if (sqliteCode(error) === SQLITE.FULL) {
        this.#options.full();
        return etcdError("noSpace", error);
      }
    } catch (rollbackError) {
      logger.error("a failed transaction could not be rolled back", { error: String(rollbackError) });
    }
    return this.#fail(error);
  }

  /** For those whose write was under way: whether a flush that failed reached the disk nobody can say. */
  #fail(error: unknown): GrpcError {
    const outcome = "etcdserver: the data file failed; the outcome is unknown";
    const failure = new GrpcError(GrpcCode.UNAVAILABLE, outcome, "peer", error);
    if (this.#failed) return failure;
    this.#failed = true;
    this.#stopped ??= etcdError("stopped", error);
    // Not begun: nothing of these is anywhere.
    for (const request of this.#waiting.splice(0)) request.reject(this.#stopped);
    const { store } = this.#options;
    this.#options.failed(
      new ServerError("STORAGE_FAILED", "writing failed; the server takes no more writes", {
        where: store.file.path,
        why: error instanceof Error ? error.message : String(error),
        fix: "see the kernel log for errors of the disk, then start the server again",
        cause: error,
      }),
    );
    return failure;
  }

  /** A request that throws has written nothing. What is not a GrpcError is a fault of ours. */
  #refusal(error: unknown): GrpcError {
    if (error instanceof GrpcError) return error;
    this.#options.logger.error("a write request failed unexpectedly", { error: String(error) });
    return new GrpcError(GrpcCode.INTERNAL, "etcdserver: the request failed inside the server", "peer", error);
  }
}
