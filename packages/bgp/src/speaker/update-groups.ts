import type { Family } from "@ocicat/net";
import { acceptAll, type Policy } from "../filter/policy.ts";
import type { AttributeStore } from "../rib/attribute-store.ts";
import type { ExplainedExport } from "../rib/explain.ts";
import { type ExportView, exportPath } from "../rib/export.ts";
import type { LocRib } from "../rib/loc-rib.ts";
import type { Destination } from "../rib/path.ts";
import { UpdateGroup } from "../rib/update-group.ts";
import type { Negotiated } from "../session/negotiate.ts";
import type { Peer } from "./peer.ts";

export interface UpdateGroupsOptions {
  readonly locRib: LocRib;
  readonly store: AttributeStore;
  readonly deferred: () => boolean;
  readonly complete: () => boolean;
}

const NO_RULE = "nothing keeps it back";

/** Puts peers that are told the same into one update group, and takes empty groups down. */
export class UpdateGroups {
  readonly #options: UpdateGroupsOptions;
  readonly #groups = new Map<string, UpdateGroup>();
  readonly #ofPeer = new Map<Peer, { readonly key: string; readonly group: UpdateGroup }>();
  readonly #policyNumbers = new Map<Policy, number>();

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
    if (place === undefined || negotiated === undefined || place.key === this.#key(viewOf(peer), negotiated)) return;
    const next = this.#enter(peer, negotiated);
    next.take(peer, place.group);
    this.#dropIfEmpty(place);
  }

  /** What the peer is told of a destination. */
  explain(peer: Peer, destination: Destination | undefined): ExplainedExport {
    const { name } = peer.peer;
    const untold = (why: string) => ({ peer: name, attributes: undefined, why });
    const path = destination?.selected?.best;
    if (destination === undefined || path === undefined) return untold("there is no path that can be used");
    const { prefix } = destination;
    if (peer.negotiated === undefined) return untold("the session is not up");
    if (!peer.negotiated.families.includes(prefix.family)) return untold(`the session carries no IPv${prefix.family}`);
    if (path.source === peer.peer) return untold("learned from this peer");
    if (path.source !== undefined && this.#options.deferred()) return untold("learned while this speaker restarts");
    const verdict = exportPath(prefix, path, viewOf(peer));
    if ("refusal" in verdict) return untold(verdict.refusal);
    return { peer: name, attributes: verdict.attributes, why: verdict.by ?? NO_RULE };
  }

  #enter(peer: Peer, negotiated: Negotiated): UpdateGroup {
    const view = viewOf(peer);
    const key = this.#key(view, negotiated);
    const group = this.#groups.get(key) ?? this.#create(view, negotiated);
    this.#groups.set(key, group);
    this.#ofPeer.set(peer, { key, group });
    return group;
  }

  #create(view: ExportView, { families, codec }: Negotiated): UpdateGroup {
    return new UpdateGroup({ ...this.#options, view, families, codec });
  }

  #dropIfEmpty({ key, group }: { readonly key: string; readonly group: UpdateGroup }): void {
    if (group.members > 0) return;
    group.dissolve();
    this.#groups.delete(key);
  }

  #key({ peer, nextHopMode, self, policy }: ExportView, { families, codec }: Negotiated): string {
    const { as4, maxMessage } = codec;
    const own = families.map((family) => [family, self[family]?.toString() ?? null]);
    // Only a policy can tell apart external peers of different ASs.
    const remoteAs = policy === acceptAll ? 0 : peer.remoteAs;
    return JSON.stringify([{ ...peer, remoteAs }, nextHopMode, own, this.#policyNumber(policy), as4, maxMessage]);
  }

  #policyNumber(policy: Policy): number {
    const number = this.#policyNumbers.get(policy) ?? this.#policyNumbers.size;
    this.#policyNumbers.set(policy, number);
    return number;
  }
}

function viewOf({ config, localAddress, peer }: Peer): ExportView {
  const self: Partial<Record<Family, NonNullable<typeof localAddress>>> = {};
  if (localAddress !== undefined) self[typeof localAddress === "number" ? 4 : 6] = localAddress;
  return {
    peer: { internal: peer.internal, localAs: config.session.localAs, remoteAs: config.session.remoteAs },
    nextHopMode: config.nextHopMode,
    self: { ...self, ...config.ownNextHop },
    policy: config.exportPolicy,
  };
}
