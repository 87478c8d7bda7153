import type { Family } from "@ocicat/net";
import type { CodecContext } from "../wire/context.ts";
import { packEndOfRib } from "../wire/pack.ts";
import { encodeRouteRefresh, REFRESH } from "../wire/route-refresh.ts";
import type { AdjRibOut, OutId } from "./adj-rib-out.ts";
import { Bundle, type Packed } from "./bundle.ts";
import type { Changes } from "./changes.ts";
import { NONE } from "./columns.ts";
import { IdQueue } from "./id-queue.ts";
import type { LocRib } from "./loc-rib.ts";
import type { PrefixId } from "./prefix-table.ts";
import { OWN, type SourceId } from "./sources.ts";

/** A peer of a group, on an Established session. */
export interface Member {
  /** Its number as a source: it is not told what it has told. */
  readonly source: SourceId;
  /** Whole UPDATEs, and how many. False: the connection is full; `drained` is called on the group when it has room again. */
  send(bytes: Uint8Array, updates: number): boolean;
}

export interface SeatOptions {
  readonly locRib: LocRib;
  readonly codec: CodecContext;
  readonly families: readonly Family[];
}

/**
 * A member's place in a group. One that is level gets the group's messages. One that has just come, or whose connection was
 * full, has a backlog of prefixes instead, and is told their newest state when it can take it: a slow peer costs a number a
 * prefix, and not a queue of messages.
 */
export class Seat {
  readonly member: Member;
  full = false;
  /** Families that the member waits for the end of (RFC 4724 §2). */
  readonly #owesEndOfRib: Set<Family>;
  /** Families that are being told again, with the end to be marked (RFC 7313). */
  readonly #refreshing = new Set<Family>();
  readonly #out: AdjRibOut;
  readonly #locRib: LocRib;
  readonly #codec: CodecContext;
  readonly #backlog = new IdQueue();
  /** What the member knows from another group, of prefixes in the backlog. */
  #told: AdjRibOut | undefined;
  /** RFC 7911: numbers of paths to prefixes in the backlog that were withdrawn meanwhile. */
  readonly #gone = new Map<PrefixId, Set<number>>();

  /** Everything that was announced is the backlog to begin with. */
  constructor(member: Member, out: AdjRibOut, { locRib, codec, families }: SeatOptions) {
    this.member = member;
    this.#owesEndOfRib = new Set(families);
    this.#out = out;
    this.#locRib = locRib;
    this.#codec = codec;
    this.#deferAll(out);
  }

  /** There is something to send, and room for it. */
  get pending(): boolean {
    return !this.full && this.#backlog.size + this.#refreshing.size > 0;
  }

  /** It was told all there is. */
  get isLevel(): boolean {
    return !this.full && this.#backlog.size === 0;
  }

  /** The member was told what another group has told, but for the backlog that it had there. */
  knows(out: AdjRibOut, there: Seat): void {
    this.#told = out.clone();
    for (const prefix of there.#backlog) {
      this.#told.removeAll(prefix);
      this.#defer(prefix);
    }
    for (const [prefix, ids] of there.#gone) for (const id of ids) this.#goneFrom(prefix, id);
    this.#deferAll(this.#told);
    for (const family of this.#owesEndOfRib) if (!there.#owesEndOfRib.has(family)) this.#owesEndOfRib.delete(family);
    for (const family of there.#refreshing) this.#refreshing.add(family);
    this.full = there.full;
  }

  leave(): void {
    for (let prefix = this.#backlog.take(); prefix !== undefined; prefix = this.#backlog.take())
      this.#locRib.prefixes.letGo(prefix);
    this.#told?.clear();
    this.#told = undefined;
  }

  /** Everything of a family has to be told again. */
  refresh(family: Family, bracketed: boolean): void {
    if (bracketed && !this.#owesEndOfRib.has(family)) {
      this.#control(encodeRouteRefresh({ type: "route-refresh", family, subtype: REFRESH.begin }));
      this.#refreshing.add(family);
    }
    const { prefixes } = this.#locRib;
    for (const prefix of this.#out.prefixes()) {
      if (prefixes.familyOf(prefix) !== family || !this.#isToldOf(this.#out, prefix)) continue;
      this.#forgetTold(prefix);
      this.#defer(prefix);
    }
  }

  defer(changes: Changes): void {
    for (const [index, prefix] of changes.prefixes.entries()) {
      this.#defer(prefix);
      if (this.#withIds(prefix) && changes.gone[index] === true) this.#goneFrom(prefix, changes.localIds[index] ?? 0);
    }
  }

  /** Sends the state of up to `limit` prefixes of the backlog. */
  catchUp(limit: number): void {
    if (!this.pending) return;
    const bundle = new Bundle(this.#locRib, this.#codec);
    const taken: PrefixId[] = [];
    while (taken.length < limit) {
      const prefix = this.#backlog.take();
      if (prefix === undefined) break;
      this.#bring(prefix, bundle);
      taken.push(prefix);
    }
    this.send(bundle.pack());
    for (const prefix of taken) this.#locRib.prefixes.letGo(prefix);
    if (this.#backlog.size > 0) return;
    this.#told?.clear();
    this.#told = undefined;
    this.#sendEndOfRefresh();
  }

  /** RFC 4724 §2: once, when the member has been told all there was. */
  sendEndOfRib(): void {
    if (this.#owesEndOfRib.size === 0 || !this.isLevel) return;
    for (const family of this.#owesEndOfRib) {
      const message = packEndOfRib(family);
      this.#transmit(message, 0, message.length, 1);
    }
    this.#owesEndOfRib.clear();
  }

  /**
   * What is there for this member, messages that lie side by side in one piece. A batch at hand is sent even if the connection
   * is full: it is small, and the next one waits.
   */
  send({ bytes, runs }: Packed): void {
    let start = 0;
    let end = 0;
    let updates = 0;
    for (const run of runs) {
      if (run.except !== OWN && run.except === this.member.source) continue;
      if (run.start !== end) {
        this.#transmit(bytes, start, end, updates);
        start = run.start;
        updates = 0;
      }
      end = run.end;
      updates += run.updates;
    }
    this.#transmit(bytes, start, end, updates);
  }

  #sendEndOfRefresh(): void {
    if (this.full) return;
    for (const family of this.#refreshing)
      this.#control(encodeRouteRefresh({ type: "route-refresh", family, subtype: REFRESH.end }));
    this.#refreshing.clear();
  }

  #control(message: Uint8Array): void {
    this.#transmit(message, 0, message.length, 0);
  }

  #transmit(bytes: Uint8Array, start: number, end: number, updates: number): void {
    if (start < end && !this.member.send(bytes.subarray(start, end), updates)) this.full = true;
  }

  /** Tells the difference between what the member was told of a prefix and what the group has told. */
  #bring(prefix: PrefixId, bundle: Bundle): void {
    const out = this.#out;
    const withIds = this.#withIds(prefix);
    let any = false;
    for (let row = out.first(prefix); row !== NONE; row = out.next(row)) {
      if (this.#isFrom(out, row)) continue;
      const localId = out.localId[row] ?? 0;
      const set = out.set[row] ?? NONE;
      if (set !== this.#toldSet(prefix, localId)) bundle.announce(prefix, localId, set, OWN);
      this.#gone.get(prefix)?.delete(localId);
      any = true;
    }
    if (withIds) this.#withdrawIds(prefix, bundle);
    else if (!any) bundle.withdraw(prefix, 0, OWN);
    this.#gone.delete(prefix);
    this.#forgetTold(prefix);
  }

  /** RFC 7911: whatever the member may know of a prefix and the group does not tell it. */
  #withdrawIds(prefix: PrefixId, bundle: Bundle): void {
    const ids = new Set(this.#gone.get(prefix));
    const [told, out] = [this.#told, this.#out];
    for (let row = told?.first(prefix) ?? NONE; told !== undefined && row !== NONE; row = told.next(row)) {
      if (!this.#isFrom(told, row)) ids.add(told.localId[row] ?? 0);
    }
    for (const id of ids) {
      const row = out.find(prefix, id);
      if (row === NONE || this.#isFrom(out, row)) bundle.withdraw(prefix, id, OWN);
    }
  }

  #toldSet(prefix: PrefixId, localId: number): number {
    const told = this.#told;
    const row = told?.find(prefix, localId) ?? NONE;
    if (told === undefined || row === NONE || this.#isFrom(told, row)) return NONE;
    return told.set[row] ?? NONE;
  }

  #forgetTold(prefix: PrefixId): void {
    this.#told?.removeAll(prefix);
  }

  #deferAll(out: AdjRibOut): void {
    for (const prefix of out.prefixes()) if (this.#isToldOf(out, prefix)) this.#defer(prefix);
  }

  /** Whether there is a route that did not come from the member itself. */
  #isToldOf(out: AdjRibOut, prefix: PrefixId): boolean {
    let row = out.first(prefix);
    while (row !== NONE && this.#isFrom(out, row)) row = out.next(row);
    return row !== NONE;
  }

  #isFrom(out: AdjRibOut, row: OutId): boolean {
    return out.source[row] === this.member.source;
  }

  #defer(prefix: PrefixId): void {
    if (this.#backlog.add(prefix)) this.#locRib.prefixes.holdAgain(prefix);
  }

  #goneFrom(prefix: PrefixId, localId: number): void {
    const ids = this.#gone.get(prefix) ?? new Set();
    this.#gone.set(prefix, ids.add(localId));
  }

  #withIds(prefix: PrefixId): boolean {
    return this.#codec.addPath[this.#locRib.prefixes.familyOf(prefix)]?.send === true;
  }
}
