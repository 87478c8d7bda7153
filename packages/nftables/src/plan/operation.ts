import type { Chain, ChainPolicy } from "../ir/chain.ts";
import type { Rule } from "../ir/rule.ts";
import type { NamedSet, SetElement, SetShape } from "../ir/set.ts";
import type { Table, TableRef } from "../ir/table.ts";

/** One step of a transaction: one message (or, for many elements, a few). */
export type Operation =
  /** Without its chains and sets, which are operations of their own. */
  | { readonly op: "table.create"; readonly table: Table; readonly owned: boolean }
  /** Changes the flags of a table that exists: claims an orphaned one, wakes a dormant one. */
  | { readonly op: "table.flags"; readonly table: TableRef; readonly owned: boolean; readonly dormant: boolean }
  | { readonly op: "table.delete"; readonly table: TableRef }
  | { readonly op: "set.create"; readonly table: TableRef; readonly set: NamedSet }
  | { readonly op: "set.delete"; readonly table: TableRef; readonly set: string }
  /** Without its rules. */
  | { readonly op: "chain.create"; readonly table: TableRef; readonly chain: Chain }
  | { readonly op: "chain.policy"; readonly table: TableRef; readonly chain: string; readonly policy: ChainPolicy }
  /** Its rules must be gone, or go in the same transaction before it. */
  | { readonly op: "chain.delete"; readonly table: TableRef; readonly chain: string }
  | {
      readonly op: "elements.add";
      readonly table: TableRef;
      readonly set: SetShape;
      readonly elements: readonly SetElement[];
    }
  | {
      readonly op: "elements.delete";
      readonly table: TableRef;
      readonly set: SetShape;
      readonly elements: readonly SetElement[];
    }
  /** In front of the rule with that handle, or at the end. */
  | {
      readonly op: "rule.add";
      readonly table: TableRef;
      readonly chain: string;
      readonly rule: Rule;
      readonly before: bigint | undefined;
    }
  | { readonly op: "rule.delete"; readonly table: TableRef; readonly chain: string; readonly handle: bigint }
  /** All its rules. */
  | { readonly op: "chain.flush"; readonly table: TableRef; readonly chain: string };
