import type { AllocationAttribute, AllocationBlock } from "@ocicat/api/ipam";

/** The index at which `attribute` stands in the list, appended if none is equal to it. */
export function shareAttribute(
  attributes: readonly AllocationAttribute[],
  attribute: AllocationAttribute,
): { readonly attributes: readonly AllocationAttribute[]; readonly index: number } {
  const found = attributes.findIndex((existing) => existing.json === attribute.json);
  if (found >= 0) return { attributes, index: found };
  return { attributes: [...attributes, attribute], index: attributes.length };
}

/** Drops attributes that no allocation points at, and renumbers the allocations. */
export function compactAttributes(block: AllocationBlock): AllocationBlock {
  const attributes = block.attributes ?? [];
  const used = new Set(block.allocations);
  const kept: AllocationAttribute[] = [];
  const moved = new Map<number, number>();
  for (const [index, attribute] of attributes.entries()) {
    if (!used.has(index)) continue;
    moved.set(index, kept.length);
    kept.push(attribute);
  }
  if (kept.length === attributes.length) return block;
  return {
    ...block,
    attributes: kept,
    allocations: block.allocations.map((index) => (index === null ? null : (moved.get(index) ?? null))),
  };
}
