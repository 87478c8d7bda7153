export {
  type Abilities,
  type Compare,
  type Datastore,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type Operation,
  type Revision,
  type Transaction,
  type TransactionResult,
  type Watch,
  type WatchBatch,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from "./datastore.ts";
export { DatastoreError, type DatastoreErrorCode } from "./errors.ts";
