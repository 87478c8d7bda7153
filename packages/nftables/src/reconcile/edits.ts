import type { Chain } from "../ir/chain.ts";
import type { NamedSet, SetElement } from "../ir/set.ts";
import type { SetRef, TableRef } from "../ir/table.ts";
import type { Value } from "../ir/value.ts";

/**
 * Changes of tables that are wanted already, piece by piece, in any order: what refers to what is looked at when they are applied.
 * Each costs what it changes, not what is there.
 */
export interface TableEdits {
  /** A chain with all its rules, new or in place of the one of that name. */
  putChain(table: TableRef, chain: Chain): void;
  /** No error if there is none. */
  deleteChain(table: TableRef, name: string): void;
  /** A set or map with all its elements, new or in place of the one of that name. */
  putSet(table: TableRef, set: NamedSet): void;
  /** No error if there is none. */
  deleteSet(ref: SetRef): void;
  /** One element, or map entry, new or in place of the one of that key. The set must be wanted. */
  putElement(ref: SetRef, element: SetElement): void;
  /** No error if there is none. The set must be wanted. */
  deleteElement(ref: SetRef, key: Value | readonly Value[]): void;
}
