export { guardedStore } from "./guarded-store.ts";
export { HeldSink } from "./held-sink.ts";
export { DatastoreLock, lockedError, NOT_READY, WHY_LOCKED } from "./lock.ts";
