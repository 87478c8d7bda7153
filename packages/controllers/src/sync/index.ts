export type { Controller, Side, Want, World } from "./controller.ts";
export { controllersFor } from "./controllers-for.ts";
export { Rows } from "./rows.ts";
export { Syncer, type SyncerOptions } from "./syncer.ts";
