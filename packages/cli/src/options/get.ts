import type { DatastoreOptions, FileOptions, NamespaceOptions } from "./shared.ts";

export interface GetOptions extends NamespaceOptions, FileOptions, DatastoreOptions {
  readonly output: string;
  readonly allNamespaces?: boolean;
  readonly export?: boolean;
}

/** Those that take a value, as `custom-columns=NAME,CIDR`, end with an equals sign. */
export const FORMATS = [
  "ps",
  "wide",
  "yaml",
  "json",
  "why",
  "custom-columns=",
  "go-template=",
  "go-template-file=",
] as const;
