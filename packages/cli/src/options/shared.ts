/** What every command takes that opens the datastore. */
export interface DatastoreOptions {
  readonly config?: string;
}

/** What every command takes that reads resources from files. */
export interface FileOptions {
  readonly filename?: string;
  readonly recursive?: boolean;
  readonly skipEmpty?: boolean;
}

/** Where a namespaced resource is sought that does not say it itself. */
export interface NamespaceOptions {
  readonly namespace?: string;
}

export const DEFAULT_NAMESPACE = "default";
