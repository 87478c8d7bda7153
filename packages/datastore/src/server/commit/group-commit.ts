import type { Logger } from "@ocicat/kit";
import { GrpcCode, GrpcError } from "../../grpc/index.ts";
import { etcdError, ServerError } from "../errors.ts";
import { isMachineFailure, SQLITE, sqliteCode } from "../storage/file.ts";
import type { Committed, Store } from "../storage/store.ts";
import type { Writer } from "../storage/writer.ts";

/** Requests in one transaction: a few milliseconds of the event loop. What waits beyond it makes the next one. */
const MAX_GROUP = 512;

/** Requests that may wait; beyond it they are refused at once. */
const MAX_WAITING = 16_384;

export interface GroupCommitOptions {
  readonly store: Store;
  readonly logger: Logger;
  /** Called when a group is on the disk and before any of it is answered. */
  committed(committed: Committed): void;
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
 * All writes that arrive in one turn of the event loop go into one transaction, and so into one flush of the disk, which
 * is nearly all that a write costs. They take effect in the order of arrival; none is answered before all are on the disk.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #waiting: Waiting[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #stopped: GrpcError | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
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
      // After the poll phase, in which everything that has arrived is read: that is the group.
      this.#scheduled ??= setImmediate(() => this.#run());
    });
  }

  /** Writes what waits, and takes no more. */
  stop(): void {
    this.#stopped ??= etcdError("stopped");
    while (this.#waiting.length > 0) this.#run();
    clearImmediate(this.#scheduled);
  }

  #run(): void {
    const group = this.#waiting.splice(0, MAX_GROUP);
    this.#scheduled = this.#waiting.length > 0 ? setImmediate(() => this.#run()) : undefined;
    const committed = this.#write(group);
    if (committed === undefined) return;
    for (const effect of committed.effects) effect();
    this.#options.committed(committed);
    for (const request of group) request.settle();
  }

  #write(group: readonly Waiting[]): Committed | undefined {
    const { store } = this.#options;
    try {
      store.begin();
      for (const request of group) request.apply();
      return store.commit();
    } catch (error) {
      const refusal = this.#groupFailure(error);
      for (const request of group) request.reject(refusal);
      return undefined;
    }
  }

  #groupFailure(error: unknown): GrpcError {
    const { store, logger } = this.#options;
    try {
      store.rollback();
      if (sqliteCode(error) === SQLITE.FULL) {
        logger.error("the disk is full: writes are refused", { file: store.file.path });
        return etcdError("noSpace", error);
      }
    } catch (rollbackError) {
      logger.error("a failed transaction could not be rolled back", { error: String(rollbackError) });
    }
    this.#fail(error);
    // Whether a flush that failed reached the disk nobody can say.
    return new GrpcError(
      GrpcCode.UNAVAILABLE,
      "etcdserver: the data file failed; the outcome is unknown",
      "peer",
      error,
    );
  }

  #fail(error: unknown): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = etcdError("stopped", error);
    const { store } = this.#options;
    this.#options.failed(
      new ServerError("STORAGE_FAILED", "writing failed; the server takes no more writes", {
        where: store.file.path,
        why: error instanceof Error ? error.message : String(error),
        fix: "see the kernel log for errors of the disk, then start the server again",
        cause: error,
      }),
    );
  }

  /** A request that throws has written nothing. What is not a GrpcError is a fault of ours. */
  #refusal(error: unknown): GrpcError {
    if (error instanceof GrpcError) return error;
    this.#options.logger.error("a write request failed unexpectedly", { error: String(error) });
    return new GrpcError(GrpcCode.INTERNAL, "etcdserver: the request failed inside the server", "peer", error);
  }
}
