import type { DatastoreOptions } from "./shared.ts";

/** What was typed after `uninstall`. */
export interface UninstallOptions extends DatastoreOptions {
  readonly root: string;
  readonly binDir: string;
  readonly netDir: string;
  /** Ranges of pools, where no datastore answers. */
  readonly pool?: readonly string[];
  readonly withPods?: boolean;
  readonly rulesOnly?: boolean;
  readonly stay?: boolean;
}
