import type { DatastoreOptions, NamespaceOptions } from "./shared.ts";

export interface LabelOptions extends NamespaceOptions, DatastoreOptions {
  readonly overwrite?: boolean;
  readonly remove?: boolean;
}
