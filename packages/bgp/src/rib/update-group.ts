import type { Family, Prefix } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { CodecContext } from "../wire/context.ts";
import { AdjRibOut, type OutId } from "./adj-rib-out.ts";
import type { AttributeId } from "./attribute-store.ts";
import { Changes } from "./changes.ts";
import { NONE } from "./columns.ts";
import type { ExportView } from "./export.ts";
import { Exporter } from "./exporter.ts";
import { IdQueue } from "./id-queue.ts";
import type { LocRib } from "./loc-rib.ts";
import type { PrefixId } from "./prefix-table.ts";
import { type Member, Seat } from "./seat.ts";
import { OWN, type SourceId } from "./sources.ts";

export interface UpdateGroupOptions {
  readonly view: ExportView;
  readonly families: readonly Family[];
  readonly codec: CodecContext;
  readonly locRib: LocRib;
  /** How many paths to a prefix are told where RFC 7911 was agreed on; all unless told. */
  readonly mostPaths?: number | undefined;
  /** While true, only routes of our own are announced: route selection is deferred (RFC 4724 §4.1). */
  readonly deferred: () => boolean;
  /** Whether the routes there are now are all that a new peer waits for, so that End-of-RIB may follow them. */
  readonly complete: () => boolean;
}

/** A route that a member was told. */
export interface AdvertisedRoute {
  readonly prefix: Prefix;
  /** RFC 7911; 0 without. */
  readonly pathId: number;
  readonly attributes: PathAttributes;
}

/**
 * Adj-RIB-Out, shared by all peers that are told the same: what was announced is kept once, and each UPDATE encoded once.
 *
 *     Loc-RIB ─changes─► dirty ─flush─► differences to Adj-RIB-Out ─pack─► bytes ─┬─► level members
 *                                                                                  └─► backlog of the others
 */
export class UpdateGroup {
  readonly #options: UpdateGroupOptions;
  readonly #locRib: LocRib;
  readonly #out: AdjRibOut;
  readonly #dirty = new IdQueue();
  readonly #seats = new Map<Member, Seat>();
  readonly #exporter: Exporter;
  /** Whether it must hear of every change of a path, not of the best only (RFC 7911). */
  readonly tellsAllPaths: boolean;

  constructor(options: UpdateGroupOptions) {
    this.#options = options;
    this.#locRib = options.locRib;
    this.#out = new AdjRibOut(options.locRib);
    this.#exporter = new Exporter(options.view, options.codec, options.locRib);
    this.tellsAllPaths = Object.values(options.codec.addPath).some((directions) => directions?.send === true);
    this.reconsiderAll();
  }

  get members(): number {
    return this.#seats.size;
  }

  /** True if a further `flush` has something to do now. */
  get pending(): boolean {
    if (this.#dirty.size > 0) return true;
    for (const seat of this.#seats.values()) if (seat.pending) return true;
    return false;
  }

  join(member: Member): void {
    this.#sit(member);
  }

  /** Takes a member over from another group: it is told the difference between the two, and no End-of-RIB twice. */
  take(member: Member, from: UpdateGroup): void {
    const old = from.#seats.get(member);
    const seat = this.#sit(member);
    if (old === undefined) return;
    seat.knows(from.#out, old);
    from.leave(member);
  }

  leave(member: Member): void {
    this.#seats.get(member)?.leave();
    this.#seats.delete(member);
  }

  /** Lets go of everything; the group is not used any more. */
  dissolve(): void {
    for (const member of this.#seats.keys()) this.leave(member);
    for (let prefix = this.#dirty.take(); prefix !== undefined; prefix = this.#dirty.take())
      this.#locRib.prefixes.letGo(prefix);
    this.#out.clear();
  }

  /** The selection of a prefix, or any of its paths, has changed. */
  consider(prefix: PrefixId): void {
    if (!this.#options.families.includes(this.#locRib.prefixes.familyOf(prefix))) return;
    if (this.#dirty.add(prefix)) this.#locRib.prefixes.holdAgain(prefix);
  }

  /** What is announced may have changed for any prefix. */
  reconsiderAll(): void {
    for (const prefix of this.#locRib.ids()) this.consider(prefix);
  }

  /**
   * Tells a member everything of a family again (RFC 2918). `bracketed`: with marks before and after it (RFC 7313 §4), but not
   * while the first telling is still going on.
   */
  refresh(member: Member, family: Family, bracketed: boolean): void {
    this.#seats.get(member)?.refresh(family, bracketed);
  }

  drained(member: Member): void {
    const seat = this.#seats.get(member);
    if (seat !== undefined) seat.full = false;
  }

  /** Sends what has changed, for at most `limit` prefixes a member. Call again while `pending`. */
  flush(limit: number): void {
    this.#sendChanges(limit);
    // Only when the group itself is up to date: else a route that is about to be announced would be withdrawn first.
    if (this.#dirty.size > 0) return;
    for (const seat of this.#seats.values()) {
      seat.catchUp(limit);
      if (this.#options.complete()) seat.sendEndOfRib();
    }
  }

  /** How many routes a member is told of. */
  count(member: Member): number {
    return this.#out.size - this.#out.countOf(member.source);
  }

  *advertised(member: Member): IterableIterator<AdvertisedRoute> {
    const { source, set, localId } = this.#out;
    for (const prefix of this.#out.prefixes()) {
      for (let row = this.#out.first(prefix); row !== NONE; row = this.#out.next(row)) {
        if (source[row] === member.source) continue;
        const attributes = this.#locRib.store.attributes(set[row] ?? NONE);
        yield { prefix: this.#locRib.prefixOf(prefix), pathId: localId[row] ?? 0, attributes };
      }
    }
  }

  #sit(member: Member): Seat {
    const { codec, families } = this.#options;
    const seat = new Seat(member, this.#out, { locRib: this.#locRib, codec, families });
    this.#seats.set(member, seat);
    return seat;
  }

  #sendChanges(limit: number): void {
    if (this.#dirty.size === 0) return;
    const members = new Set(Array.from(this.#seats.keys(), ({ source }) => source));
    const anyWaits = this.#seats.values().some((seat) => !seat.isLevel);
    const changes = new Changes(this.#locRib, this.#options.codec, members, anyWaits);
    const taken: PrefixId[] = [];
    while (taken.length < limit) {
      const prefix = this.#dirty.take();
      if (prefix === undefined) break;
      if (this.#tellsPathsOf(prefix)) this.#comparePaths(prefix, changes);
      else this.#compareBest(prefix, changes);
      taken.push(prefix);
    }
    if (!changes.isEmpty) this.#distribute(changes);
    for (const prefix of taken) this.#locRib.prefixes.letGo(prefix);
  }

  #tellsPathsOf(prefix: PrefixId): boolean {
    return this.tellsAllPaths && this.#options.codec.addPath[this.#locRib.prefixes.familyOf(prefix)]?.send === true;
  }

  #compareBest(prefix: PrefixId, changes: Changes): void {
    const source = this.#locRib.bestSource(prefix);
    const best = this.#locRib.bestSet(prefix);
    const set = best === NONE || this.#isDeferred(source) ? NONE : this.#exporter.export(prefix, source, best);
    this.#tell(prefix, 0, this.#out.first(prefix), set, source, changes);
  }

  /** RFC 7911: each path by its number in the table, which it keeps for as long as it lives. */
  #comparePaths(prefix: PrefixId, changes: Changes): void {
    const { paths, decision } = this.#locRib;
    const chosen = decision.ranked(prefix, this.#options.mostPaths ?? Number.POSITIVE_INFINITY);
    for (let row = this.#out.first(prefix); row !== NONE; ) {
      const next = this.#out.next(row);
      const localId = this.#out.localId[row] ?? 0;
      if (!chosen.includes(localId)) this.#tell(prefix, localId, row, NONE, OWN, changes);
      row = next;
    }
    for (const path of chosen) {
      const source = paths.source[path] ?? OWN;
      const accepted = paths.accepted[path] ?? NONE;
      const set = this.#isDeferred(source) ? NONE : this.#exporter.export(prefix, source, accepted);
      this.#tell(prefix, path, this.#out.find(prefix, path), set, source, changes);
    }
  }

  #isDeferred(source: SourceId): boolean {
    return source !== OWN && this.#options.deferred();
  }

  /** Brings one route of Adj-RIB-Out to `set`, which is held for that; NONE: it is told no more. */
  #tell(prefix: PrefixId, localId: number, row: OutId, set: AttributeId, source: SourceId, changes: Changes): void {
    const out = this.#out;
    const toldSet = row === NONE ? NONE : (out.set[row] ?? NONE);
    const toldSource = row === NONE ? OWN : (out.source[row] ?? OWN);
    if (set === toldSet && (source === toldSource || set === NONE)) {
      this.#locRib.store.release(set);
      return;
    }
    changes.add(prefix, localId, toldSet, toldSource, set, source);
    if (set === NONE) out.remove(prefix, row);
    else if (row === NONE) out.add(prefix, localId, set, source);
    else out.change(row, set, source);
    this.#locRib.store.release(set);
  }

  #distribute(changes: Changes): void {
    const level: Seat[] = [];
    for (const seat of this.#seats.values()) {
      if (seat.isLevel) level.push(seat);
      else seat.defer(changes);
    }
    if (level.length === 0) return;
    for (const seat of level) {
      const own = changes.ownOf(seat.member.source);
      if (own !== undefined) seat.send(own);
    }
    const shared = changes.shared.pack();
    for (const seat of level) seat.send(shared);
  }
}
