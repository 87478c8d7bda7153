import type { DatastoreOptions } from "./shared.ts";

export interface BackupCommandOptions extends DatastoreOptions {
  readonly prefix: string;
  readonly overwrite?: boolean;
}

export interface RestoreCommandOptions extends DatastoreOptions {
  readonly replace?: boolean;
}
