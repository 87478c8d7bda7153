import type { Family } from "@ocicat/net";
import { acceptAll } from "../filter/policy.ts";
import type { CodecContext } from "../wire/context.ts";
import { canonicalFits, fits } from "../wire/pack.ts";
import type { AttributeId } from "./attribute-store.ts";
import { NONE } from "./columns.ts";
import { type ExportView, forbiddenBy, keepsMed, permit, shape } from "./export.ts";
import type { LocRib } from "./loc-rib.ts";
import type { PrefixId } from "./prefix-table.ts";
import { SetMemo } from "./set-memo.ts";
import { OWN, type SourceId } from "./sources.ts";

/** `exportPath` for one view, remembering how each attribute set is shaped: prefixes are many, attribute sets are few. */
export class Exporter {
  readonly #view: ExportView;
  readonly #codec: CodecContext;
  readonly #locRib: LocRib;
  /** What was known of the sources when the memos were made. */
  #version: number;
  readonly #memos: Readonly<Record<Family, { readonly withMed: SetMemo; readonly withoutMed: SetMemo }>>;

  constructor(view: ExportView, codec: CodecContext, locRib: LocRib) {
    this.#view = view;
    this.#codec = codec;
    this.#locRib = locRib;
    this.#version = locRib.sources.version;
    const memos = () => ({ withMed: new SetMemo(locRib.store), withoutMed: new SetMemo(locRib.store) });
    this.#memos = { 4: memos(), 6: memos() };
  }

  /** The set to announce for a path, held; NONE: it is not announced. */
  export(prefix: PrefixId, source: SourceId, set: AttributeId): AttributeId {
    const { store, sources, prefixes, originOf } = this.#locRib;
    const family = prefixes.familyOf(prefix);
    if (sources.version !== this.#version) this.#forget();
    if (this.#view.policy === acceptAll) return this.#shaped(family, source, set, source === OWN);
    const path = { attributes: store.attributes(set), source: sources.peer(source), origin: originOf(prefix) };
    const permitted = permit(prefixes.prefixOf(prefix), path, this.#view);
    if ("refusal" in permitted) return NONE;
    const { attributes } = permitted;
    const input = attributes === path.attributes ? store.hold(set) : store.acquire(attributes);
    const shaped = this.#shaped(family, source, input, keepsMed(path, attributes));
    store.release(input);
    return shaped;
  }

  #forget(): void {
    this.#version = this.#locRib.sources.version;
    for (const { withMed, withoutMed } of Object.values(this.#memos)) {
      withMed.clear();
      withoutMed.clear();
    }
  }

  #shaped(family: Family, source: SourceId, set: AttributeId, withMed: boolean): AttributeId {
    const { store } = this.#locRib;
    const memos = this.#memos[family];
    const memo = withMed ? memos.withMed : memos.withoutMed;
    const known = memo.get(set, source);
    if (known !== undefined) return store.hold(known);
    const made = this.#make(family, source, set, withMed);
    memo.put(set, source, made);
    return made;
  }

  #make(family: Family, source: SourceId, set: AttributeId, withMed: boolean): AttributeId {
    const { store, sources } = this.#locRib;
    const attributes = store.attributes(set);
    const peer = sources.peer(source);
    if (forbiddenBy({ attributes, source: peer }, this.#view) !== undefined) return NONE;
    const shaped = shape(family, attributes, peer, withMed, this.#view);
    if ("refusal" in shaped) return NONE;
    const made = store.acquire(shaped.attributes);
    if (this.#fits(family, made)) return made;
    store.release(made);
    return NONE;
  }

  #fits(family: Family, set: AttributeId): boolean {
    const { store } = this.#locRib;
    if (this.#codec.as4) return canonicalFits(store.bytes(set), family, this.#codec);
    return fits(store.attributes(set), family, this.#codec);
  }
}
