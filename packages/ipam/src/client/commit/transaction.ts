import type { Compare, KeyValue, Operation } from "@ocicat/datastore";
import type { IpamError } from "../../errors.ts";
import type { Draft, RowWrite } from "../draft.ts";
import type { Rows } from "../rows.ts";
import { type CommitOutcome, type Committer, extraConflict, holds, isDone, type Planned } from "./committer.ts";
import type { SureWriter } from "./sure.ts";

/**
 * Everything in one transaction: the blocks, handles and affinities of the draft, and every request's own writes.
 *
 *     compares                          operations
 *     block 10.0.0.0/26  at 41          put block  (sequence + 1, two addresses more)
 *     handle net.a       absent         put handle {"10.0.0.0/26":1}     ─┐ one ADD
 *                                       put workloadendpoint …           ─┘
 *     handle net.b       absent         put handle {"10.0.0.0/26":1}     ─┐ another
 *                                       put workloadendpoint …           ─┘
 */
export class TransactionCommitter implements Committer {
  readonly leavesParts = false;
  readonly #rows: Rows;
  readonly #writer: SureWriter;
  /** Extras found to be in the store already, after a commit of unknown outcome. */
  readonly #done = new WeakSet<object>();

  constructor(rows: Rows, writer: SureWriter) {
    this.#rows = rows;
    this.#writer = writer;
  }

  async commit<P extends Planned>(draft: Draft, planned: readonly P[]): Promise<CommitOutcome<P>> {
    const writes = draft.writes();
    const own = [...writes, ...draft.verifications()].map(({ key, base }) => compareTo(key, base));
    const extras = planned.flatMap((request) => this.#comparesOf(request));
    const operations = [...writes.map(toOperation), ...planned.flatMap((request) => this.#operationsOf(request))];
    const compares = [...own, ...extras.map(({ compare }) => compare)];
    if (compares.length === 0 && operations.length === 0) return { kind: "committed" };
    const { result, wasInDoubt } = await this.#writer.commit({ compares, operations });
    if (result.committed) {
      for (const write of writes) this.#rows.wrote(write, result.revision);
      for (const { extra } of planned)
        if (extra !== undefined && !this.#done.has(extra)) extra.committed?.(result.revision);
      return { kind: "committed" };
    }
    for (const [index, { key }] of own.entries()) this.#rows.learn(key, result.current[index]);
    if (wasInDoubt) for (const { key } of writes) for (const request of planned) request.mayHaveWritten(key);
    const refused = this.#refusals(extras, result.current.slice(own.length));
    return { kind: "again", refused };
  }

  #comparesOf<P extends Planned>(request: P): readonly { readonly request: P; readonly compare: Compare }[] {
    const { extra } = request;
    if (extra === undefined || this.#done.has(extra)) return [];
    return (extra.compares ?? []).map((compare) => ({ request, compare }));
  }

  #operationsOf({ extra }: Planned): readonly Operation[] {
    return extra === undefined || this.#done.has(extra) ? [] : extra.operations;
  }

  #refusals<P extends Planned>(
    extras: readonly { readonly request: P; readonly compare: Compare }[],
    current: readonly (KeyValue | undefined)[],
  ): ReadonlyMap<P, IpamError> {
    const refused = new Map<P, IpamError>();
    for (const [index, { request, compare }] of extras.entries()) {
      const row = current[index];
      if (holds(compare, row) || request.extra === undefined) continue;
      if (isDone(request.extra, compare.key, row)) this.#done.add(request.extra);
      else refused.set(request, extraConflict(compare.key, row));
    }
    return refused;
  }
}

function compareTo(key: string, base: bigint | undefined): Compare {
  return base === undefined ? { key, exists: false } : { key, modRevision: base };
}

function toOperation({ key, text }: RowWrite): Operation {
  return text === undefined ? { delete: key } : { put: key, value: text };
}
