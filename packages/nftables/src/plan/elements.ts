import { elementKey, sameElement } from "../equality.ts";
import type { NamedSet, SetElement, SetShape } from "../ir/set.ts";
import type { TableRef } from "../ir/table.ts";
import type { Operation } from "./operation.ts";

/** What to change in a set. An element that changes is in both: the kernel cannot rewrite one. */
export interface ElementDelta {
  readonly remove: readonly SetElement[];
  readonly add: readonly SetElement[];
}

export function elementDelta(desired: NamedSet, actual: NamedSet | undefined): ElementDelta {
  const there = new Map((actual?.elements ?? []).map((element) => [elementKey(desired, element), element]));
  const add: SetElement[] = [];
  const remove: SetElement[] = [];
  for (const wanted of desired.elements) {
    const key = elementKey(desired, wanted);
    const present = there.get(key);
    there.delete(key);
    if (present !== undefined && sameElement(wanted, present)) continue;
    if (present !== undefined) remove.push(present);
    add.push(wanted);
  }
  return { remove: [...there.values(), ...remove], add };
}

/** Removals first: a new interval may take the place of an old one. */
export function elementOperations(table: TableRef, set: SetShape, delta: ElementDelta): readonly Operation[] {
  const operations: Operation[] = [];
  if (delta.remove.length > 0) operations.push({ op: "elements.delete", table, set, elements: delta.remove });
  if (delta.add.length > 0) operations.push({ op: "elements.add", table, set, elements: delta.add });
  return operations;
}
