import { checkTable, tableAt } from "../check/table.ts";
import { invalid } from "../errors.ts";
import type { Chain } from "../ir/chain.ts";
import type { NamedSet, SetElement } from "../ir/set.ts";
import { type SetRef, type Table, type TableRef, tableKey } from "../ir/table.ts";
import type { Value } from "../ir/value.ts";
import type { NftKernel } from "../kernel.ts";
import { encodeBatch } from "../plan/batch.ts";
import type { Operation } from "../plan/operation.ts";
import { plan } from "../plan/plan.ts";
import { stagesOf } from "../plan/stages.ts";
import { readRuleLabels, readTables } from "../read/read.ts";
import { DesiredTable } from "./desired-table.ts";
import type { TableEdits } from "./edits.ts";
import { kernelOwnsTables } from "./ownership.ts";
import { isDrift, refusal } from "./refusal.ts";

/**
 * Keeps tables in the kernel as they should be. Takes the desired state at any time, writes when told to.
 *
 *     setTables                                 remembers whole tables
 *     putChain, putSet, putElement, …           remember, O(what changed)
 *     apply                                     one transaction that changes what is decided, or nothing (see stagesOf)
 *     resync                                    the next apply reads the kernel first, and mends what drifted
 */
export class NftReconciler implements TableEdits {
  readonly #kernel: NftKernel;
  readonly #tables = new Map<string, DesiredTable>();
  readonly #changed = new Set<string>();
  #ownership: boolean | undefined;
  #synced = false;

  constructor(kernel: NftKernel) {
    this.#kernel = kernel;
  }

  /** Are our tables ours alone? Undefined until the kernel had to be asked. */
  get owned(): boolean | undefined {
    return this.#ownership;
  }

  /** Is it one of ours? As nft names it: `inet ocicat-guard`. */
  has(table: string): boolean {
    return this.#tables.has(table);
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
    for (const ref of names) this.#entry(ref).replace(wanted.get(tableKey(ref)));
  }

  /** Throws NftError (NFT_INVALID) if the table is not wanted, or the chain cannot be right whatever is around it. */
  putChain(ref: TableRef, chain: Chain): void {
    this.#wanted(ref).putChain(chain);
  }

  deleteChain(ref: TableRef, name: string): void {
    this.#wanted(ref).deleteChain(name);
  }

  /** Throws NftError (NFT_INVALID) if the table is not wanted, or the set cannot be right. */
  putSet(ref: TableRef, set: NamedSet): void {
    this.#wanted(ref).putSet(set);
  }

  deleteSet({ table, set }: SetRef): void {
    this.#wanted(table).deleteSet(set);
  }

  /** Adds the element or replaces the one of the same key. Throws NftError if the set is not wanted, or could not hold it. */
  putElement({ table, set }: SetRef, element: SetElement): void {
    this.#wanted(table).putElement(set, element);
  }

  /** No error if there is no such element. */
  deleteElement({ table, set }: SetRef, key: Value | readonly Value[]): void {
    this.#wanted(table).deleteElement(set, "kind" in key ? [key] : key);
  }

  /** The next apply reads the kernel's tables anew. */
  resync(): void {
    this.#synced = false;
  }

  /**
   * Makes the kernel so. Returns what was done: nothing, if nothing had to be. Throws NftError: NFT_INVALID if what was put does
   * not fit together, with nothing sent and everything remembered; NFT_REFUSED, NFT_TABLE_OWNED, NFT_READ_UNSTABLE with what is
   * decided unchanged, or all of it done and something not needed still there; then the next apply begins with reading.
   */
  apply(): readonly Operation[] {
    for (const table of this.#changedTables()) table.verify();
    const outdated = this.#synced;
    if (!this.#synced) this.#read();
    try {
      const operations = this.#changedTables().flatMap((table) => this.#plan(table));
      for (const stage of stagesOf(operations)) this.#commit(stage);
      this.#settle(operations);
      return operations;
    } catch (error) {
      this.#synced = false;
      // Somebody changed our tables since we read them: look again, once.
      if (outdated && isDrift(error)) return this.apply();
      throw error;
    }
  }

  /**
   * What it would take to make these tables in the kernel as they are wanted, by what the kernel holds now. Nothing is done, and
   * nothing remembered. Throws NftError (NFT_READ_UNSTABLE).
   */
  drift(names: readonly TableRef[]): readonly Operation[] {
    const ours = names.flatMap((ref) => this.#tables.get(tableKey(ref)) ?? []);
    const actual = readTables(
      this.#kernel.nftQuery.bind(this.#kernel),
      ours.map(({ ref }) => ref),
    );
    const wanted = ours.flatMap((one) => one.wanted ?? []);
    return plan(wanted, actual, { ownership: this.#ownership ?? false });
  }

  #commit(operations: readonly Operation[]): void {
    const batch = encodeBatch(operations);
    try {
      this.#kernel.nftCommit(batch.messages);
    } catch (error) {
      throw refusal(error, operations, batch);
    }
  }

  #read(): void {
    const refs = [...this.#tables.values()].map(({ ref }) => ref);
    const found = new Map(
      readTables(this.#kernel.nftQuery.bind(this.#kernel), refs).map((one) => [tableKey(one.table), one]),
    );
    for (const [key, table] of this.#tables) {
      table.observe(found.get(key));
      this.#changed.add(key);
    }
    this.#synced = true;
  }

  #plan(table: DesiredTable): readonly Operation[] {
    const query = this.#kernel.nftQuery.bind(this.#kernel);
    return table.plan(table.wantsOwner && this.#ownsTables(), (chain) => readRuleLabels(query, table.ref, chain));
  }

  #ownsTables(): boolean {
    this.#ownership ??= [...this.#tables.values()].some(({ owned }) => owned) || kernelOwnsTables(this.#kernel);
    return this.#ownership;
  }

  /** What was wanted is now so. */
  #settle(operations: readonly Operation[]): void {
    const byTable = Map.groupBy(operations, ({ table }) => tableKey(table));
    for (const table of this.#changedTables()) {
      table.committed(byTable.get(tableKey(table.ref)) ?? [], table.wantsOwner && this.#ownership === true);
    }
    this.#changed.clear();
  }

  #changedTables(): readonly DesiredTable[] {
    return [...this.#changed].flatMap((key) => this.#tables.get(key) ?? []);
  }

  #entry(ref: TableRef): DesiredTable {
    const key = tableKey(ref);
    this.#changed.add(key);
    let table = this.#tables.get(key);
    if (table === undefined) {
      table = new DesiredTable(ref);
      this.#tables.set(key, table);
      // A name not heard of before: whether the kernel has such a table is not known.
      this.#synced = false;
    }
    return table;
  }

  #wanted(ref: TableRef): DesiredTable {
    const key = tableKey(ref);
    const table = this.#tables.get(key);
    if (table === undefined) throw invalid(tableAt(ref), "is not wanted", "give it to setTables first");
    this.#changed.add(key);
    return table;
  }
}
