import type { DatastoreOptions, FileOptions, NamespaceOptions } from "./shared.ts";

export interface DeleteOptions extends NamespaceOptions, FileOptions, DatastoreOptions {
  readonly skipNotExists?: boolean;
}
