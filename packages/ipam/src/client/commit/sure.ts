import {
  type Datastore,
  DatastoreError,
  type KeyValue,
  type Revision,
  type Transaction,
  type TransactionResult,
} from "@ocicat/datastore";
import { type Clock, createBackoff, type Random, toError } from "@ocicat/kit";
import { IpamError } from "../../errors.ts";

/** After these the write has not happened, for certain. */
const DEFINITE: ReadonlySet<string> = new Set([
  "ALREADY_EXISTS",
  "NOT_FOUND",
  "CONFLICT",
  "COMPACTED",
  "FUTURE_REVISION",
  "UNAVAILABLE",
  "UNSUPPORTED",
  "INVALID",
  "TOO_LARGE",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "NO_SPACE",
  "CLOSED",
]);

const ATTEMPTS = 8;

/** One row to be written if it is still at `base` (undefined: does not exist); without `text` it is deleted. */
export interface SingleWrite {
  readonly key: string;
  readonly base: Revision | undefined;
  readonly text: string | undefined;
  readonly lease?: bigint | undefined;
}

export type WriteResult =
  | { readonly ok: true; readonly row: KeyValue | undefined }
  /** Refused: the row is another by now. `wasInDoubt`: see SureWriter.commit. */
  | { readonly ok: false; readonly current: KeyValue | undefined; readonly wasInDoubt: boolean };

/**
 * Writes whose outcome is always known. When an answer is lost, the same write is repeated until the store says what
 * happened: every write compares, so at most one of the copies takes effect, however late the others arrive; and a copy
 * that is refused finds out whether an earlier one did it. What cannot be settled now is settled before the next plan.
 */
export class SureWriter {
  readonly #store: Datastore;
  readonly #clock: Clock;
  readonly #random: Random;
  #doubts: (() => Promise<unknown>)[] = [];

  constructor(store: Datastore, clock: Clock, random: Random) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Throws DatastoreError if nothing happened, IpamError IPAM_OUTCOME_UNKNOWN if nobody can tell yet. `wasInDoubt`: it
   * took several attempts, and one that was refused may follow one that took effect and was written over since.
   */
  commit(transaction: Transaction): Promise<{ readonly result: TransactionResult; readonly wasInDoubt: boolean }> {
    return this.#surely(
      async (wasInDoubt) => ({ result: await this.#commit(transaction, wasInDoubt), wasInDoubt }),
      false,
    );
  }

  /** One row, compared with what it was. Throws as commit does. */
  write(write: SingleWrite): Promise<WriteResult> {
    return this.#surely((repeated) => this.#write(write, repeated), false);
  }

  /** Finds out what became of writes that were given up. Throws IPAM_OUTCOME_UNKNOWN while that cannot be told. */
  async settle(): Promise<void> {
    for (let doubt = this.#doubts.pop(); doubt !== undefined; doubt = this.#doubts.pop()) {
      await this.#surely(doubt, true);
    }
  }

  get isSettled(): boolean {
    return this.#doubts.length === 0;
  }

  /**
   * Called by whoever was refused `refusals` times in a row. The first refusals brought the rows as they are; more mean a
   * crowd, or another who undoes what this one does: it is spread out, by up to 50 ms. True if time has passed: what is
   * known of the rows is old then.
   */
  async giveWay(refusals: number): Promise<boolean> {
    if (refusals < 3) return false;
    const most = Math.min(50, 2 ** (refusals - 2));
    await this.#pause(1 + (this.#random.uint32() % most));
    return true;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.after(ms, "ipam retry", resolve));
  }

  async #surely<R>(attempt: (repeated: boolean) => Promise<R>, alreadyInDoubt: boolean): Promise<R> {
    const backoff = createBackoff(this.#random, { initialMs: 10, maxMs: 500 });
    let inDoubt = alreadyInDoubt;
    let cause: unknown;
    for (let count = 0; count < ATTEMPTS; count++) {
      if (count > 0) await this.#pause(backoff.next());
      try {
        return await attempt(inDoubt);
      } catch (error) {
        cause = error;
        const isDefinite = error instanceof DatastoreError && DEFINITE.has(error.code);
        if (isDefinite && !inDoubt) throw error;
        inDoubt = true;
        if (isDefinite && !error.retryable) break;
      }
    }
    this.#doubts.push(() => attempt(true));
    throw new IpamError({
      code: "IPAM_OUTCOME_UNKNOWN",
      what: "the datastore did not say whether a write happened",
      why: toError(cause).message,
      fix: "ask again: what happened is found by its handle",
      cause,
    });
  }

  async #commit(transaction: Transaction, repeated: boolean): Promise<TransactionResult> {
    const result = await this.#store.commit(transaction);
    if (result.committed || !repeated) return result;
    return doneBefore(transaction, result.current) ?? result;
  }

  async #write(write: SingleWrite, repeated: boolean): Promise<WriteResult> {
    try {
      return { ok: true, row: await this.#writeOnce(write) };
    } catch (error) {
      const current = await this.#refusal(write.key, error);
      if (repeated && current?.value === write.text) return { ok: true, row: current };
      return { ok: false, current, wasInDoubt: repeated };
    }
  }

  async #writeOnce({ key, base, text, lease }: SingleWrite): Promise<KeyValue | undefined> {
    if (text === undefined) {
      await this.#store.delete(key, base);
      return undefined;
    }
    const options = lease === undefined ? {} : { lease };
    return base === undefined ? this.#store.create(key, text, options) : this.#store.update(key, text, base, options);
  }

  /** The row that stands in the way of a write; throws what is no refusal. */
  async #refusal(key: string, error: unknown): Promise<KeyValue | undefined> {
    if (!(error instanceof DatastoreError)) throw error;
    if (error.code === "NOT_FOUND") return undefined;
    if (error.code !== "CONFLICT" && error.code !== "ALREADY_EXISTS") throw error;
    return error.current ?? (await this.#store.get(key));
  }
}

/** The result of an earlier copy of the transaction, if all it wrote where it compared stands there unchanged. */
function doneBefore(
  transaction: Transaction,
  current: readonly (KeyValue | undefined)[],
): TransactionResult | undefined {
  const rows = new Map(transaction.compares.map(({ key }, index) => [key, current[index]]));
  let revision: bigint | undefined;
  for (const operation of transaction.operations) {
    const key = "put" in operation ? operation.put : operation.delete;
    if (!rows.has(key)) continue;
    const row = rows.get(key);
    if (row?.value !== ("put" in operation ? operation.value : undefined)) return undefined;
    revision = row?.modRevision ?? revision ?? 0n;
  }
  return revision === undefined ? undefined : { committed: true, revision };
}
