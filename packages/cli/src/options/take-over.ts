import type { DatastoreOptions } from "./shared.ts";

/** What was typed after `migrate calico take-over` or `back`. */
export interface TakeOverCommandOptions extends DatastoreOptions {
  readonly all?: boolean;
  /** Seconds a node may take. */
  readonly timeout: string;
}
