import { canonicalBytes } from "../wire/attributes/encode.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";

/** Attributes kept once however many paths have them: two sets are equal exactly if they are the same object. */
export interface AttributeSet {
  readonly attributes: PathAttributes;
  readonly key: string;
}

/** Interns attributes by their canonical bytes, and forgets a set when the last holder lets go of it. */
export class AttributeStore {
  readonly #sets = new Map<string, { readonly set: AttributeSet; holders: number }>();

  get size(): number {
    return this.#sets.size;
  }

  /** The set with these attributes, held once more. */
  acquire(attributes: PathAttributes): AttributeSet {
    const key = String.fromCharCode(...canonicalBytes(attributes));
    const known = this.#sets.get(key);
    if (known !== undefined) {
      known.holders += 1;
      return known.set;
    }
    const set = { attributes, key };
    this.#sets.set(key, { set, holders: 1 });
    return set;
  }

  hold(set: AttributeSet): AttributeSet {
    const entry = this.#sets.get(set.key);
    if (entry === undefined) throw new Error("an attribute set is held that nobody holds");
    entry.holders += 1;
    return set;
  }

  release(set: AttributeSet | undefined): void {
    if (set === undefined) return;
    const entry = this.#sets.get(set.key);
    if (entry === undefined) throw new Error("an attribute set is released that nobody holds");
    entry.holders -= 1;
    if (entry.holders === 0) this.#sets.delete(set.key);
  }
}
