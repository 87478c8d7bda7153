import { noTarget } from "../check/rule.ts";
import { checkElement } from "../check/set.ts";
import { checkTable } from "../check/table.ts";
import { sameRules } from "../equality.ts";
import { invalid } from "../errors.ts";
import type { Chain } from "../ir/chain.ts";
import type { NamedSet, SetElement } from "../ir/set.ts";
import { type SetRef, type Table, type TableRef, tableKey } from "../ir/table.ts";
import type { Value } from "../ir/value.ts";
import { targetOf } from "../ir/verdict.ts";
import type { NftKernel } from "../kernel.ts";
import { encodeBatch } from "../plan/batch.ts";
import { elementOperations } from "../plan/elements.ts";
import type { Operation } from "../plan/operation.ts";
import { planRemoval, planTable } from "../plan/plan.ts";
import type { ActualTable } from "../read/actual.ts";
import { readChainRules, readTables } from "../read/read.ts";
import { renderKey } from "../text/value.ts";
import { DesiredTable } from "./desired-table.ts";
import type { TableEdits } from "./edits.ts";
import { kernelOwnsTables } from "./ownership.ts";
import { isDrift, refusal } from "./refusal.ts";

/**
 * Keeps tables in the kernel as they should be. Takes the desired state at any time, writes when told to.
 *
 *     setTables, putElement, deleteElement      remember, O(what changed)
 *     apply                                     one transaction, or nothing
 *     resync                                    the next apply reads the kernel first, and mends what drifted
 */
export class NftReconciler implements TableEdits {
  readonly #kernel: NftKernel;
  readonly #desired = new Map<string, { readonly ref: TableRef; readonly state: DesiredTable }>();
  readonly #changed = new Set<string>();
  readonly #actual = new Map<string, ActualTable>();
  #ownership: boolean | undefined;
  #synced = false;

  constructor(kernel: NftKernel) {
    this.#kernel = kernel;
  }

  /**
   * From now on the tables of these names are ours, and those given are all of them that should be. Throws NftError
   * (NFT_INVALID) before anything is changed.
   */
  setTables(names: readonly TableRef[], tables: readonly Table[]): void {
    for (const table of tables) checkTable(table);
    const wanted = new Map(tables.map((table) => [tableKey(table), table]));
    const known = new Set(names.map(tableKey));
    for (const key of wanted.keys()) {
      if (!known.has(key))
        throw invalid(`table ${key}`, "is not one of the tables named", "name it among the first argument's");
    }
    for (const { family, name } of names) {
      const known = this.#entry({ family, name }).replace(wanted.get(tableKey({ family, name })));
      if (!known) this.#synced = false;
    }
  }

  putChain(ref: TableRef, chain: Chain): void {
    this.#edit(ref, (table) => ({ ...table, chains: withNamed(table.chains, chain.name, chain) }));
  }

  deleteChain(ref: TableRef, name: string): void {
    this.#edit(ref, (table) => ({ ...table, chains: withNamed(table.chains, name, undefined) }));
  }

  putSet(ref: TableRef, set: NamedSet): void {
    this.#edit(ref, (table) => ({ ...table, sets: withNamed(table.sets, set.name, set) }));
  }

  deleteSet({ table: ref, set }: SetRef): void {
    this.#edit(ref, (table) => ({ ...table, sets: withNamed(table.sets, set, undefined) }));
  }

  #edit(ref: TableRef, change: (table: Table) => Table): void {
    const state = this.#desired.get(tableKey(ref))?.state;
    if (state?.table === undefined)
      throw invalid(`table ${tableKey(ref)}`, "is not wanted", "give it to setTables first");
    this.#changed.add(tableKey(ref));
    if (!state.replace(change(state.table))) this.#synced = false;
  }

  /** Adds the element or replaces the one of the same key. Throws NftError if the set is not wanted, or could not hold it. */
  putElement(ref: SetRef, element: SetElement): void {
    const { state, set, table } = this.#hashSet(ref);
    const where = describeSet(ref);
    checkElement(where, set, element);
    const target = element.verdict && targetOf(element.verdict);
    if (target !== undefined && !table.chains.some((chain) => chain.kind === "chain" && chain.name === target)) {
      throw noTarget(where, target);
    }
    state.put(set.name, element);
    this.#changed.add(tableKey(ref.table));
  }

  /** No error if there is no such element. */
  deleteElement(ref: SetRef, key: Value | readonly Value[]): void {
    const { state, set } = this.#hashSet(ref);
    state.drop(set.name, renderKey(set.key, "kind" in key ? [key] : key));
    this.#changed.add(tableKey(ref.table));
  }

  /** The next apply reads the kernel's tables anew. */
  resync(): void {
    this.#synced = false;
  }

  /**
   * Makes the kernel so. Returns what was done: nothing, if nothing had to be. Throws NftError (NFT_REFUSED,
   * NFT_TABLE_OWNED, NFT_READ_UNSTABLE) with the kernel unchanged; then the next apply begins with reading.
   */
  apply(): readonly Operation[] {
    const outdated = this.#synced;
    if (!this.#synced) this.#read();
    for (const key of this.#changed) {
      const table = this.#desired.get(key)?.state.table;
      if (table !== undefined && this.#desired.get(key)?.state.settled === false) checkTable(table);
    }
    const operations = this.#plan();
    if (operations.length === 0) {
      this.#settle([]);
      return operations;
    }
    const batch = encodeBatch(operations);
    try {
      this.#kernel.nftCommit(batch.messages);
    } catch (error) {
      this.#synced = false;
      // Somebody changed our tables since we read them: look again, once.
      if (outdated && isDrift(error)) return this.apply();
      throw refusal(error, operations, batch);
    }
    this.#settle(operations);
    return operations;
  }

  #read(): void {
    const refs = [...this.#desired.values()].map(({ ref }) => ref);
    const found = new Map(
      readTables(this.#kernel.nftQuery.bind(this.#kernel), refs).map((one) => [tableKey(one.table), one]),
    );
    this.#actual.clear();
    for (const [key, { state }] of this.#desired) {
      const actual = found.get(key);
      if (actual !== undefined) this.#actual.set(key, actual);
      state.observe(actual?.table);
      this.#changed.add(key);
    }
    this.#synced = true;
  }

  #plan(): readonly Operation[] {
    return [...this.#changed].flatMap((key) => {
      const entry = this.#desired.get(key);
      return entry === undefined ? [] : this.#planTable(key, entry.ref, entry.state);
    });
  }

  #planTable(key: string, ref: TableRef, state: DesiredTable): readonly Operation[] {
    const { table } = state;
    const actual = this.#actual.get(key);
    if (table === undefined) return actual === undefined ? [] : planRemoval(ref);
    if (state.settled && actual !== undefined) {
      return state.touched.flatMap((set) => elementOperations(ref, set, state.delta(set, set)));
    }
    const options = { ownership: table.owned && this.#ownsTables() };
    return planTable(table, this.#withHandles(table, actual), options, (set, present) => state.delta(set, present));
  }

  /** The kernel gives handles when it takes rules; they are asked for when they are needed. */
  #withHandles(desired: Table, actual: ActualTable | undefined): ActualTable | undefined {
    if (actual === undefined) return undefined;
    const there = new Map(actual.table.chains.map((chain) => [chain.name, chain]));
    const missing = desired.chains.filter((chain) => {
      const present = there.get(chain.name);
      return present !== undefined && !actual.ruleStates.has(chain.name) && !sameRules(chain.rules, present.rules);
    });
    if (missing.length === 0) return actual;
    const query = this.#kernel.nftQuery.bind(this.#kernel);
    const read = new Map(missing.map(({ name }) => [name, readChainRules(query, desired, name)]));
    const withRules = (chain: Chain): Chain => {
      const rules = read.get(chain.name)?.map(({ rule }) => rule);
      return rules === undefined ? chain : { ...chain, rules };
    };
    return {
      ...actual,
      table: { ...actual.table, chains: actual.table.chains.map(withRules) },
      ruleStates: new Map([
        ...actual.ruleStates,
        ...[...read].map(([name, rules]) => [name, rules.map(({ state }) => state)] as const),
      ]),
    };
  }

  #ownsTables(): boolean {
    this.#ownership ??= [...this.#actual.values()].some(({ table }) => table.owned) || kernelOwnsTables(this.#kernel);
    return this.#ownership;
  }

  /** What was wanted is now so. */
  #settle(operations: readonly Operation[]): void {
    const byTable = Map.groupBy(operations, ({ table }) => tableKey(table));
    for (const key of this.#changed) {
      const state = this.#desired.get(key)?.state;
      const own = byTable.get(key) ?? [];
      const actual = this.#actual.get(key);
      if (state?.table === undefined) this.#actual.delete(key);
      else if (!state.settled) this.#actual.set(key, actualAfter(state.table, this.#ownership ?? false, actual, own));
      state?.committed(own);
    }
    this.#changed.clear();
  }

  #entry(ref: TableRef): DesiredTable {
    const key = tableKey(ref);
    this.#changed.add(key);
    let entry = this.#desired.get(key);
    if (entry === undefined) {
      entry = { ref, state: new DesiredTable() };
      this.#desired.set(key, entry);
      // A name not heard of before: whether the kernel has such a table is not known.
      this.#synced = false;
    }
    return entry.state;
  }

  #hashSet(ref: SetRef): { readonly state: DesiredTable; readonly set: NamedSet; readonly table: Table } {
    const state = this.#desired.get(tableKey(ref.table))?.state;
    const set = state?.set(ref.set);
    if (state?.table === undefined || set === undefined) {
      throw invalid(describeSet(ref), "is not wanted", "give its table to setTables first");
    }
    if (set.interval) {
      throw invalid(describeSet(ref), "holds intervals, which must be checked against each other", "use setTables");
    }
    return { state, set, table: state.table };
  }
}

function withNamed<T extends { readonly name: string }>(
  list: readonly T[],
  name: string,
  one: T | undefined,
): readonly T[] {
  const others = list.filter((other) => other.name !== name);
  return one === undefined ? others : [...others, one];
}

function actualAfter(
  table: Table,
  ownership: boolean,
  before: ActualTable | undefined,
  operations: readonly Operation[],
): ActualTable {
  const rebuilt = operations.some(({ op }) => op === "table.create");
  const rewritten = new Set(
    operations.flatMap((operation) =>
      operation.op === "rule.add" || operation.op === "rule.delete" || operation.op === "chain.flush"
        ? [operation.chain]
        : [],
    ),
  );
  const states = rebuilt ? [] : [...(before?.ruleStates ?? [])].filter(([chain]) => !rewritten.has(chain));
  return {
    table: { ...table, owned: table.owned && ownership },
    orphaned: false,
    owner: undefined,
    ruleStates: new Map(states),
    unknown: [],
  };
}

function describeSet({ table, set }: SetRef): string {
  return `table ${tableKey(table)} set ${set}`;
}
