import { commentOf } from "../comment.ts";
import type { Chain } from "../ir/chain.ts";
import type { NamedSet } from "../ir/set.ts";
import type { Operation } from "../plan/operation.ts";
import type { ActualHead } from "../plan/plan.ts";
import type { ActualTable, RuleState } from "../read/actual.ts";
import type { RuleLabel } from "../read/decode-rule.ts";
import { Drift } from "./refusal.ts";

/** What is known of a chain in the kernel. */
export interface KnownChain {
  readonly chain: Chain;
  /** Undefined since its rules were last written: the kernel gave them new handles. */
  readonly states: readonly RuleState[] | undefined;
}

/** What was counted is old before it is read. */
function handleOnly({ handle }: RuleState): RuleState {
  return { handle, counters: undefined };
}

/** What is known of a table in the kernel, without its sets' elements. */
export class KnownTable {
  #head: ActualHead;
  readonly chains: Map<string, KnownChain>;
  readonly sets: Map<string, NamedSet>;

  private constructor(head: ActualHead, chains: Iterable<[string, KnownChain]>, sets: Iterable<[string, NamedSet]>) {
    this.#head = head;
    this.chains = new Map(chains);
    this.sets = new Map(sets);
  }

  /** As it was read. */
  static of({ table, ruleStates, orphaned, unknown }: ActualTable): KnownTable {
    return new KnownTable(
      { orphaned, unknown, owned: table.owned, dormant: table.dormant },
      table.chains.map((chain) => [chain.name, { chain, states: ruleStates.get(chain.name)?.map(handleOnly) }]),
      table.sets.map((set) => [set.name, { ...set, elements: [] }]),
    );
  }

  /** Just made, and empty. */
  static made(owned: boolean, dormant: boolean): KnownTable {
    return new KnownTable({ orphaned: false, unknown: [], owned, dormant }, [], []);
  }

  get head(): ActualHead {
    return this.#head;
  }

  /** Of a chain's rules. The kernel gives handles when it takes rules; they are asked for when some rules can stay. */
  statesOf(name: string, readLabels: (chain: string) => readonly RuleLabel[]): readonly RuleState[] | undefined {
    const known = this.chains.get(name);
    if (known === undefined || known.states !== undefined) return known?.states;
    const labels = readLabels(name);
    const { rules } = known.chain;
    if (
      labels.length !== rules.length ||
      labels.some(({ comment }, at) => rules[at] === undefined || comment !== commentOf(rules[at]))
    ) {
      throw new Drift(name);
    }
    const states = labels.map(({ handle }) => ({ handle, counters: undefined }));
    this.chains.set(name, { ...known, states });
    return states;
  }

  /** The kernel took the operation. What becomes of rules is told by `settle`. */
  take(operation: Operation): void {
    switch (operation.op) {
      case "table.flags":
        this.#head = { ...this.#head, orphaned: false, dormant: operation.dormant };
        return;
      case "set.create":
        this.sets.set(operation.set.name, operation.set);
        return;
      case "set.delete":
        this.sets.delete(operation.set);
        return;
      case "chain.delete":
        this.chains.delete(operation.chain);
        return;
      default:
    }
  }

  /** The kernel has the chain just so. */
  settle(chain: Chain, rewritten: boolean): void {
    const before = this.chains.get(chain.name);
    this.chains.set(chain.name, { chain, states: rewritten ? undefined : before?.states });
  }
}
