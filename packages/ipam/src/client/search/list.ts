import type { Datastore, KeyValue } from "@ocicat/datastore";

const PAGE = 500;

/** Every row below a prefix, as of one revision, page by page. Throws DatastoreError. */
export async function listAll(store: Datastore, prefix: string): Promise<readonly KeyValue[]> {
  const first = await store.list(prefix, { limit: PAGE });
  const rows = [...first.items];
  for (let page = first; page.more; ) {
    const after = page.items.at(-1)?.key;
    if (after === undefined) break;
    page = await store.list(prefix, { limit: PAGE, after, revision: first.revision });
    rows.push(...page.items);
  }
  return rows;
}
