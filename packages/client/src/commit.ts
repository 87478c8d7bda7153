import type { Datastore, DatastoreErrorCode, Operation } from "@ocicat/datastore";
import { isOcicatError } from "@ocicat/kit";
import { BatchError, ResourceError } from "./errors.ts";

/** One compare-and-swap of a batch. */
export interface Write {
  /** Of the resource in the batch. */
  readonly index: number;
  readonly key: string;
  /** What the key must be at; undefined: it must not exist. */
  readonly revision: bigint | undefined;
  readonly operation: Operation;
}

/** What etcd takes in one transaction unless told otherwise: operations, and bytes with room for what surrounds them. */
const MAX_OPERATIONS = 128;
const MAX_CHARACTERS = 1_000_000;

/**
 * Does all writes in one transaction where the datastore has them and it fits, else one after the other. Returns the
 * revision of each by its index; undefined if a race was lost and nothing was written. Throws BatchError if that happened
 * half-way, DatastoreError.
 */
export async function commitWrites(
  store: Datastore,
  writes: readonly Write[],
): Promise<ReadonlyMap<number, bigint> | undefined> {
  if (writes.length === 0) return new Map();
  if (!store.abilities.transactions || !fitsTransaction(writes)) return await oneByOne(store, writes);
  const result = await store.commit({
    compares: writes.map(({ key, revision }) =>
      revision === undefined ? { key, exists: false } : { key, modRevision: revision },
    ),
    operations: writes.map(({ operation }) => operation),
  });
  return result.committed ? new Map(writes.map(({ index }) => [index, result.revision])) : undefined;
}

function fitsTransaction(writes: readonly Write[]): boolean {
  const characters = writes.reduce(
    (sum, { key, operation }) => sum + 2 * key.length + ("put" in operation ? operation.value.length : 0),
    0,
  );
  return writes.length <= MAX_OPERATIONS && characters <= MAX_CHARACTERS;
}

async function oneByOne(store: Datastore, writes: readonly Write[]): Promise<ReadonlyMap<number, bigint> | undefined> {
  const revisions = new Map<number, bigint>();
  for (const write of writes) {
    try {
      revisions.set(write.index, await writeAlone(store, write));
    } catch (error) {
      if (!isRaceLost(error)) throw error;
      if (revisions.size === 0) return undefined;
      const reason = new ResourceError("RESOURCE_CONFLICT", write.key, { cause: error });
      throw new BatchError(write.index, reason, revisions.size);
    }
  }
  return revisions;
}

async function writeAlone(store: Datastore, { key, revision, operation }: Write): Promise<bigint> {
  if ("delete" in operation) return (await store.delete(key, revision)).modRevision;
  const { value } = operation;
  const item = await (revision === undefined ? store.create(key, value) : store.update(key, value, revision));
  return item.modRevision;
}

const CODES: readonly DatastoreErrorCode[] = ["CONFLICT", "ALREADY_EXISTS", "NOT_FOUND"];
const RACE_LOST: ReadonlySet<string> = new Set(CODES);

function isRaceLost(error: unknown): boolean {
  return isOcicatError(error) && RACE_LOST.has(error.code);
}
