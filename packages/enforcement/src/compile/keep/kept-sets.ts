import { memberText, type SetChange, type SetId, type SetMember, type SetSpec } from "@ocicat/policy";
import { type Variant, variantName } from "../names.ts";
import type { TableSink } from "../sink.ts";
import { lastingVariants, memberElement, variantOf, variantSet, variantSets } from "../variants.ts";

interface Kept {
  readonly spec: SetSpec;
  /** How many members each variant has: those that the kernel has a set for. */
  readonly counts: Map<Variant, number>;
  /** Blocks, which are a tree in the kernel that is made anew when one comes or goes. */
  readonly blocks: Map<string, SetMember>;
}

/** The model's sets as the kernel's, change by change. */
export class KeptSets {
  readonly #sets = new Map<SetId, Kept>();
  /** Sets that rules still use until they are made anew. */
  readonly #leaving = new Set<string>();
  readonly #sink: TableSink;

  constructor(sink: TableSink) {
    this.#sink = sink;
  }

  /** Undefined for a set that nobody told of. */
  variants(id: SetId): ReadonlySet<Variant> | undefined {
    const kept = this.#sets.get(id);
    return kept && new Set(kept.counts.keys());
  }

  /** True if the kernel has other sets of it than before, so that rules have to be made anew. */
  apply(id: SetId, change: SetChange): boolean {
    const before = this.variants(id) ?? new Set();
    if (change.kind === "made") this.#make(change.spec, change.members);
    else if (change.kind === "changed") this.#change(id, change.added, change.removed);
    else this.#sets.delete(id);
    const after = this.variants(id) ?? new Set();
    for (const variant of before.difference(after)) this.#leaving.add(variantName(id, variant));
    return before.symmetricDifference(after).size > 0;
  }

  /** Takes away what no rule uses any more. */
  sweep(): void {
    for (const name of this.#leaving) this.#sink.deleteSet(name);
    this.#leaving.clear();
  }

  #make(spec: SetSpec, members: readonly SetMember[]): void {
    const kept = keep(spec);
    for (const member of members) count(kept, member, 1);
    this.#sets.set(spec.id, kept);
    for (const set of variantSets(spec, members).values()) this.#put(set);
  }

  #change(id: SetId, added: readonly SetMember[], removed: readonly SetMember[]): void {
    const kept = this.#sets.get(id);
    if (kept === undefined) throw new RangeError(`set ${id} was changed before it was made`);
    const before = new Set(kept.counts.keys());
    for (const member of removed) count(kept, member, -1);
    for (const member of added) count(kept, member, 1);
    const [gone, come] = [removed, added].map((members) => Map.groupBy(members, variantOf));
    for (const variant of kept.counts.keys()) {
      const name = variantName(id, variant);
      const out = gone?.get(variant) ?? [];
      const inward = come?.get(variant) ?? [];
      if (out.length + inward.length === 0) continue;
      if (!before.has(variant)) this.#put(variantSet(kept.spec, variant, inward));
      else if (isTree(variant)) this.#put(variantSet(kept.spec, variant, blocksOf(kept, variant)));
      else {
        for (const member of out) this.#sink.deleteElement(name, memberElement(member).key);
        for (const member of inward) this.#sink.putElement(name, memberElement(member));
      }
    }
  }

  #put(set: Parameters<TableSink["putSet"]>[0]): void {
    this.#leaving.delete(set.name);
    this.#sink.putSet(set);
  }
}

function keep(spec: SetSpec): Kept {
  return { spec, counts: new Map(lastingVariants(spec).map((variant) => [variant, 0])), blocks: new Map() };
}

function count(kept: Kept, member: SetMember, by: 1 | -1): void {
  const variant = variantOf(member);
  const now = (kept.counts.get(variant) ?? 0) + by;
  if (now > 0 || lastingVariants(kept.spec).includes(variant)) kept.counts.set(variant, now);
  else kept.counts.delete(variant);
  if (!isTree(variant)) return;
  if (by === 1) kept.blocks.set(memberText(member), member);
  else kept.blocks.delete(memberText(member));
}

function isTree(variant: Variant): boolean {
  return variant.endsWith("n");
}

function blocksOf({ blocks }: Kept, variant: Variant): readonly SetMember[] {
  return [...blocks.values()].filter((member) => variantOf(member) === variant);
}
