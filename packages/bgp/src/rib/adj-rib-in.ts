import type { Family, Prefix } from "@ocicat/net";
import { acceptAll, type Policy, type PolicyPeer, type Verdict } from "../filter/policy.ts";
import { COMMUNITY } from "../wire/attributes/communities.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { Nlri } from "../wire/nlri.ts";
import { type AttributeId, type AttributeStore, MARK } from "./attribute-store.ts";
import { NONE } from "./columns.ts";
import { mayBeRefused, refuseAttributes, refusePrefix, type Self, taken } from "./import.ts";
import type { LocRib } from "./loc-rib.ts";
import { PATH, type PathId, type PathTable } from "./path-table.ts";
import type { PrefixId } from "./prefix-table.ts";
import type { RibPeer, SourceId } from "./sources.ts";

export interface AdjRibInOptions {
  readonly peer: RibPeer;
  readonly locRib: LocRib;
  readonly self: Self;
  readonly policy: Policy;
}

/** A route as the peer sent it. */
export interface ReceivedRoute {
  readonly prefix: Prefix;
  /** RFC 7911; 0 without. */
  readonly pathId: number;
  readonly attributes: PathAttributes;
  /** What became of them; undefined: it was refused. */
  readonly accepted: PathAttributes | undefined;
  /** Why it was refused, or the filter's rule that let it through. */
  readonly why: string | undefined;
  readonly stale: boolean;
}

/** All that a peer has announced, also what was refused: the reason can be shown, and another policy can take it in. */
export class AdjRibIn {
  /** The peer's number in the RIB. */
  readonly source: SourceId;
  readonly #peer: RibPeer;
  readonly #locRib: LocRib;
  readonly #paths: PathTable;
  readonly #store: AttributeStore;
  readonly #view: PolicyPeer;
  #self: Self;
  #policy: Policy;
  #size = 0;
  #accepted = 0;
  #stale = 0;

  constructor({ peer, locRib, self, policy }: AdjRibInOptions) {
    this.#peer = peer;
    this.#locRib = locRib;
    this.#paths = locRib.paths;
    this.#store = locRib.store;
    this.#self = self;
    this.#policy = policy;
    this.#view = { internal: peer.internal, localAs: self.localAs, remoteAs: peer.as };
    this.source = locRib.sources.enter(peer, (path) => this.#why(path));
  }

  get size(): number {
    return this.#size;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get stale(): number {
    return this.#stale;
  }

  /** How later routes are judged; those that are there stay as they are. */
  set self(self: Self) {
    this.#self = self;
  }

  announce(nlri: Nlri, attributes: PathAttributes): void {
    const store = this.#store;
    const received = store.acquire(attributes);
    const common = this.#take(attributes, received);
    const { prefixes } = this.#locRib;
    const { packed } = nlri;
    if (packed === undefined) {
      for (const [index, prefix] of nlri.prefixes.entries())
        this.#put(prefixes.hold(prefix), nlri.pathIds?.[index] ?? 0, received, common);
    } else {
      for (const cursor = packed.cursor(); cursor.next(); ) {
        const { length, word0, word1, word2, word3 } = cursor;
        const prefix = prefixes.holdWords(packed.family, length, word0, word1, word2, word3);
        this.#put(prefix, cursor.pathId, received, common);
      }
    }
    store.release(received);
    store.release(common);
  }

  withdraw(nlri: Nlri): void {
    const { prefixes } = this.#locRib;
    const { packed } = nlri;
    if (packed === undefined) {
      for (const [index, prefix] of nlri.prefixes.entries())
        this.#withdraw(prefixes.find(prefix), nlri.pathIds?.[index] ?? 0);
    } else {
      for (const cursor = packed.cursor(); cursor.next(); ) {
        const { length, word0, word1, word2, word3 } = cursor;
        this.#withdraw(prefixes.findWords(packed.family, length, word0, word1, word2, word3), cursor.pathId);
      }
    }
  }

  /** RFC 4724 §4.2: keeps the routes of a family over the peer's restart. What was stale already did not come back in time. */
  markStale(family: Family): void {
    this.sweepStale(family);
    for (const path of this.#own(family)) {
      this.#paths.flags[path] = PATH.stale;
      this.#stale += 1;
    }
  }

  /** RFC 7313 §4: the peer is about to tell all of a family again; what it will not have told by `sweepStale` is gone. */
  markRefreshing(family: Family): void {
    for (const path of this.#own(family)) {
      const flags = this.#paths.flags[path] ?? 0;
      if ((flags & PATH.stale) === 0) this.#stale += 1;
      this.#paths.flags[path] = flags | PATH.stale;
    }
  }

  /** RFC 9494 §4.2: keeps what is stale of a family longer, as the last resort; but not what says NO_LLGR. */
  markLongLived(family: Family): void {
    const { flags, received } = this.#paths;
    for (const path of this.#own(family)) {
      if (((flags[path] ?? 0) & PATH.stale) === 0) continue;
      if (this.#store.is(received[path] ?? NONE, MARK.noLlgr)) this.#drop(path);
      else {
        flags[path] = PATH.stale | PATH.longLived;
        this.#judgeAgain(path);
      }
    }
  }

  /** Drops what is stale of a family; how many that were. */
  sweepStale(family: Family): number {
    let count = 0;
    for (const path of this.#own(family)) {
      if (((this.#paths.flags[path] ?? 0) & PATH.stale) === 0) continue;
      this.#drop(path);
      count += 1;
    }
    return count;
  }

  clear(family?: Family): void {
    for (const path of this.#own(family)) this.#drop(path);
  }

  /** Forgets all, and the peer. */
  leave(): void {
    this.clear();
    this.#locRib.sources.leave(this.source);
  }

  /** Judges all routes again, under another policy or another self. */
  reapply(policy: Policy, self: Self): void {
    this.#policy = policy;
    this.#self = self;
    for (const path of this.#own()) this.#judgeAgain(path);
  }

  /** The peer's identifier or its part in reflection has changed: all its routes must be looked at, and told of, again. */
  peerChanged(): void {
    this.#locRib.sources.changed();
    for (const path of this.#own()) this.#locRib.markDirty(this.#paths.prefix[path] ?? NONE, true);
  }

  /** Everything that the peer has sent, refused or not. */
  *routes(): IterableIterator<ReceivedRoute> {
    const paths = this.#paths;
    for (const path of this.#own()) {
      const set = paths.accepted[path] ?? NONE;
      yield {
        prefix: this.#locRib.prefixOf(paths.prefix[path] ?? NONE),
        pathId: paths.remoteId(path),
        attributes: this.#store.attributes(paths.received[path] ?? NONE),
        accepted: set === NONE ? undefined : this.#store.attributes(set),
        why: this.#why(path),
        stale: ((paths.flags[path] ?? 0) & PATH.stale) !== 0,
      };
    }
  }

  /** The peer's paths. Those that come up while it is walked may be left out. */
  *#own(family?: Family): IterableIterator<PathId> {
    const { prefixes } = this.#locRib;
    const { end } = this.#paths;
    for (let path = 1; path < end; path++) {
      const prefix = this.#paths.prefix[path] ?? NONE;
      if (prefix === NONE || this.#paths.source[path] !== this.source) continue;
      if (family === undefined || prefixes.familyOf(prefix) === family) yield path;
    }
  }

  #withdraw(prefix: PrefixId | undefined, remoteId: number): void {
    const path = prefix === undefined ? NONE : this.#paths.find(prefix, this.source, remoteId);
    if (path !== NONE) this.#drop(path);
  }

  /** The prefix is held for this call. */
  #put(prefix: PrefixId, remoteId: number, received: AttributeId, common: AttributeId): void {
    const paths = this.#paths;
    const known = paths.find(prefix, this.source, remoteId);
    if (known === NONE) {
      const path = paths.add(prefix, this.source, remoteId);
      this.#size += 1;
      this.#set(path, received, this.#accept(prefix, common));
      this.#locRib.markDirty(prefix);
    } else this.#refresh(known, prefix, received, common);
    this.#locRib.prefixes.letGo(prefix);
  }

  /** Announced again: if unchanged there is nothing to decide, and it is no longer stale. */
  #refresh(path: PathId, prefix: PrefixId, received: AttributeId, common: AttributeId): void {
    const flags = this.#paths.flags[path] ?? 0;
    if ((flags & PATH.stale) !== 0) this.#stale -= 1;
    this.#paths.flags[path] = 0;
    if (this.#paths.received[path] === received && (flags & PATH.longLived) === 0) return;
    this.#set(path, received, this.#accept(prefix, common));
    this.#locRib.markDirty(prefix);
  }

  #judgeAgain(path: PathId): void {
    const { prefix, received, flags } = this.#paths;
    const set = received[path] ?? NONE;
    const common = this.#take(this.#store.attributes(set), set);
    const id = prefix[path] ?? NONE;
    const accepted = this.#accept(id, common);
    this.#store.release(common);
    this.#set(path, set, ((flags[path] ?? 0) & PATH.longLived) === 0 ? accepted : this.#longLived(accepted));
    this.#locRib.markDirty(id);
  }

  /** What all prefixes with these attributes are judged by, held; NONE: they are refused. */
  #take(attributes: PathAttributes, received: AttributeId): AttributeId {
    if (refuseAttributes(attributes, this.#peer, this.#self) !== undefined) return NONE;
    const changed = taken(attributes, this.#peer, this.#self);
    return changed === attributes ? this.#store.hold(received) : this.#store.acquire(changed);
  }

  /** What one prefix gets, held; NONE: it is refused. */
  #accept(id: PrefixId, common: AttributeId): AttributeId {
    const { prefixes } = this.#locRib;
    if (common === NONE) return NONE;
    if (mayBeRefused(prefixes.firstByte(id)) && refusePrefix(prefixes.prefixOf(id)) !== undefined) return NONE;
    if (this.#policy === acceptAll) return this.#store.hold(common);
    const verdict = this.#ask(prefixes.prefixOf(id), common);
    if (!verdict.accept) return NONE;
    return verdict.attributes === undefined ? this.#store.hold(common) : this.#store.acquire(verdict.attributes);
  }

  #ask(prefix: Prefix, set: AttributeId): Verdict {
    const attributes = this.#store.attributes(set);
    return this.#policy({ prefix, attributes, source: this.#peer, origin: undefined }, this.#view);
  }

  /** RFC 9494 §4.2: the same with LLGR_STALE, in place of `set`. */
  #longLived(set: AttributeId): AttributeId {
    if (set === NONE || this.#store.is(set, MARK.llgrStale)) return set;
    const attributes = this.#store.attributes(set);
    const communities = [...(attributes.communities ?? []), COMMUNITY.llgrStale];
    const marked = this.#store.acquire({ ...attributes, communities });
    this.#store.release(set);
    return marked;
  }

  /** Both sets are the path's; `accepted` is held already. */
  #set(path: PathId, received: AttributeId, accepted: AttributeId): void {
    const before = this.#paths.accepted[path] ?? NONE;
    if (before !== NONE) this.#accepted -= 1;
    if (accepted !== NONE) this.#accepted += 1;
    this.#paths.set(path, this.#store.hold(received), accepted);
  }

  #drop(path: PathId): void {
    const { prefix, accepted, flags } = this.#paths;
    if (accepted[path] !== NONE) this.#accepted -= 1;
    if (((flags[path] ?? 0) & PATH.stale) !== 0) this.#stale -= 1;
    this.#size -= 1;
    this.#locRib.markDirty(prefix[path] ?? NONE);
    this.#paths.remove(path);
  }

  /** Why a path was refused, or by which rule it came in. Policies are functions of their arguments: asked again they say the same. */
  #why(path: PathId): string | undefined {
    const { prefix, received } = this.#paths;
    const attributes = this.#store.attributes(received[path] ?? NONE);
    const target = this.#locRib.prefixOf(prefix[path] ?? NONE);
    const common = refuseAttributes(attributes, this.#peer, this.#self) ?? refusePrefix(target);
    if (common !== undefined) return common;
    const asked = taken(attributes, this.#peer, this.#self);
    const route = { prefix: target, attributes: asked, source: this.#peer, origin: undefined };
    const verdict = this.#policy(route, this.#view);
    return verdict.accept ? verdict.by : verdict.reason;
  }
}
