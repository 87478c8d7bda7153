import type { Table } from "../ir/table.ts";
import type { Counters } from "../netlink/decode-statement.ts";

/** What the kernel keeps of a rule beside the rule itself. */
export interface RuleState {
  /** Names the rule in its table, for as long as it lives. */
  readonly handle: bigint;
  readonly counters: Counters | undefined;
}

/** A table as it is in the kernel. */
export interface ActualTable {
  readonly table: Table;
  /** The table persists and nobody owns it: its owner's socket is closed. Anyone may change it until someone claims it. */
  readonly orphaned: boolean;
  /** Netlink port of the owner's socket. */
  readonly owner: number | undefined;
  /** By chain, in the order of the chain's rules. A chain whose rules were changed after the last reading is missing. */
  readonly ruleStates: ReadonlyMap<string, readonly RuleState[]>;
  /** Sets and chains in it that the model cannot express ("set foo: timeouts"). */
  readonly unknown: readonly string[];
}
