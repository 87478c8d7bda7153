export type {
  Abilities,
  Compare,
  Datastore,
  KeyValue,
  ListOptions,
  ListResult,
  Operation,
  Revision,
  Transaction,
  TransactionResult,
  Watch,
  WatchBatch,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "./datastore.ts";
export { DatastoreError, type DatastoreErrorCode } from "./errors.ts";
export { MemoryDatastore, type MemoryOptions } from "./memory/index.ts";
export { MAX_REQUEST_BYTES, MAX_TRANSACTION_OPERATIONS } from "./shared/validate.ts";
