import { type Family, isLinkLocal, type Prefix } from "@ocicat/net";
import { acceptAll, type Policy } from "../filter/policy.ts";
import type { ExplainedExport } from "../rib/explain.ts";
import { type ExportView, exportPath } from "../rib/export.ts";
import type { LocRib } from "../rib/loc-rib.ts";
import { OWN } from "../rib/sources.ts";
import { UpdateGroup } from "../rib/update-group.ts";
import type { Negotiated } from "../session/negotiate.ts";
import { FAMILIES } from "../wire/family.ts";
import type { Peer } from "./peer.ts";

export interface UpdateGroupsOptions {
  readonly locRib: LocRib;
  readonly deferred: () => boolean;
  readonly complete: () => boolean;
}

const NO_RULE = "nothing keeps it back";

/** Puts peers that are told the same into one update group, and takes empty groups down. */
export class UpdateGroups {
  readonly #options: UpdateGroupsOptions;
  readonly #groups = new Map<string, UpdateGroup>();
  readonly #ofPeer = new Map<Peer, { readonly key: string; readonly group: UpdateGroup }>();
  readonly #policyNumbers = new WeakMap<Policy, number>();
  #policies = 0;

  constructor(options: UpdateGroupsOptions) {
    this.#options = options;
  }

  get all(): IterableIterator<UpdateGroup> {
    return this.#groups.values();
  }

  of(peer: Peer): UpdateGroup | undefined {
    return this.#ofPeer.get(peer)?.group;
  }

  /** A session has come up: the peer is told everything. */
  join(peer: Peer, negotiated: Negotiated): void {
    this.leave(peer);
    this.#enter(peer, negotiated)?.join(peer);
  }

  /** The session has ended. */
  leave(peer: Peer): void {
    const place = this.#ofPeer.get(peer);
    if (place === undefined) return;
    this.#ofPeer.delete(peer);
    place.group.leave(peer);
    this.#dropIfEmpty(place);
  }

  /** The peer's configuration has changed under a session: if its view has, it is told the difference. */
  move(peer: Peer): void {
    const place = this.#ofPeer.get(peer);
    const { negotiated } = peer;
    if (place === undefined || negotiated === undefined || place.key === this.#key(peer, negotiated)) return;
    const next = this.#enter(peer, negotiated);
    next.take(peer, place.group);
    this.#dropIfEmpty(place);
  }

  /** What the peer is told of a prefix. */
  explain(peer: Peer, prefix: Prefix): ExplainedExport {
    const { locRib, deferred } = this.#options;
    const { name } = peer.peer;
    const untold = (why: string) => ({ peer: name, attributes: undefined, why });
    const id = locRib.prefixes.find(prefix);
    const best = id === undefined ? undefined : locRib.told(id);
    if (id === undefined || best === undefined) return untold("there is no path that can be used");
    const { negotiated } = peer;
    if (negotiated === undefined) return untold("the session is not up");
    if (!negotiated.families.includes(prefix.family)) return untold(`the session carries no IPv${prefix.family}`);
    if (best.source === peer.source) return untold("learned from this peer");
    if (best.source !== OWN && deferred()) return untold("learned while this speaker restarts");
    const attributes = locRib.store.attributes(best.set);
    const path = { attributes, source: locRib.sources.peer(best.source), origin: locRib.originOf(id) };
    const verdict = exportPath(prefix, path, viewOf(peer, negotiated));
    if ("refusal" in verdict) return untold(verdict.refusal);
    return { peer: name, attributes: verdict.attributes, why: verdict.by ?? NO_RULE };
  }

  #enter(peer: Peer, negotiated: Negotiated): UpdateGroup {
    const key = this.#key(peer, negotiated);
    const group = this.#groups.get(key) ?? this.#create(peer, negotiated);
    this.#groups.set(key, group);
    this.#ofPeer.set(peer, { key, group });
    return group;
  }

  #create(peer: Peer, negotiated: Negotiated): UpdateGroup {
    const { families, codec } = negotiated;
    const { mostPaths } = peer.config;
    return new UpdateGroup({ ...this.#options, view: viewOf(peer, negotiated), families, codec, mostPaths });
  }

  #dropIfEmpty({ key, group }: { readonly key: string; readonly group: UpdateGroup }): void {
    if (group.members > 0) return;
    group.dissolve();
    this.#groups.delete(key);
  }

  /** Equal for peers that are told the same in the same form. */
  #key(peer: Peer, negotiated: Negotiated): string {
    const { policy, self, linkLocal, sharedNetworks = [], peer: other, ...view } = viewOf(peer, negotiated);
    const { codec } = negotiated;
    const own = [...FAMILIES.map((family) => self[family]), linkLocal].map((address) => address?.toString() ?? null);
    // Only a policy can tell apart external peers of different ASs.
    const remoteAs = policy === acceptAll ? 0 : other.remoteAs;
    const shared = sharedNetworks.map(String);
    return JSON.stringify([
      view,
      { ...other, remoteAs },
      own,
      shared,
      this.#policyNumber(policy),
      codec,
      peer.config.mostPaths,
    ]);
  }

  #policyNumber(policy: Policy): number {
    const number = this.#policyNumbers.get(policy) ?? this.#policies++;
    this.#policyNumbers.set(policy, number);
    return number;
  }
}

function viewOf({ config, localAddress, peer }: Peer, { role, remote, extendedNextHop }: Negotiated): ExportView {
  const self: Partial<Record<Family, NonNullable<typeof localAddress>>> = {};
  if (localAddress !== undefined) self[typeof localAddress === "number" ? 4 : 6] = localAddress;
  const isOnLink = config.link !== undefined && localAddress !== undefined && isLinkLocal(localAddress);
  return {
    linkLocal: isOnLink ? localAddress : undefined,
    peer: { internal: peer.internal, localAs: config.session.localAs, remoteAs: config.session.remoteAs },
    nextHopMode: config.nextHopMode,
    self: { ...self, ...config.ownNextHop },
    policy: config.exportPolicy,
    clusterId: config.clusterId,
    reflectorClient: config.reflectorClient,
    role,
    // RFC 9494 §4.3: who knows of stale routes says so, also without one of its own that could become stale.
    longLived: remote.capabilities.longLived !== undefined,
    extendedNextHop,
    sharedNetworks: config.sharedNetworks,
  };
}
