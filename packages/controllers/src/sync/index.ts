export type { Controller, Side, Want, World } from "./controller.ts";
export { controllersFor, runningNames } from "./controllers-for.ts";
export { Rows } from "./rows.ts";
export { runningConfig } from "./running-config.ts";
export { Syncer, type SyncerOptions } from "./syncer.ts";
