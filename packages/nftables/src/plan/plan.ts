import { sameHook, sameShape } from "../equality.ts";
import type { Chain } from "../ir/chain.ts";
import type { NamedSet } from "../ir/set.ts";
import { type Table, type TableRef, tableKey } from "../ir/table.ts";
import type { ActualTable } from "../read/actual.ts";
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

/** `elements` is for those who keep track of elements themselves; by default the two sets are compared. */
export function planTable(
  desired: Table,
  actual: ActualTable | undefined,
  options: PlanOptions,
  elements: ElementSource = elementDelta,
): readonly Operation[] {
  const owned = desired.owned && options.ownership;
  if (actual === undefined) return planCreation(desired, owned, elements);
  if (mustRebuild(desired, owned, actual)) return [...planRemoval(desired), ...planCreation(desired, owned, elements)];
  const sets = match(desired.sets, actual.table.sets);
  const chains = match(desired.chains, actual.table.chains);
  // What is referred to comes before what refers to it, and goes after.
  return [
    ...sets.added.map((set): Operation => ({ op: "set.create", table: ref(desired), set })),
    ...chains.added.map((chain): Operation => ({ op: "chain.create", table: ref(desired), chain })),
    // The kernel refuses new base chains after a change of flags in the same transaction, and other changes of them before it.
    ...planFlags(desired, owned, actual),
    ...chains.common.flatMap(([wanted, present]) => planPolicy(desired, wanted, present)),
    ...sets.added.flatMap((set) => elementOperations(ref(desired), set, elements(set, undefined))),
    ...sets.common.flatMap(([wanted, present]) => elementOperations(ref(desired), wanted, elements(wanted, present))),
    ...chains.added.flatMap((chain) => planRules(ref(desired), chain.name, chain.rules, [], [])),
    ...chains.common.flatMap(([wanted, present]) =>
      planRules(ref(desired), wanted.name, wanted.rules, present.rules, actual.ruleStates.get(wanted.name)),
    ),
    ...chains.removed.map((chain): Operation => ({ op: "chain.flush", table: ref(desired), chain: chain.name })),
    ...sets.removed.map((set): Operation => ({ op: "set.delete", table: ref(desired), set: set.name })),
    ...chains.removed.map((chain): Operation => ({ op: "chain.delete", table: ref(desired), chain: chain.name })),
  ];
}

export function planRemoval(table: TableRef): readonly Operation[] {
  return [{ op: "table.delete", table: ref(table) }];
}

function planCreation(table: Table, owned: boolean, elements: ElementSource): readonly Operation[] {
  const at = ref(table);
  return [
    { op: "table.create", table, owned },
    ...table.sets.map((set): Operation => ({ op: "set.create", table: at, set })),
    ...table.chains.map((chain): Operation => ({ op: "chain.create", table: at, chain })),
    ...table.sets.flatMap((set) => elementOperations(at, set, elements(set, undefined))),
    ...table.chains.flatMap((chain) => planRules(at, chain.name, chain.rules, [], [])),
  ];
}

/**
 * The kernel changes neither a set's type nor a chain's hook, makes no plain table an owned one (nor back), and refuses
 * all flags of an owned table but at the moment it is claimed.
 */
function mustRebuild(desired: Table, owned: boolean, actual: ActualTable): boolean {
  if (actual.unknown.length > 0 || actual.table.owned !== owned) return true;
  if (owned && !actual.orphaned && actual.table.dormant !== desired.dormant) return true;
  const sets = match(desired.sets, actual.table.sets);
  const chains = match(desired.chains, actual.table.chains);
  return (
    sets.common.some(([wanted, present]) => !sameShape(wanted, present)) ||
    chains.common.some(([wanted, present]) => !sameHook(wanted, present))
  );
}

function planFlags(desired: Table, owned: boolean, actual: ActualTable): readonly Operation[] {
  const claim = owned && actual.orphaned;
  if (!claim && desired.dormant === actual.table.dormant) return [];
  return [{ op: "table.flags", table: ref(desired), owned, dormant: desired.dormant }];
}

function planPolicy(table: TableRef, wanted: Chain, present: Chain): readonly Operation[] {
  if (wanted.kind !== "baseChain" || present.kind !== "baseChain" || wanted.policy === present.policy) return [];
  return [{ op: "chain.policy", table: ref(table), chain: wanted.name, policy: wanted.policy }];
}

interface Matched<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
  readonly common: readonly (readonly [desired: T, actual: T])[];
}

function match<T extends { readonly name: string }>(desired: readonly T[], actual: readonly T[]): Matched<T> {
  const there = new Map(actual.map((one) => [one.name, one]));
  const wanted = new Set(desired.map((one) => one.name));
  return {
    added: desired.filter((one) => !there.has(one.name)),
    removed: actual.filter((one) => !wanted.has(one.name)),
    common: desired.flatMap((one) => {
      const present = there.get(one.name);
      return present === undefined ? [] : [[one, present] as const];
    }),
  };
}

/** Operations name their table; they need not keep all of it alive. */
function ref({ family, name }: TableRef): TableRef {
  return { family, name };
}
