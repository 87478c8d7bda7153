import type { Prefix } from "@ocicat/net";
import type { CodecContext } from "../wire/context.ts";
import { fits } from "../wire/pack.ts";
import type { AttributeSet, AttributeStore } from "./attribute-store.ts";
import { type ExportView, keepsMed, permit, shape } from "./export.ts";
import type { Path } from "./path.ts";

/** A shaped set, or undefined where it cannot be announced. */
interface Shaped {
  readonly set: AttributeSet | undefined;
}

/** `exportPath` for one view, remembering how each attribute set is shaped: prefixes are many, attribute sets are few. */
export class Exporter {
  readonly #view: ExportView;
  readonly #codec: CodecContext;
  readonly #store: AttributeStore;
  /**
   * By the accepted set (whose next hop tells the family), for those whose MED stays here and those whose MED is told.
   * Entries go with their keys; the sets in them are not held.
   */
  readonly #withoutMed = new WeakMap<AttributeSet, Shaped>();
  readonly #withMed = new WeakMap<AttributeSet, Shaped>();

  constructor(view: ExportView, codec: CodecContext, store: AttributeStore) {
    this.#view = view;
    this.#codec = codec;
    this.#store = store;
  }

  /** The set to announce for a path, held; undefined: none. */
  export(prefix: Prefix, path: Path): AttributeSet | undefined {
    const permitted = permit(prefix, path, this.#view);
    if ("refusal" in permitted || path.accepted === undefined) return undefined;
    const changed = permitted.attributes !== path.accepted.attributes;
    // A set that the policy has made is not in the cache, and would not be found there again.
    const input = changed ? this.#store.acquire(permitted.attributes) : path.accepted;
    const shaped = this.#shape(prefix, input, keepsMed(path, permitted.attributes));
    if (changed) this.#store.release(input);
    return shaped;
  }

  #shape(prefix: Prefix, input: AttributeSet, withMed: boolean): AttributeSet | undefined {
    const cache = withMed ? this.#withMed : this.#withoutMed;
    const known = cache.get(input);
    if (known !== undefined) return known.set === undefined ? undefined : this.#store.hold(known.set);
    const verdict = shape(prefix.family, input.attributes, withMed, this.#view);
    const announceable = "attributes" in verdict && fits(verdict.attributes, prefix.family, this.#codec);
    const set = announceable ? this.#store.acquire(verdict.attributes) : undefined;
    cache.set(input, { set });
    return set;
  }
}
