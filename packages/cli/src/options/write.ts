import type { WriteVerb } from "@ocicat/client";
import type { DatastoreOptions, FileOptions, NamespaceOptions } from "./shared.ts";

export interface WriteOptions extends NamespaceOptions, FileOptions, DatastoreOptions {
  readonly skipExists?: boolean;
}

/** A verb that writes resources from files. */
export interface Verb {
  readonly name: WriteVerb;
  readonly done: string;
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly (readonly [string, string])[];
}
