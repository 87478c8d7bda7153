import type { DatastoreOptions } from "./shared.ts";

export interface PoolPlanOptions extends DatastoreOptions {
  readonly vxlan?: string;
  readonly ipip?: string;
  readonly natOutgoing?: string;
  readonly filename?: string;
  readonly output: string;
}
