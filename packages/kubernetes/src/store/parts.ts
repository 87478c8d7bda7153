import type { ApiClient } from "../api/index.ts";
import type { Family } from "./collection.ts";
import type { RowReader } from "./rows.ts";

/** What reads, writes and watches of a store are made on. */
export interface StoreParts {
  readonly client: ApiClient;
  readonly families: readonly Family[];
  readonly rows: RowReader;
}
