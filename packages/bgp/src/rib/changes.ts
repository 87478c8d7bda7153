import type { CodecContext } from "../wire/context.ts";
import { Bundle, type Packed } from "./bundle.ts";
import { NONE } from "./columns.ts";
import type { LocRib, Told } from "./loc-rib.ts";
import type { PrefixId } from "./prefix-table.ts";
import { OWN, type SourceId } from "./sources.ts";

/** What has changed in a group's Adj-RIB-Out in one turn, as messages for all, and messages for the few it concerns alone. */
export class Changes {
  readonly shared: Bundle;
  /** In the order of change; those in `gone` were withdrawn. */
  readonly prefixes: PrefixId[] = [];
  readonly localIds: number[] = [];
  readonly gone: boolean[] = [];
  readonly #own = new Map<SourceId, Bundle>();
  readonly #locRib: LocRib;
  readonly #codec: CodecContext;
  readonly #members: ReadonlySet<SourceId>;

  /** `members`: the sources that are in the group. Others are not told anyway. */
  constructor(locRib: LocRib, codec: CodecContext, members: ReadonlySet<SourceId>) {
    this.#locRib = locRib;
    this.#codec = codec;
    this.#members = members;
    this.shared = new Bundle(locRib, codec);
  }

  get isEmpty(): boolean {
    return this.prefixes.length === 0;
  }

  /**
   * Puts a change where it belongs: into the messages for all, from which the route's source is left out, and, where that
   * source is another than before, into messages for the two that it concerns.
   */
  add(prefix: PrefixId, localId: number, before: Told, after: Told): void {
    this.prefixes.push(prefix);
    this.localIds.push(localId);
    this.gone.push(after.set === NONE);
    if (after.set === NONE) {
      this.shared.withdraw(prefix, localId, this.#member(before.source));
      return;
    }
    const [from, to] = [this.#member(before.source), this.#member(after.source)];
    const moved = before.set !== NONE && from !== to;
    if (before.set !== after.set) this.shared.announce(prefix, localId, after.set, to);
    else if (moved && from !== OWN) this.#bundle(from).announce(prefix, localId, after.set, OWN);
    // The new source was told of the route by way of another: that is over.
    if (moved && to !== OWN) this.#bundle(to).withdraw(prefix, localId, OWN);
  }

  /** What only the peer with this number is told. */
  ownOf(source: SourceId): Packed | undefined {
    return this.#own.get(source)?.pack();
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
