import type { Family, Prefix } from "@ocicat/net";
import type { Policy, PolicyPeer } from "../filter/policy.ts";
import { COMMUNITY } from "../wire/attributes/communities.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { AttributeSet, AttributeStore } from "./attribute-store.ts";
import { applyPolicy, refuseAttributes, refusePrefix, type Self } from "./import.ts";
import type { LocRib } from "./loc-rib.ts";
import type { Destination, Path, RibPeer } from "./path.ts";

export interface AdjRibInOptions {
  readonly peer: RibPeer;
  readonly locRib: LocRib;
  readonly store: AttributeStore;
  readonly self: Self;
  readonly policy: Policy;
}

/** All that a peer has announced, also what was refused: the reason can be shown, and another policy can take it in. */
export class AdjRibIn {
  readonly #peer: RibPeer;
  readonly #locRib: LocRib;
  readonly #store: AttributeStore;
  readonly #view: PolicyPeer;
  #self: Self;
  #policy: Policy;
  readonly #paths = new Map<Destination, Path>();
  #accepted = 0;
  #stale = 0;

  constructor({ peer, locRib, store, self, policy }: AdjRibInOptions) {
    this.#peer = peer;
    this.#locRib = locRib;
    this.#store = store;
    this.#self = self;
    this.#policy = policy;
    this.#view = { internal: peer.internal, localAs: self.localAs, remoteAs: peer.as };
  }

  get size(): number {
    return this.#paths.size;
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

  announce(prefixes: readonly Prefix[], attributes: PathAttributes): void {
    const received = this.#store.acquire(attributes);
    const refusal = refuseAttributes(received.attributes, this.#peer, this.#self);
    for (const prefix of prefixes) this.#put(this.#locRib.destination(prefix), received, refusal);
    this.#store.release(received);
  }

  withdraw(prefixes: readonly Prefix[]): void {
    for (const prefix of prefixes) {
      const destination = this.#locRib.find(prefix);
      if (destination !== undefined) this.#drop(destination);
    }
  }

  /** RFC 4724 §4.2: keeps the routes of a family over the peer's restart. What was stale already did not come back in time. */
  markStale(family: Family): void {
    this.#removeStale(family);
    for (const [destination, path] of this.#paths) {
      if (destination.prefix.family !== family) continue;
      path.stale = true;
      this.#stale += 1;
    }
  }

  /** RFC 7313 §4: the peer is about to tell all of a family again; what it will not have told by `sweepStale` is gone. */
  markRefreshing(family: Family): void {
    for (const [destination, path] of this.#paths) {
      if (destination.prefix.family !== family || path.stale) continue;
      path.stale = true;
      this.#stale += 1;
    }
  }

  /**
   * RFC 9494 §4.3: what is stale of a family carries LLGR_STALE from now on, which makes it the last resort; routes that must
   * not live long (NO_LLGR) are dropped.
   */
  markLongLived(family: Family): void {
    for (const [destination, path] of this.#paths) {
      if (!path.stale || destination.prefix.family !== family) continue;
      const { attributes } = path.received;
      const { communities = [] } = attributes;
      if (communities.includes(COMMUNITY.noLlgr)) this.#drop(destination);
      else if (!communities.includes(COMMUNITY.llgrStale)) {
        const marked = this.#store.acquire({ ...attributes, communities: [...communities, COMMUNITY.llgrStale] });
        const refusal = refuseAttributes(marked.attributes, this.#peer, this.#self);
        this.#set(destination, path, this.#judge(destination, marked, refusal, true));
        this.#store.release(marked);
      }
    }
  }

  /** Drops what is stale of a family; how many that were. */
  sweepStale(family: Family): number {
    return this.#removeStale(family);
  }

  clear(family?: Family): void {
    for (const destination of this.#paths.keys()) {
      if (family === undefined || destination.prefix.family === family) this.#drop(destination);
    }
  }

  /** Judges all routes again, under another policy or another self. */
  reapply(policy: Policy, self: Self): void {
    this.#policy = policy;
    this.#self = self;
    for (const [destination, path] of this.#paths) {
      const refusal = refuseAttributes(path.received.attributes, this.#peer, self);
      this.#set(destination, path, this.#judge(destination, path.received, refusal, path.stale));
    }
  }

  /** The peer's identifier counts in the decision process: all its routes must be looked at again. */
  identifierChanged(): void {
    for (const destination of this.#paths.keys()) this.#locRib.markDirty(destination);
  }

  #put(destination: Destination, received: AttributeSet, refusal: string | undefined): void {
    const previous = this.#paths.get(destination);
    if (previous !== undefined && previous.received === received) {
      this.#refreshed(previous);
      return;
    }
    this.#set(destination, previous, this.#judge(destination, received, refusal, false));
  }

  /** Announced again unchanged: nothing to decide, and no longer stale. */
  #refreshed(path: Path): void {
    if (path.stale) this.#stale -= 1;
    path.stale = false;
  }

  #judge(destination: Destination, received: AttributeSet, refusal: string | undefined, stale: boolean): Path {
    const { prefix } = destination;
    const common = refusal ?? refusePrefix(prefix);
    const verdict =
      common === undefined
        ? applyPolicy(this.#policy, prefix, received.attributes, this.#peer, this.#view)
        : { refusal: common };
    return {
      source: this.#peer,
      origin: undefined,
      received: this.#store.hold(received),
      accepted: "attributes" in verdict ? this.#intern(verdict.attributes, received) : undefined,
      refusal: "refusal" in verdict ? verdict.refusal : undefined,
      stale,
    };
  }

  #intern(attributes: PathAttributes, received: AttributeSet): AttributeSet {
    return attributes === received.attributes ? this.#store.hold(received) : this.#store.acquire(attributes);
  }

  #set(destination: Destination, previous: Path | undefined, path: Path): void {
    this.#forget(previous);
    this.#paths.set(destination, path);
    if (path.accepted !== undefined) this.#accepted += 1;
    if (path.stale) this.#stale += 1;
    this.#locRib.replace(destination, previous, path);
  }

  #drop(destination: Destination): void {
    const path = this.#paths.get(destination);
    if (path === undefined) return;
    this.#forget(path);
    this.#paths.delete(destination);
    this.#locRib.replace(destination, path, undefined);
  }

  #forget(path: Path | undefined): void {
    if (path === undefined) return;
    if (path.accepted !== undefined) this.#accepted -= 1;
    if (path.stale) this.#stale -= 1;
    this.#store.release(path.received);
    this.#store.release(path.accepted);
  }

  #removeStale(family: Family): number {
    const gone = [...this.#paths].filter(([destination, path]) => path.stale && destination.prefix.family === family);
    for (const [destination] of gone) this.#drop(destination);
    return gone.length;
  }
}
