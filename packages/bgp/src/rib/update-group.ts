import type { Family, Prefix } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { CodecContext } from "../wire/context.ts";
import { packEndOfRib } from "../wire/pack.ts";
import { encodeRouteRefresh, REFRESH } from "../wire/route-refresh.ts";
import type { AttributeSet, AttributeStore } from "./attribute-store.ts";
import { Bundle } from "./bundle.ts";
import type { ExportView } from "./export.ts";
import { Exporter } from "./exporter.ts";
import type { LocRib } from "./loc-rib.ts";
import type { Destination, RibPeer } from "./path.ts";
import { take } from "./take.ts";

/** A peer of the group, on an Established session. */
export interface Member {
  readonly peer: RibPeer;
  /** False: the connection is full; `drained` is called on the group when it has room again. */
  send(bytes: Uint8Array): boolean;
}

export interface UpdateGroupOptions {
  readonly view: ExportView;
  readonly families: readonly Family[];
  readonly codec: CodecContext;
  readonly locRib: LocRib;
  readonly store: AttributeStore;
  /** While true, only routes of our own are announced: route selection is deferred (RFC 4724 §4.1). */
  readonly deferred: () => boolean;
  /** Whether the routes there are now are all that a new peer waits for, so that End-of-RIB may follow them. */
  readonly complete: () => boolean;
}

/** What the group is told of a destination. `source` itself is not told. */
interface Advertised {
  readonly set: AttributeSet;
  readonly source: RibPeer | undefined;
}

/**
 * A member that is level with the group gets the group's messages. One that has just come, or whose connection was full,
 * has a backlog of destinations instead, and is told their newest state when it can take it.
 */
interface Seat {
  readonly member: Member;
  readonly backlog: Set<Destination>;
  /** Destinations of the backlog that the member knows from another group, with the key of the attributes it was told. */
  readonly told: Map<Destination, string>;
  full: boolean;
  readonly owesEndOfRib: Set<Family>;
  /** Families that are being told again, with the end to be marked (RFC 7313). */
  readonly refreshing: Set<Family>;
}

/**
 * Adj-RIB-Out, shared by all peers that are told the same: what was announced is kept once, and each UPDATE encoded once.
 *
 *     Loc-RIB ─changes─► dirty ─flush─► differences to `advertised` ─pack─► bytes ─┬─► level members
 *                                                                                  └─► backlog of the others
 */
export class UpdateGroup {
  readonly #options: UpdateGroupOptions;
  readonly #advertised = new Map<Destination, Advertised>();
  /** How many of them each peer is the source of. */
  readonly #bySource = new Map<RibPeer, number>();
  readonly #dirty = new Set<Destination>();
  readonly #seats = new Map<Member, Seat>();
  readonly #exporter: Exporter;

  constructor(options: UpdateGroupOptions) {
    this.#options = options;
    this.#exporter = new Exporter(options.view, options.codec, options.store);
    this.reconsiderAll();
  }

  get members(): number {
    return this.#seats.size;
  }

  /** True if a further `flush` has something to do now. */
  get pending(): boolean {
    const waits = ({ full, backlog, refreshing }: Seat) => !full && backlog.size + refreshing.size > 0;
    return this.#dirty.size > 0 || this.#seats.values().some(waits);
  }

  join(member: Member): void {
    const seat: Seat = {
      member,
      backlog: new Set(),
      told: new Map(),
      full: false,
      owesEndOfRib: new Set(this.#options.families),
      refreshing: new Set(),
    };
    this.#seats.set(member, seat);
    for (const [destination, { source }] of this.#advertised)
      if (source !== member.peer) this.#defer(seat, destination);
  }

  /** Takes a member over from another group: it is told the difference between the two, and no End-of-RIB twice. */
  take(member: Member, from: UpdateGroup): void {
    this.join(member);
    const seat = this.#seats.get(member);
    const old = from.#seats.get(member);
    if (seat === undefined || old === undefined) return;
    for (const [destination, { set, source }] of from.#advertised) {
      if (source === member.peer || old.backlog.has(destination)) continue;
      seat.told.set(destination, set.key);
      this.#defer(seat, destination);
    }
    for (const destination of old.backlog) this.#defer(seat, destination);
    for (const family of this.#options.families) if (!old.owesEndOfRib.has(family)) seat.owesEndOfRib.delete(family);
    for (const family of old.refreshing) seat.refreshing.add(family);
    seat.full = old.full;
    from.leave(member);
  }

  leave(member: Member): void {
    const seat = this.#seats.get(member);
    if (seat === undefined) return;
    this.#seats.delete(member);
    for (const destination of seat.backlog) this.#options.locRib.letGo(destination);
  }

  /** Lets go of everything; the group is not used any more. */
  dissolve(): void {
    for (const member of this.#seats.keys()) this.leave(member);
    for (const destination of this.#dirty) this.#options.locRib.letGo(destination);
    for (const [destination, { set }] of this.#advertised) {
      this.#options.locRib.letGo(destination);
      this.#options.store.release(set);
    }
    this.#dirty.clear();
    this.#advertised.clear();
  }

  /** The selection of a destination has changed. */
  consider(destination: Destination): void {
    if (this.#dirty.has(destination) || !this.#options.families.includes(destination.prefix.family)) return;
    this.#dirty.add(destination);
    this.#options.locRib.hold(destination);
  }

  /** What is announced may have changed for any destination. */
  reconsiderAll(): void {
    for (const destination of this.#options.locRib.destinations()) this.consider(destination);
  }

  /**
   * Tells a member everything of a family again (RFC 2918). `bracketed`: with marks before and after it (RFC 7313 §4), but not
   * while the first telling is still going on.
   */
  refresh(member: Member, family: Family, bracketed: boolean): void {
    const seat = this.#seats.get(member);
    if (seat === undefined) return;
    if (bracketed && !seat.owesEndOfRib.has(family)) {
      transmit(seat, encodeRouteRefresh({ type: "route-refresh", family, subtype: REFRESH.begin }));
      seat.refreshing.add(family);
    }
    for (const [destination, { source }] of this.#advertised) {
      if (destination.prefix.family !== family || source === member.peer) continue;
      seat.told.delete(destination);
      this.#defer(seat, destination);
    }
  }

  drained(member: Member): void {
    const seat = this.#seats.get(member);
    if (seat !== undefined) seat.full = false;
  }

  /** Sends what has changed, for at most `limit` destinations a member. Call again while `pending`. */
  flush(limit: number): void {
    this.#sendChanges(limit);
    for (const seat of this.#seats.values()) {
      this.#sendBacklog(seat, limit);
      this.#sendEndOfRefresh(seat);
      this.#sendEndOfRib(seat);
    }
  }

  /** How many prefixes a member is told of. */
  count(member: Member): number {
    return this.#advertised.size - (this.#bySource.get(member.peer) ?? 0);
  }

  *advertised(member: Member): IterableIterator<{ readonly prefix: Prefix; readonly attributes: PathAttributes }> {
    for (const [{ prefix }, { set, source }] of this.#advertised) {
      if (source !== member.peer) yield { prefix, attributes: set.attributes };
    }
  }

  #sendChanges(limit: number): void {
    const shared = new Bundle();
    const own = new Map<RibPeer, Bundle>();
    const changed: Destination[] = [];
    for (const destination of take(this.#dirty, limit)) {
      const before = this.#advertised.get(destination);
      const after = this.#export(destination);
      if (before?.set === after?.set && before?.source === after?.source) {
        this.#options.store.release(after?.set);
      } else {
        this.#record(destination, before, after);
        collect(destination.prefix, before, after, shared, own);
        changed.push(destination);
      }
      this.#options.locRib.letGo(destination);
    }
    if (changed.length > 0) this.#distribute(changed, shared, own);
  }

  /** The attributes to announce, held; undefined: nothing is announced. */
  #export(destination: Destination): Advertised | undefined {
    const path = destination.selected?.best;
    if (path === undefined || (path.source !== undefined && this.#options.deferred())) return undefined;
    const set = this.#exporter.export(destination.prefix, path);
    return set === undefined ? undefined : { set, source: path.source };
  }

  #record(destination: Destination, before: Advertised | undefined, after: Advertised | undefined): void {
    const { locRib, store } = this.#options;
    this.#tally(before?.source, -1);
    this.#tally(after?.source, 1);
    if (before === undefined) locRib.hold(destination);
    if (after === undefined) {
      this.#advertised.delete(destination);
      locRib.letGo(destination);
    } else {
      this.#advertised.set(destination, after);
    }
    store.release(before?.set);
  }

  #tally(source: RibPeer | undefined, change: number): void {
    if (source !== undefined) this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + change);
  }

  #distribute(changed: readonly Destination[], shared: Bundle, own: ReadonlyMap<RibPeer, Bundle>): void {
    const level: Seat[] = [];
    for (const seat of this.#seats.values()) {
      if (!seat.full && seat.backlog.size === 0) level.push(seat);
      else for (const destination of changed) this.#defer(seat, destination);
    }
    for (const seat of level) {
      const bundle = own.get(seat.member.peer);
      if (bundle !== undefined) this.#send(seat, bundle);
    }
    for (const { bytes, except } of shared.pack(this.#options.codec)) {
      for (const seat of level) if (seat.member.peer !== except) transmit(seat, bytes);
    }
  }

  /** Only when the group itself is up to date: else a route that is about to be announced would be withdrawn first. */
  #sendBacklog(seat: Seat, limit: number): void {
    if (seat.full || seat.backlog.size === 0 || this.#dirty.size > 0) return;
    const bundle = new Bundle();
    for (const destination of take(seat.backlog, limit)) {
      const entry = this.#advertised.get(destination);
      if (entry === undefined || entry.source === seat.member.peer) bundle.withdraw(destination.prefix, undefined);
      else if (entry.set.key !== seat.told.get(destination)) bundle.announce(destination.prefix, entry.set, undefined);
      seat.told.delete(destination);
      this.#options.locRib.letGo(destination);
    }
    this.#send(seat, bundle);
  }

  /** RFC 4724 §2: once, when the member has been told all there was. */
  #sendEndOfRib(seat: Seat): void {
    const { owesEndOfRib, backlog, full } = seat;
    if (owesEndOfRib.size === 0 || full || backlog.size > 0 || this.#dirty.size > 0 || !this.#options.complete())
      return;
    for (const family of owesEndOfRib) transmit(seat, packEndOfRib(family));
    owesEndOfRib.clear();
  }

  #sendEndOfRefresh(seat: Seat): void {
    const { refreshing, backlog, full } = seat;
    if (refreshing.size === 0 || full || backlog.size > 0) return;
    for (const family of refreshing) {
      transmit(seat, encodeRouteRefresh({ type: "route-refresh", family, subtype: REFRESH.end }));
    }
    refreshing.clear();
  }

  #send(seat: Seat, bundle: Bundle): void {
    for (const { bytes } of bundle.pack(this.#options.codec)) transmit(seat, bytes);
  }

  #defer(seat: Seat, destination: Destination): void {
    if (seat.backlog.has(destination)) return;
    seat.backlog.add(destination);
    this.#options.locRib.hold(destination);
  }
}

/** A message of the batch at hand is sent even if the connection is full: the batch is small, and the next one waits. */
function transmit(seat: Seat, bytes: Uint8Array): void {
  if (!seat.member.send(bytes)) seat.full = true;
}

/**
 * Puts a change where it belongs: into the messages for all, from which the route's source is left out, and, where that
 * source is another than before, into messages for the two that it concerns.
 */
function collect(
  prefix: Prefix,
  before: Advertised | undefined,
  after: Advertised | undefined,
  shared: Bundle,
  own: Map<RibPeer, Bundle>,
): void {
  if (after === undefined) {
    shared.withdraw(prefix, before?.source);
    return;
  }
  const moved = before !== undefined && before.source !== after.source;
  if (before?.set !== after.set) shared.announce(prefix, after.set, after.source);
  else if (moved && before.source !== undefined) bundleOf(own, before.source).announce(prefix, after.set, undefined);
  // The new source was told of the route by way of another: that is over.
  if (moved && after.source !== undefined) bundleOf(own, after.source).withdraw(prefix, undefined);
}

function bundleOf(own: Map<RibPeer, Bundle>, peer: RibPeer): Bundle {
  const bundle = own.get(peer) ?? new Bundle();
  own.set(peer, bundle);
  return bundle;
}
