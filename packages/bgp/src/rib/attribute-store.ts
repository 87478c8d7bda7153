import { canonicalBytes } from "../wire/attributes/encode.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";

/** Attributes kept once however many paths have them: sets that are held are equal exactly if they are the same object. */
export class AttributeSet {
  readonly attributes: PathAttributes;
  /** Equal exactly for equal attributes, also among sets that nobody holds any more. */
  readonly key: string;
  /** For the store alone. */
  holders = 0;

  constructor(attributes: PathAttributes, key: string) {
    this.attributes = attributes;
    this.key = key;
  }
}

/** Interns attributes by their canonical bytes, and forgets a set when the last holder lets go of it. */
export class AttributeStore {
  readonly #sets = new Map<string, AttributeSet>();

  get size(): number {
    return this.#sets.size;
  }

  /** The set with these attributes, held once more. */
  acquire(attributes: PathAttributes): AttributeSet {
    return this.#enter(new AttributeSet(attributes, String.fromCharCode(...canonicalBytes(attributes))));
  }

  /** Holds a set once more; of one that everybody had let go of, the set that is there now, or else itself again. */
  hold(set: AttributeSet): AttributeSet {
    if (set.holders === 0) return this.#enter(set);
    set.holders += 1;
    return set;
  }

  release(set: AttributeSet | undefined): void {
    if (set === undefined) return;
    if (set.holders === 0) throw new Error("an attribute set is released that nobody holds");
    set.holders -= 1;
    if (set.holders === 0) this.#sets.delete(set.key);
  }

  #enter(set: AttributeSet): AttributeSet {
    const known = this.#sets.get(set.key) ?? set;
    this.#sets.set(set.key, known);
    known.holders += 1;
    return known;
  }
}
