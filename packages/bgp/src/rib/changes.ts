import type { CodecContext } from "../wire/context.ts";
import type { AttributeId } from "./attribute-store.ts";
import { Bundle, type Packed } from "./bundle.ts";
import { NONE } from "./columns.ts";
import type { LocRib } from "./loc-rib.ts";
import type { PrefixId } from "./prefix-table.ts";
import { OWN, type SourceId } from "./sources.ts";

/** What has changed in a group's Adj-RIB-Out in one turn, as messages for all, and messages for the few it concerns alone. */
export class Changes {
  readonly shared: Bundle;
  /** For members that cannot be told now, in the order of change; those in `gone` were withdrawn. */
  readonly prefixes: PrefixId[] = [];
  readonly localIds: number[] = [];
  readonly gone: boolean[] = [];
  readonly #own = new Map<SourceId, Bundle>();
  readonly #locRib: LocRib;
  readonly #codec: CodecContext;
  readonly #members: ReadonlySet<SourceId>;
  readonly #listed: boolean;

  /**
   * `members`: the sources that are in the group; others are not told anyway. `listed`: whether there are members that cannot be
   * told now.
   */
  constructor(locRib: LocRib, codec: CodecContext, members: ReadonlySet<SourceId>, listed: boolean) {
    this.#locRib = locRib;
    this.#codec = codec;
    this.#members = members;
    this.#listed = listed;
    this.shared = new Bundle(locRib, codec);
  }

  get isEmpty(): boolean {
    return this.shared.isEmpty && this.#own.size === 0;
  }

  /**
   * Puts a change of attributes or source where it belongs; NONE: there were none, or are none any more. That is into the messages for all, from which the route's source is left out, and, where that
   * source is another than before, into messages for the two that it concerns.
   */
  add(
    prefix: PrefixId,
    localId: number,
    before: AttributeId,
    beforeSource: SourceId,
    after: AttributeId,
    afterSource: SourceId,
  ): void {
    if (this.#listed) this.#list(prefix, localId, after === NONE);
    if (after === NONE) {
      this.shared.withdraw(prefix, localId, this.#member(beforeSource));
      return;
    }
    const from = this.#member(beforeSource);
    const to = this.#member(afterSource);
    const moved = before !== NONE && from !== to;
    if (before !== after) this.shared.announce(prefix, localId, after, to);
    else if (moved && from !== OWN) this.#bundle(from).announce(prefix, localId, after, OWN);
    // The new source was told of the route by way of another: that is over.
    if (moved && to !== OWN) this.#bundle(to).withdraw(prefix, localId, OWN);
  }

  /** What only the peer with this number is told. */
  ownOf(source: SourceId): Packed | undefined {
    return this.#own.get(source)?.pack();
  }

  #list(prefix: PrefixId, localId: number, gone: boolean): void {
    this.prefixes.push(prefix);
    this.localIds.push(localId);
    this.gone.push(gone);
  }

  #member(source: SourceId): SourceId {
    return this.#members.has(source) ? source : OWN;
  }

  #bundle(source: SourceId): Bundle {
    const bundle = this.#own.get(source) ?? new Bundle(this.#locRib, this.#codec);
    this.#own.set(source, bundle);
    return bundle;
  }
}
