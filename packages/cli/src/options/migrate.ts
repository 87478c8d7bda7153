import type { DatastoreOptions } from "./shared.ts";

export interface ExportOptions extends DatastoreOptions {
  readonly to: string;
}

export interface ImportOptions extends DatastoreOptions {
  readonly filename: string;
}
