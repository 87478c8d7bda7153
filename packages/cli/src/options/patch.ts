import type { DatastoreOptions, NamespaceOptions } from "./shared.ts";

export interface PatchOptions extends NamespaceOptions, DatastoreOptions {
  readonly patch?: string;
  readonly patchFile?: string;
  readonly type: string;
}
