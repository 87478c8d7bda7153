export { DatastoreLock } from "../lock/index.ts";
export { makeTables, type Tables, type WatchOptions, watchCluster, watchTables } from "./tables.ts";
