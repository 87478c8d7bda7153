import { type Compare, type Datastore, DatastoreError, type KeyValue, type Transaction } from "@ocicat/datastore";

/**
 * A transaction on a store that has none: what it compares is read first, then each row is written if it is still at the
 * revision compared. The order of operations is such that whatever comes before a crash or a refusal is garbage of a kind
 * that is found again. Undefined: done. Otherwise the compared rows as they are; or why it was not gone on with.
 */
export async function sequentially(
  store: Datastore,
  { compares, operations }: Transaction,
  mayGoOn: () => boolean = () => true,
): Promise<readonly (KeyValue | undefined)[] | "out of time" | undefined> {
  const current = await Promise.all(compares.map(({ key }) => store.get(key)));
  if (!compares.every((compare, index) => holds(compare, current[index]))) return current;
  const revisions = new Map(current.map((row, index) => [compares[index]?.key, row?.modRevision]));
  for (const operation of operations) {
    const key = "put" in operation ? operation.put : operation.delete;
    const revision = revisions.get(key);
    if (!mayGoOn()) return "out of time";
    try {
      if ("delete" in operation) await store.delete(key, revision);
      else if (revision === undefined) await store.create(key, operation.value);
      else await store.update(key, operation.value, revision);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return await Promise.all(compares.map((compare) => store.get(compare.key)));
    }
  }
  return undefined;
}

const REFUSALS: ReadonlySet<string> = new Set(["CONFLICT", "NOT_FOUND", "ALREADY_EXISTS"]);

function isRefusal(error: unknown): boolean {
  return error instanceof DatastoreError && REFUSALS.has(error.code);
}

export function holds(compare: Compare, row: KeyValue | undefined): boolean {
  return "exists" in compare ? compare.exists === (row !== undefined) : row?.modRevision === compare.modRevision;
}
