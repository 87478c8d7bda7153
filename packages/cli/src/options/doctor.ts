import type { DatastoreOptions } from "./shared.ts";

export interface DoctorOptions extends DatastoreOptions {
  readonly node?: string;
  readonly output: string;
  readonly list?: boolean;
}
