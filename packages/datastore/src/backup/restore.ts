import { isOcicatError, OcicatError, toError } from "@ocicat/kit";
import type { Compare, Datastore, KeyValue, Operation } from "../datastore.ts";
import { DatastoreError } from "../errors.ts";
import { MAX_REQUEST_BYTES, MAX_TRANSACTION_OPERATIONS } from "../shared/validate.ts";
import type { Backup } from "./format.ts";

export interface RestoreOptions {
  /** Bring the store to what the backup holds although it holds something else: change and delete what differs. */
  readonly replace?: boolean;
}

export interface RestoreReport {
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
  /** Were there already, as the backup has them. */
  readonly same: number;
}

/** A key to be written, on the condition that it still is what it was when the plan was made. */
interface Step {
  readonly kind: "created" | "changed" | "deleted";
  readonly compare: Compare;
  readonly operation: Operation;
  readonly bytes: number;
}

interface Plan {
  readonly steps: readonly Step[];
  readonly same: number;
}

/**
 * Brings the store below the backup's prefix to what the backup holds, in transactions of many keys, each under compares:
 * what somebody else writes meanwhile is never written over. A store that holds something else is left alone unless told
 * otherwise (RESTORE_NOT_EMPTY). One that was interrupted goes on where it stopped when it is run again, for what is there
 * already counts as done. Keys that live by a lease are nobody's business here. Throws OcicatError.
 */
export async function restoreBackup(
  store: Datastore,
  backup: Backup,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  const plan = await makePlan(store, backup);
  if (options.replace !== true) refuseToReplace(plan);
  const report = { created: 0, changed: 0, deleted: 0, same: plan.same };
  let written = 0;
  for (const batch of batchesOf(plan.steps)) {
    await commit(store, batch, { written, total: plan.steps.length });
    written += batch.length;
    for (const { kind } of batch) report[kind] += 1;
  }
  const left = await makePlan(store, backup);
  if (left.steps.length > 0) throw disturbed(left.steps, "somebody else writes to the store");
  return report;
}

async function makePlan(store: Datastore, { prefix, items }: Backup): Promise<Plan> {
  const there = new Map<string, KeyValue>();
  for (const item of (await store.list(prefix)).items) there.set(item.key, item);
  const steps: Step[] = [];
  let same = 0;
  for (const { key, value } of items) {
    const found = there.get(key);
    there.delete(key);
    if (found?.value === value && found.lease === 0n) same += 1;
    else steps.push(put(key, value, found));
  }
  for (const item of there.values()) if (item.lease === 0n) steps.push(removal(item));
  return { steps, same };
}

function put(key: string, value: string, found: KeyValue | undefined): Step {
  const bytes = Buffer.byteLength(key) * 2 + Buffer.byteLength(value);
  const operation = { put: key, value };
  return found === undefined
    ? { kind: "created", compare: { key, exists: false }, operation, bytes }
    : { kind: "changed", compare: { key, modRevision: found.modRevision }, operation, bytes };
}

function removal({ key, modRevision }: KeyValue): Step {
  const bytes = Buffer.byteLength(key) * 2;
  return { kind: "deleted", compare: { key, modRevision }, operation: { delete: key }, bytes };
}

function refuseToReplace({ steps }: Plan): void {
  const doomed = steps.filter(({ kind }) => kind !== "created").map(({ compare }) => compare.key);
  if (doomed.length === 0) return;
  const some = doomed.slice(0, 3).join(", ");
  throw new OcicatError({
    code: "RESTORE_NOT_EMPTY",
    what: `the store holds ${doomed.length} keys that are not in the backup or are other than there, as ${some}`,
    why: "nothing has been written",
    fix: "restore into an empty datastore, or say --replace to change and delete them",
  });
}

function* batchesOf(steps: readonly Step[]): Generator<Step[], void, undefined> {
  let batch: Step[] = [];
  let bytes = 0;
  for (const step of steps) {
    const full = batch.length === MAX_TRANSACTION_OPERATIONS || bytes + step.bytes > MAX_REQUEST_BYTES / 2;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(step);
    bytes += step.bytes;
  }
  if (batch.length > 0) yield batch;
}

async function commit(
  store: Datastore,
  batch: readonly Step[],
  progress: { readonly written: number; readonly total: number },
): Promise<void> {
  const compares = batch.map(({ compare }) => compare);
  const operations = batch.map(({ operation }) => operation);
  try {
    const { committed } = await store.commit({ compares, operations });
    if (!committed) throw disturbed(batch, "somebody else wrote one of these meanwhile");
  } catch (error) {
    if (isOcicatError(error) && !(error instanceof DatastoreError)) throw error;
    throw new OcicatError({
      code: "RESTORE_STOPPED",
      what: `stopped after ${progress.written} of ${progress.total} keys`,
      why: toError(error).message,
      fix: "mend that and run it again: it goes on where it stopped",
      cause: error,
    });
  }
}

function disturbed(steps: readonly Step[], why: string): OcicatError {
  const some = steps.slice(0, 3).map(({ compare }) => compare.key);
  return new OcicatError({
    code: "RESTORE_DISTURBED",
    what: `${steps.length} keys are not as the backup has them, as ${some.join(", ")}`,
    why,
    fix: "stop the agents and whoever else writes, and run it again: it goes on where it stopped",
  });
}
