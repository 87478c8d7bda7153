import { encodeHandle } from "@ocicat/api/ipam";
import type { Compare, Datastore, KeyValue, Operation } from "@ocicat/datastore";
import type { IpamError } from "../../errors.ts";
import type { Draft, RowWrite } from "../draft.ts";
import type { Rows } from "../rows.ts";
import { type CommitOutcome, type Committer, extraConflict, holds, isDone, keyOf, type Planned } from "./committer.ts";
import type { SureWriter, WriteResult } from "./sure.ts";

type HandleWrite = RowWrite & { readonly kind: "handle" };

/**
 * One row after the other, for stores without transactions, in an order of which every beginning can be found and
 * mended, wherever a crash cuts it:
 *
 *     1  what a release deletes besides (the WorkloadEndpoint)
 *     2  handles, with what they gain: a handle counts before its block gives
 *     3  blocks
 *     4  handles, without what they lost: a handle forgets after its block took back
 *     5  what an assignment puts besides
 */
export class SequenceCommitter implements Committer {
  readonly leavesParts = true;
  readonly #store: Datastore;
  readonly #rows: Rows;
  readonly #writer: SureWriter;

  constructor(store: Datastore, rows: Rows, writer: SureWriter) {
    this.#store = store;
    this.#rows = rows;
    this.#writer = writer;
  }

  async commit<P extends Planned>(draft: Draft, planned: readonly P[]): Promise<CommitOutcome<P>> {
    const isCurrent = await this.#verify(draft);
    if (!isCurrent) return AGAIN;
    const refusedFirst = await this.#extras(planned, (operation) => "delete" in operation);
    if (refusedFirst.size > 0) return { kind: "again", refused: refusedFirst };
    const isWritten = await this.#writeDraft(draft, planned);
    if (!isWritten) return AGAIN;
    const refusedLast = await this.#extras(planned, (operation) => "put" in operation);
    return refusedLast.size > 0 ? { kind: "again", refused: refusedLast } : { kind: "committed" };
  }

  /** False: some row was another by now, and has been learnt. */
  async #writeDraft(draft: Draft, planned: readonly Planned[]): Promise<boolean> {
    const writes = draft.writes();
    const handles = writes.filter((write): write is HandleWrite => write.kind === "handle");
    const others = writes.filter((write) => write.kind !== "handle");
    if (!(await this.#writeAll(handles.flatMap((write) => this.#gain(write, draft.isGiving(write.key)))))) return false;
    for (const write of others) {
      const result = await this.#write(write);
      if (result.ok || result.wasInDoubt) for (const request of planned) request.mayHaveWritten(write.key);
      if (!result.ok) return false;
    }
    return this.#writeAll(handles.flatMap((write) => this.#settle(write)));
  }

  /**
   * The handle with the larger of old and new counts. It is written anew where a block is about to give it something,
   * also if its counts stay the same (see recount).
   */
  #gain(write: HandleWrite, isGiving: boolean): readonly RowWrite[] {
    const seen = this.#rows.handle(write.key);
    if (write.value === undefined) return [];
    if (seen?.state !== "present" || seen.revision !== write.base) return [write];
    const blocks = new Map(write.value.blocks);
    for (const [cidr, count] of seen.value.blocks) blocks.set(cidr, Math.max(count, blocks.get(cidr) ?? 0));
    const value = { ...write.value, blocks };
    const text = encodeHandle(value);
    if (!isGiving && text === encodeHandle(seen.value)) return [];
    return [{ kind: "handle", key: write.key, value, base: seen.revision, text }];
  }

  /** The handle as the draft wants it in the end, if that is not what is stored by now. */
  #settle(write: HandleWrite): readonly RowWrite[] {
    const seen = this.#rows.handle(write.key);
    if (seen?.state !== "present") return write.value === undefined ? [] : [write];
    if (write.value === undefined) return [{ ...write, base: seen.revision }];
    return write.text === encodeHandle(seen.value) ? [] : [{ ...write, base: seen.revision }];
  }

  /** Writes rows that do not depend on one another. False: some were others by now; all are known again then. */
  async #writeAll(writes: readonly RowWrite[]): Promise<boolean> {
    const attempts = await Promise.allSettled(writes.map((write) => this.#write(write)));
    for (const attempt of attempts) if (attempt.status === "rejected") throw attempt.reason;
    return attempts.every((attempt) => attempt.status === "fulfilled" && attempt.value.ok);
  }

  async #write(write: RowWrite): Promise<WriteResult> {
    const result = await this.#writer.write(write);
    if (result.ok) this.#rows.wrote(write, result.row?.modRevision ?? 0n);
    else this.#rows.learn(write.key, result.current);
    return result;
  }

  /** Compares what is only to be compared. */
  async #verify(draft: Draft): Promise<boolean> {
    const checks = await Promise.all(
      draft.verifications().map(async ({ key, base }) => {
        const row = await this.#store.get(key);
        if (row?.modRevision !== base) this.#rows.learn(key, row);
        return row?.modRevision === base;
      }),
    );
    return checks.every((isSame) => isSame);
  }

  async #extras<P extends Planned>(
    planned: readonly P[],
    which: (operation: Operation) => boolean,
  ): Promise<ReadonlyMap<P, IpamError>> {
    const refused = new Map<P, IpamError>();
    for (const request of planned) {
      const operations = request.extra?.operations.filter(which) ?? [];
      if (operations.length === 0) continue;
      const error = await this.#extra(request, operations);
      if (error !== undefined) refused.set(request, error);
    }
    return refused;
  }

  /** Undefined: done. Each row is read first: an unconditional write that arrives late would undo what came after it. */
  async #extra({ extra }: Planned, operations: readonly Operation[]): Promise<IpamError | undefined> {
    const rows = new Map<string, KeyValue | undefined>();
    for (const { key } of extra?.compares ?? []) rows.set(key, await this.#store.get(key));
    for (const operation of operations) rows.set(keyOf(operation), await this.#store.get(keyOf(operation)));
    for (const compare of extra?.compares ?? []) {
      const row = rows.get(compare.key);
      const isFulfilled = holds(compare, row) || (extra !== undefined && isDone(extra, compare.key, row));
      if (!isFulfilled) return extraConflict(compare.key, row);
    }
    for (const operation of operations) {
      const key = keyOf(operation);
      const done = await this.#operate(operation, rows.get(key), comparesKey(extra?.compares, key));
      if (!done) return extraConflict(key, await this.#store.get(key));
    }
    return undefined;
  }

  /** False: the row is another than the caller compared it with. */
  async #operate(operation: Operation, first: KeyValue | undefined, isCompared: boolean): Promise<boolean> {
    const text = "put" in operation ? operation.value : undefined;
    const lease = "put" in operation ? operation.lease : undefined;
    let row = first;
    for (let attempt = 0; attempt < EXTRA_ATTEMPTS; attempt++) {
      if (row?.value === text) return true;
      const result = await this.#writer.write({ key: keyOf(operation), base: row?.modRevision, text, lease });
      if (result.ok) return true;
      if (isCompared) return false;
      row = result.current;
    }
    return false;
  }
}

/** How often a row of the caller's own is read again when others write it at the same time. */
const EXTRA_ATTEMPTS = 20;

const AGAIN = { kind: "again", refused: new Map() } as const;

function comparesKey(compares: readonly Compare[] | undefined, key: string): boolean {
  return compares?.some((compare) => compare.key === key) === true;
}
