import { sameHook, sameShape } from "../equality.ts";
import type { Chain } from "../ir/chain.ts";
import type { NamedSet } from "../ir/set.ts";
import { type Table, type TableRef, tableKey } from "../ir/table.ts";
import type { ActualTable, RuleState } from "../read/actual.ts";
import { type ElementDelta, elementDelta, elementOperations } from "./elements.ts";
import type { Operation } from "./operation.ts";
import { planRules } from "./rules.ts";

export interface PlanOptions {
  /** Does the kernel take NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST? If not, every table is made plain. */
  readonly ownership: boolean;
}

/**
 * From the actual tables to the desired ones, in one transaction. `actual` holds tables of ours only: one that is not desired is
 * deleted. Empty if they are equal.
 */
export function plan(
  desired: readonly Table[],
  actual: readonly ActualTable[],
  options: PlanOptions,
): readonly Operation[] {
  const there = new Map(actual.map((one) => [tableKey(one.table), one]));
  const wanted = new Set(desired.map(tableKey));
  const gone = actual.filter(({ table }) => !wanted.has(tableKey(table)));
  return [
    ...gone.flatMap(({ table }) => planRemoval(table)),
    ...desired.flatMap((table) => planTable(table, there.get(tableKey(table)), options)),
  ];
}

/** What to change in a set; without `actual`, in one just made. */
export type ElementSource = (desired: NamedSet, actual: NamedSet | undefined) => ElementDelta;

function planTable(desired: Table, actual: ActualTable | undefined, options: PlanOptions): readonly Operation[] {
  const owned = desired.owned && options.ownership;
  if (actual === undefined) return planCreation(desired, desired.sets, desired.chains, owned, elementDelta);
  const difference: Difference = {
    table: desired,
    owned,
    actual: { ...actual, ...actual.table },
    sets: pairs(desired.sets, actual.table.sets),
    chains: pairs(desired.chains, actual.table.chains),
  };
  if (mustRebuild(difference)) {
    return [...planRemoval(desired), ...planCreation(desired, desired.sets, desired.chains, owned, elementDelta)];
  }
  return planDifference(difference, (chain) => actual.ruleStates.get(chain), elementDelta);
}

/** A table as it should be beside the table as it is, as far as they may differ. */
export interface Difference {
  readonly table: TableRef & Pick<Table, "dormant">;
  readonly owned: boolean;
  readonly actual: ActualHead;
  readonly sets: Pairs<NamedSet>;
  readonly chains: Pairs<Chain>;
}

/** What is known of a table in the kernel, apart from what is in it. */
export type ActualHead = Pick<ActualTable, "orphaned" | "unknown"> & Pick<Table, "owned" | "dormant">;

export interface Pairs<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
  readonly common: readonly (readonly [desired: T, actual: T])[];
}

/**
 * What is referred to comes before what refers to it, and goes after. `states`: of a chain's rules (see ActualTable).
 */
export function planDifference(
  { table, owned, actual, sets, chains }: Difference,
  states: (chain: string) => readonly RuleState[] | undefined,
  elements: ElementSource,
): readonly Operation[] {
  const at = ref(table);
  return [
    ...sets.added.map((set): Operation => ({ op: "set.create", table: at, set })),
    ...chains.added.map((chain): Operation => ({ op: "chain.create", table: at, chain })),
    // The kernel refuses new base chains after a change of flags in the same transaction, and other changes of them before it.
    ...planFlags(table, owned, actual),
    ...chains.common.flatMap(([wanted, present]) => planPolicy(at, wanted, present)),
    ...sets.added.flatMap((set) => elementOperations(at, set, elements(set, undefined))),
    ...sets.common.flatMap(([wanted, present]) => elementOperations(at, wanted, elements(wanted, present))),
    ...chains.added.flatMap((chain) => planRules(at, chain.name, chain.rules, [], () => [])),
    ...chains.common.flatMap(([wanted, present]) =>
      planRules(at, wanted.name, wanted.rules, present.rules, () => states(wanted.name)),
    ),
    ...chains.removed.map((chain): Operation => ({ op: "chain.flush", table: at, chain: chain.name })),
    ...sets.removed.map((set): Operation => ({ op: "set.delete", table: at, set: set.name })),
    ...chains.removed.map((chain): Operation => ({ op: "chain.delete", table: at, chain: chain.name })),
  ];
}

export function planRemoval(table: TableRef): readonly Operation[] {
  return [{ op: "table.delete", table: ref(table) }];
}

export function planCreation(
  table: Table,
  sets: readonly NamedSet[],
  chains: readonly Chain[],
  owned: boolean,
  elements: ElementSource,
): readonly Operation[] {
  const at = ref(table);
  return [
    { op: "table.create", table, owned },
    ...sets.map((set): Operation => ({ op: "set.create", table: at, set })),
    ...chains.map((chain): Operation => ({ op: "chain.create", table: at, chain })),
    ...sets.flatMap((set) => elementOperations(at, set, elements(set, undefined))),
    ...chains.flatMap((chain) => planRules(at, chain.name, chain.rules, [], () => [])),
  ];
}

/**
 * The kernel changes neither a set's type nor a chain's hook, makes no plain table an owned one (nor back), and refuses
 * all flags of an owned table but at the moment it is claimed.
 */
export function mustRebuild({ table, owned, actual, sets, chains }: Difference): boolean {
  if (actual.unknown.length > 0 || actual.owned !== owned) return true;
  if (owned && !actual.orphaned && actual.dormant !== table.dormant) return true;
  return (
    sets.common.some(([wanted, present]) => !sameShape(wanted, present)) ||
    chains.common.some(([wanted, present]) => !sameHook(wanted, present))
  );
}

function planFlags(table: Difference["table"], owned: boolean, actual: ActualHead): readonly Operation[] {
  const claim = owned && actual.orphaned;
  if (!claim && table.dormant === actual.dormant) return [];
  return [{ op: "table.flags", table: ref(table), owned, dormant: table.dormant }];
}

function planPolicy(table: TableRef, wanted: Chain, present: Chain): readonly Operation[] {
  if (wanted.kind !== "baseChain" || present.kind !== "baseChain" || wanted.policy === present.policy) return [];
  return [{ op: "chain.policy", table, chain: wanted.name, policy: wanted.policy }];
}

function pairs<T extends { readonly name: string }>(desired: readonly T[], actual: readonly T[]): Pairs<T> {
  const wanted = new Map(desired.map((one) => [one.name, one]));
  const there = new Map(actual.map((one) => [one.name, one]));
  return pairNamed(new Set([...wanted.keys(), ...there.keys()]), wanted, there);
}

/** Those of the names given. */
export function pairNamed<T>(
  names: Iterable<string>,
  desired: { get(name: string): T | undefined },
  actual: { get(name: string): T | undefined },
): Pairs<T> {
  const added: T[] = [];
  const removed: T[] = [];
  const common: (readonly [T, T])[] = [];
  for (const name of names) {
    const [wanted, present] = [desired.get(name), actual.get(name)];
    if (wanted !== undefined && present !== undefined) common.push([wanted, present]);
    else if (wanted !== undefined) added.push(wanted);
    else if (present !== undefined) removed.push(present);
  }
  return { added, removed, common };
}

/** Operations name their table; they need not keep all of it alive. */
function ref({ family, name }: TableRef): TableRef {
  return { family, name };
}
