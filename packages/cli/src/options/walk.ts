import type { DatastoreOptions } from "./shared.ts";

export interface WalkOptions extends DatastoreOptions {
  readonly name?: string;
  readonly port?: string;
  readonly protocol?: string;
  readonly ipv6?: boolean;
  readonly size?: string;
  readonly wait: string;
  readonly write?: string;
  readonly output: string;
  readonly lang: string;
}
