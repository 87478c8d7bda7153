import { clusterInformation, decodeStored } from "@ocicat/api";
import type { Datastore, KeyValue } from "@ocicat/datastore";
import { OcicatError, parseJson } from "@ocicat/kit";
import { isEqual } from "../json.ts";
import { allItems, type ImportPlan, type Item } from "./import.ts";
import { ROOT } from "./stored.ts";

/** Of one transaction: etcd takes 128 operations and 1.5 MiB unless told otherwise. */
const MAX_ITEMS = 100;
const MAX_CHARACTERS = 500_000;

/**
 * Writes an import into a datastore that has nothing of Calico's, or the beginning of the same import. The locked
 * ClusterInformation is the first to be written, so that an agent that is there already does nothing. Nothing that stands
 * there is ever written over. Throws OcicatError MIGRATE_TARGET, DatastoreError.
 */
export async function writeImport(store: Datastore, plan: ImportPlan): Promise<void> {
  const { items } = await store.list(ROOT);
  const present = new Map(items.map((item) => [item.key, item]));
  const wanted = new Map(allItems(plan).map(({ key, value }) => [key, value]));
  for (const { key, value } of items) {
    const own = wanted.get(key);
    if (key !== plan.cluster.key && (own === undefined || !isSameJson(own, value))) throw notEmpty(key);
  }
  await lockFirst(store, plan.cluster, present.get(plan.cluster.key));
  const missing = allItems(plan).filter(({ key }) => key !== plan.cluster.key && !present.has(key));
  for (const batch of batches(missing)) await create(store, batch);
}

async function lockFirst(store: Datastore, { key, value }: Item, present: KeyValue | undefined): Promise<void> {
  if (present === undefined) {
    await store.create(key, value);
    return;
  }
  const { spec } = decodeStored(clusterInformation, present);
  if (spec.datastoreReady !== false) {
    throw new OcicatError({
      code: "MIGRATE_TARGET",
      where: key,
      what: "the datastore to import into is in use: it has a ClusterInformation, and is not locked",
      fix: "import into an empty one; or, if nothing but this is in it, lock it: ocicat datastore migrate lock",
    });
  }
  // Of a lock that was set before the import: the cluster is the imported one.
  if (!isSameJson(present.value, value)) await store.update(key, value, present.modRevision);
}

function notEmpty(key: string): OcicatError {
  return new OcicatError({
    code: "MIGRATE_TARGET",
    where: key,
    what: "the datastore to import into is not empty, and this is not what the import would put there",
    fix: `import into an empty one, or delete what is below ${ROOT} there`,
  });
}

function isSameJson(a: string, b: string): boolean {
  try {
    return isEqual(parseJson(a), parseJson(b));
  } catch {
    return a === b;
  }
}

function* batches(items: readonly Item[]): Iterable<readonly Item[]> {
  let batch: Item[] = [];
  let characters = 0;
  for (const item of items) {
    const size = 2 * item.key.length + item.value.length;
    if (batch.length === MAX_ITEMS || (batch.length > 0 && characters + size > MAX_CHARACTERS)) {
      yield batch;
      batch = [];
      characters = 0;
    }
    batch.push(item);
    characters += size;
  }
  if (batch.length > 0) yield batch;
}

async function create(store: Datastore, batch: readonly Item[]): Promise<void> {
  if (!store.abilities.transactions) {
    for (const { key, value } of batch) await store.create(key, value);
    return;
  }
  const result = await store.commit({
    compares: batch.map(({ key }) => ({ key, exists: false })),
    operations: batch.map(({ key, value }) => ({ put: key, value })),
  });
  if (result.committed) return;
  throw notEmpty(result.current.find((item) => item !== undefined)?.key ?? ROOT);
}
