import type { Chain, NamedSet, SetElement, TableEdits, Value } from "@ocicat/nftables";
import { POLICY_TABLE } from "./names.ts";

/** Edits of POLICY_TABLE. */
export interface TableSink {
  putSet(set: NamedSet): void;
  deleteSet(name: string): void;
  /** Of a hashed set. */
  putElement(set: string, element: SetElement): void;
  deleteElement(set: string, key: readonly Value[]): void;
  putChain(chain: Chain): void;
  deleteChain(name: string): void;
}

export function sinkOf(edits: TableEdits): TableSink {
  const setRef = (set: string) => ({ table: POLICY_TABLE, set });
  return {
    putSet: (set) => edits.putSet(POLICY_TABLE, set),
    deleteSet: (name) => edits.deleteSet(setRef(name)),
    putElement: (set, element) => edits.putElement(setRef(set), element),
    deleteElement: (set, key) => edits.deleteElement(setRef(set), key),
    putChain: (chain) => edits.putChain(POLICY_TABLE, chain),
    deleteChain: (name) => edits.deleteChain(POLICY_TABLE, name),
  };
}
