import type { DatastoreOptions } from "./shared.ts";

export interface VersionOptions extends DatastoreOptions {
  readonly client?: boolean;
}
