import { References } from "../check/references.ts";
import { checkElement, checkSet } from "../check/set.ts";
import { checkChain, tableAt } from "../check/table.ts";
import { elementKey, sameHook, sameRules, sameShape } from "../equality.ts";
import { invalid } from "../errors.ts";
import type { Chain } from "../ir/chain.ts";
import type { NamedSet, SetElement } from "../ir/set.ts";
import { type Table, type TableRef, table } from "../ir/table.ts";
import type { Value } from "../ir/value.ts";
import type { Operation } from "../plan/operation.ts";
import { mustRebuild, pairNamed, planCreation, planDifference, planRemoval } from "../plan/plan.ts";
import type { ActualTable } from "../read/actual.ts";
import type { RuleLabel } from "../read/decode-rule.ts";
import { renderKey } from "../text/value.ts";
import { KnownTable } from "./known-table.ts";
import { TrackedSet } from "./tracked-set.ts";

/** Asks the kernel for the rules of a chain as they are. */
export type ReadLabels = (chain: string) => readonly RuleLabel[];

/**
 * One table as it should be, beside what is known of it in the kernel. Changes are remembered by the names they touch, so that what
 * has to be checked, planned and written costs what changed, not what is there.
 */
export class DesiredTable {
  readonly ref: TableRef;
  readonly #where: string;
  /** Without its chains and sets; undefined: there should be no table. */
  #head: Table | undefined;
  readonly #chains = new Map<string, Chain>();
  readonly #sets = new Map<string, TrackedSet>();
  readonly #references: References;
  #known: KnownTable | undefined;
  /** Sets that the kernel has, with what it holds, and that are not wanted any more, or not so. */
  readonly #shelf = new Map<string, TrackedSet>();
  /** What may differ from the kernel's. */
  readonly #touchedChains = new Set<string>();
  readonly #touchedSets = new Set<string>();

  constructor(ref: TableRef) {
    this.ref = Object.freeze({ family: ref.family, name: ref.name });
    this.#where = tableAt(ref);
    this.#references = new References(this.#where);
  }

  /** Should it be owned, as far as the kernel can? */
  get wantsOwner(): boolean {
    return this.#head?.owned ?? false;
  }

  /** Is it known to be owned? */
  get owned(): boolean {
    return this.#known?.head.owned ?? false;
  }

  /** All of it; undefined: no table. */
  get wanted(): Table | undefined {
    const sets = [...this.#sets.values()].map(({ set, desired }) => ({ ...set, elements: [...desired.values()] }));
    return this.#head && table({ ...this.#head, sets, chains: [...this.#chains.values()] });
  }

  /** All of it at once; undefined: no table. It must have been checked. */
  replace(wanted: Table | undefined): void {
    this.#head = wanted && table({ ...wanted, chains: [], sets: [] });
    const chains = new Map((wanted?.chains ?? []).map((chain) => [chain.name, chain]));
    const sets = new Map((wanted?.sets ?? []).map((set) => [set.name, set]));
    for (const name of this.#chains.keys()) if (!chains.has(name)) this.#dropChain(name);
    for (const name of this.#sets.keys()) if (!sets.has(name)) this.#dropSet(name);
    for (const set of sets.values()) this.#setSet(set);
    for (const chain of chains.values()) this.#setChain(chain);
  }

  putChain(chain: Chain): void {
    this.#mustBeWanted();
    checkChain(this.#where, chain, this.ref.family);
    this.#setChain(chain);
  }

  deleteChain(name: string): void {
    this.#mustBeWanted();
    this.#dropChain(name);
  }

  putSet(set: NamedSet): void {
    this.#mustBeWanted();
    checkSet(`${this.#where} set ${set.name}`, set);
    this.#setSet(set);
  }

  deleteSet(name: string): void {
    this.#mustBeWanted();
    this.#dropSet(name);
  }

  putElement(name: string, element: SetElement): void {
    const tracked = this.#wantedSet(name);
    checkElement(`${this.#where} set ${name}`, tracked.set, element);
    this.#setElement(tracked, elementKey(tracked.set, element), element);
    this.#touchedSets.add(name);
  }

  deleteElement(name: string, key: readonly Value[]): void {
    const tracked = this.#wantedSet(name);
    this.#dropElement(tracked, renderKey(tracked.set.key, key), key);
    this.#touchedSets.add(name);
  }

  /** Does what has changed fit together? Throws NftError. */
  verify(): void {
    for (const name of this.#touchedSets) this.#sets.get(name)?.verify();
    this.#references.verify();
  }

  /** What the kernel was found to hold. */
  observe(actual: ActualTable | undefined): void {
    this.#shelf.clear();
    this.#touchedChains.clear();
    this.#touchedSets.clear();
    this.#known = actual && KnownTable.of(actual);
    const there = new Map((actual?.table.sets ?? []).map((set) => [set.name, set]));
    for (const [name, tracked] of this.#sets) {
      const present = there.get(name);
      const same = present !== undefined && sameShape(tracked.set, present);
      tracked.observe(same ? present.elements : []);
      if (same) there.delete(name);
      this.#touchedSets.add(name);
    }
    for (const set of there.values()) {
      const found = new TrackedSet(this.#where, set);
      found.observe(set.elements);
      this.#shelf.set(set.name, found);
      this.#touchedSets.add(set.name);
    }
    for (const name of new Set([...this.#chains.keys(), ...(this.#known?.chains.keys() ?? [])])) {
      if (!this.#isAsWanted(name)) this.#touchedChains.add(name);
    }
  }

  /** `owned`: wanted so, and the kernel can. */
  plan(owned: boolean, readLabels: ReadLabels): readonly Operation[] {
    const [head, known] = [this.#head, this.#known];
    if (head === undefined) return known === undefined ? [] : planRemoval(this.ref);
    if (known === undefined) return this.#planCreation(head, owned);
    const difference = {
      table: head,
      owned,
      actual: known.head,
      sets: pairNamed(this.#touchedSets, { get: (name) => this.#sets.get(name)?.set }, known.sets),
      chains: pairNamed(this.#touchedChains, this.#chains, { get: (name) => known.chains.get(name)?.chain }),
    };
    if (mustRebuild(difference)) return [...planRemoval(this.ref), ...this.#planCreation(head, owned)];
    return planDifference(
      difference,
      (chain) => known.statesOf(chain, readLabels),
      (set, present) => this.#delta(set, present === undefined),
    );
  }

  /** The kernel took the operations. */
  committed(operations: readonly Operation[], owned: boolean): void {
    for (const operation of operations) this.#take(operation, owned);
    const rewritten = new Set(operations.flatMap((operation) => ("chain" in operation ? [operation.chain] : [])));
    for (const name of this.#touchedChains) {
      const chain = this.#chains.get(name);
      if (chain !== undefined) this.#known?.settle(chain, rewritten.has(name));
    }
    this.#touchedChains.clear();
    this.#touchedSets.clear();
    this.#shelf.clear();
  }

  #take(operation: Operation, owned: boolean): void {
    switch (operation.op) {
      case "table.create":
        this.#known = KnownTable.made(owned, operation.table.dormant);
        return;
      case "table.delete":
        this.#known = undefined;
        for (const tracked of this.#sets.values()) tracked.observe([]);
        return;
      case "elements.add":
        this.#sets.get(operation.set.name)?.added(operation.elements);
        return;
      case "elements.delete":
        this.#sets.get(operation.set.name)?.removed(operation.elements);
        return;
      default:
        this.#known?.take(operation);
    }
  }

  #planCreation(head: Table, owned: boolean): readonly Operation[] {
    const sets = [...this.#sets.values()].map((tracked) => tracked.set);
    return planCreation(head, sets, [...this.#chains.values()], owned, (set) => this.#delta(set, true));
  }

  #delta(set: NamedSet, made: boolean) {
    return this.#sets.get(set.name)?.delta(made) ?? { remove: [], add: [] };
  }

  #isAsWanted(name: string): boolean {
    const wanted = this.#chains.get(name);
    const present = this.#known?.chains.get(name);
    if (wanted === undefined || present === undefined) return false;
    if (!sameHook(wanted, present.chain) || !samePolicy(wanted, present.chain)) return false;
    if (!sameRules(wanted.rules, present.chain.rules)) return false;
    // One of two equal chains need not be kept.
    this.#known?.chains.set(name, { ...present, chain: wanted });
    return true;
  }

  #setChain(chain: Chain): void {
    if (this.#chains.get(chain.name) === chain) return;
    this.#chains.set(chain.name, chain);
    this.#references.putChain(chain);
    this.#touchedChains.add(chain.name);
  }

  #dropChain(name: string): void {
    if (!this.#chains.delete(name)) return;
    this.#references.deleteChain(name);
    this.#touchedChains.add(name);
  }

  #setSet(set: NamedSet): void {
    const tracked = this.#trackerFor(set);
    tracked.rename(set);
    this.#sets.set(set.name, tracked);
    this.#references.putSet(tracked.set);
    const gone = new Map([...tracked.desired].map(([key, element]) => [key, element]));
    for (const element of set.elements) {
      const key = elementKey(set, element);
      gone.delete(key);
      this.#setElement(tracked, key, element);
    }
    for (const [key, element] of gone) this.#dropElement(tracked, key, element.key);
    this.#touchedSets.add(set.name);
  }

  #dropSet(name: string): void {
    const tracked = this.#sets.get(name);
    if (tracked === undefined) return;
    for (const [key, element] of tracked.desired) this.#dropElement(tracked, key, element.key);
    this.#sets.delete(name);
    this.#references.deleteSet(name);
    // What the kernel holds is what the first one dropped knows.
    if (!this.#shelf.has(name)) this.#shelf.set(name, tracked);
    this.#touchedSets.add(name);
  }

  /** Of a set of this name that is of the same kind, what the kernel holds is known. */
  #trackerFor(set: NamedSet): TrackedSet {
    const wanted = this.#sets.get(set.name);
    if (wanted !== undefined && sameShape(wanted.set, set)) return wanted;
    this.#dropSet(set.name);
    const shelved = this.#shelf.get(set.name);
    if (shelved === undefined || !sameShape(shelved.set, set)) return new TrackedSet(this.#where, set);
    this.#shelf.delete(set.name);
    return shelved;
  }

  #setElement(tracked: TrackedSet, key: string, element: SetElement): void {
    const before = tracked.put(key, element);
    this.#references.replaceElement(tracked.set.name, before, element.timeout === undefined ? element : undefined);
  }

  #dropElement(tracked: TrackedSet, key: string, values: readonly Value[]): void {
    this.#references.replaceElement(tracked.set.name, tracked.delete(key, values), undefined);
  }

  #mustBeWanted(): void {
    if (this.#head === undefined) throw invalid(this.#where, "is not wanted", "give it to setTables first");
  }

  #wantedSet(name: string): TrackedSet {
    const tracked = this.#sets.get(name);
    if (tracked === undefined) {
      throw invalid(
        `${this.#where} set ${name}`,
        "is not wanted",
        "give it to putSet, or its table to setTables, first",
      );
    }
    return tracked;
  }
}

function samePolicy(a: Chain, b: Chain): boolean {
  return a.kind !== "baseChain" || b.kind !== "baseChain" || a.policy === b.policy;
}
