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
