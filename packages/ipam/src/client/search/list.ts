import type { Datastore, KeyValue } from "@ocicat/datastore";

const PAGE = 500;

/** Every row below a prefix, as of one revision. Throws DatastoreError. */
export async function listAll(store: Datastore, prefix: string): Promise<readonly KeyValue[]> {
  const rows: KeyValue[] = [];
  for await (const row of listPages(store, prefix)) rows.push(row);
  return rows;
}

/** The same, page by page: what is done with a page may go before the next one comes. */
export async function* listPages(store: Datastore, prefix: string): AsyncIterable<KeyValue> {
  const first = await store.list(prefix, { limit: PAGE });
  yield* first.items;
  for (let page = first; page.more; ) {
    const after = page.items.at(-1)?.key;
    if (after === undefined) return;
    page = await store.list(prefix, { limit: PAGE, after, revision: first.revision });
    yield* page.items;
  }
}
