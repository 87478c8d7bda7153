import { OcicatError, type Timer, toError } from "@ocicat/kit";
import { type Address, type Family, formatScoped, type Ipv4, type Prefix } from "@ocicat/net";
import { NONE } from "../rib/columns.ts";
import { type ExplainedExport, type Explanation, explain } from "../rib/explain.ts";
import { LocRib } from "../rib/loc-rib.ts";
import { type OriginatedRoute, OwnRoutes } from "../rib/own-routes.ts";
import { tableRows } from "../rib/table.ts";
import type { StateName } from "../session/state.ts";
import { encodeControl } from "../wire/codec.ts";
import { notification } from "../wire/notification.ts";
import { bestChange, bestRoute } from "./best-route.ts";
import type { Peer, PeerHost } from "./peer.ts";
import { PeerSet } from "./peer-set.ts";
import { RestartWindow } from "./restart-window.ts";
import type { Connection, Listener } from "./transport.ts";
import type {
  BestChange,
  BestRoute,
  DynamicPeerConfig,
  PeerConfig,
  PeerStatus,
  Speaker,
  SpeakerOptions,
} from "./types.ts";
import { UpdateGroups } from "./update-groups.ts";

const DEFAULT_DEFERRAL_S = 120;
/** Destinations decided, and sent to each peer, in one turn of the event loop: some milliseconds of work. */
const BATCH = 10_000;

/** A BGP speaker: see `Speaker` for what it does, README.md for the invariants. Throws OcicatError on a bad identifier or AS. */
export function createSpeaker(options: SpeakerOptions): Speaker {
  if (options.routerId === 0) throw badSpeaker("the BGP identifier is 0.0.0.0", "give routerId a unicast IPv4 address");
  if (!Number.isInteger(options.localAs) || options.localAs < 1 || options.localAs > 2 ** 32 - 1) {
    throw badSpeaker(`AS ${options.localAs} is not from 1 to 4294967295`, "set localAs");
  }
  return new BgpSpeaker(options);
}

/**
 *     setPeers ─► peers ─► Adj-RIB-In ─┐
 *     setOriginated ─► own routes ─────┴─► Loc-RIB ─flush─┬─► onChange
 *                                                         └─► update groups ─► peers
 *
 * All changes of one turn of the event loop are settled in one flush.
 */
class BgpSpeaker implements Speaker {
  readonly #options: SpeakerOptions;
  readonly #locRib: LocRib;
  readonly #own: OwnRoutes;
  readonly #groups: UpdateGroups;
  readonly #window: RestartWindow;
  readonly #peers: PeerSet;
  #clusterIds: readonly Ipv4[] = [];
  #listener: Listener | undefined;
  #flushTimer: Timer | undefined;
  #deferralTimer: Timer | undefined;
  #peersDeclared = false;
  #ownDeclared = false;
  #readyTold: boolean;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    this.#locRib = new LocRib({
      ...options.decision,
      resolve: options.resolveNextHop,
      // Nobody asks for what nobody is told of.
      multipath: (options.multipath ?? true) && options.onChange !== undefined,
    });
    this.#own = new OwnRoutes(this.#locRib);
    this.#window = new RestartWindow(options.restarting ?? false);
    this.#readyTold = this.#window.ready;
    this.#groups = new UpdateGroups({
      locRib: this.#locRib,
      deferred: () => !this.#window.selected,
      complete: () => this.#window.selected && this.#ownDeclared && this.#locRib.pending === 0,
    });
    this.#peers = new PeerSet({
      host: this.#createHost(),
      self: options,
      reconfigured: (peer) => this.#groups.move(peer),
    });
  }

  get routerId(): Ipv4 {
    return this.#options.routerId;
  }

  get ready(): boolean {
    return this.#readyTold;
  }

  async start(): Promise<void> {
    const { listen, transport, restarting, clock, selectionDeferralS } = this.#options;
    if (listen !== undefined && this.#listener === undefined) {
      this.#listener = await transport.listen(listen, (connection) => this.accept(connection));
      this.#protect();
    }
    if (restarting === true && !this.#window.ready) {
      this.#deferralTimer ??= clock.after(
        (selectionDeferralS ?? DEFAULT_DEFERRAL_S) * 1000,
        "selection deferral",
        () => {
          if (this.#window.expire()) this.#windowMoved();
        },
      );
    }
  }

  async stop({
    graceful = false,
    communication = "",
  }: {
    readonly graceful?: boolean;
    readonly communication?: string;
  } = {}): Promise<void> {
    this.#peersDeclared = false;
    this.#peers.removeAll(graceful ? undefined : notification("cease/shutdown", communication));
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    this.#deferralTimer?.cancel();
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.close();
  }

  setPeers(configs: readonly PeerConfig[], dynamic: readonly DynamicPeerConfig[] = []): void {
    // The restart is judged by the whole list, not by one half changed.
    const before = this.#peersDeclared;
    this.#peersDeclared = false;
    try {
      this.#peers.declare(configs, dynamic);
    } catch (error) {
      this.#peersDeclared = before;
      throw error;
    }
    this.#setClusters([...configs, ...dynamic]);
    this.#protect();
    this.#peersDeclared = true;
    this.#reviewWindow();
    this.#schedule();
  }

  setOriginated(routes: Iterable<OriginatedRoute>): void {
    this.#own.declare(routes);
    this.#ownDeclared = true;
    this.#schedule();
  }

  announce(route: OriginatedRoute): void {
    this.#own.announce(route);
    this.#schedule();
  }

  withdraw(prefix: Prefix): void {
    this.#own.withdraw(prefix);
    this.#schedule();
  }

  *routes(): IterableIterator<BestRoute> {
    for (const id of this.#locRib.ids()) {
      const route = bestRoute(this.#locRib, id);
      if (route !== undefined) yield route;
    }
  }

  status(): readonly PeerStatus[] {
    return [...this.#peers.all].map((peer) => peer.status(this.#groups.of(peer)?.count(peer) ?? 0));
  }

  explain(prefix: Prefix): Explanation {
    return explain(prefix, this.#locRib);
  }

  *prefixes(): IterableIterator<Prefix> {
    const { paths } = this.#locRib;
    for (const id of this.#locRib.ids()) if (paths.first(id) !== NONE) yield this.#locRib.prefixOf(id);
  }

  table(): ReturnType<Speaker["table"]> {
    return tableRows(this.#locRib);
  }

  explainExports(prefix: Prefix): readonly ExplainedExport[] {
    return [...this.#peers.all].map((peer) => this.#groups.explain(peer, prefix));
  }

  *advertised(name: string): ReturnType<Speaker["advertised"]> {
    const peer = this.#peers.named(name);
    if (peer !== undefined) yield* this.#groups.of(peer)?.advertised(peer) ?? [];
  }

  *received(name: string): ReturnType<Speaker["received"]> {
    yield* this.#peers.named(name)?.adjRibIn.routes() ?? [];
  }

  nextHopsChanged(nextHops?: readonly Address[]): void {
    this.#locRib.nextHopsChanged(nextHops);
    while (this.#locRib.pending > 0) this.#settle();
    this.#schedule();
  }

  requestRefresh(name: string, family: Family): boolean {
    return this.#peers.named(name)?.requestRefresh(family) ?? false;
  }

  resetPeer(name: string, communication = ""): boolean {
    const peer = this.#peers.named(name);
    peer?.reset(communication);
    return peer !== undefined;
  }

  pathDown(name: string): boolean {
    const peer = this.#peers.named(name);
    peer?.pathDown();
    return peer !== undefined;
  }

  accept(connection: Connection): void {
    const peer = this.#peers.at(connection.remote);
    if (peer !== undefined) {
      peer.offer(connection);
      return;
    }
    this.#options.logger.warning("connection from an address that is no peer's", {
      address: formatScoped({ link: undefined, ...connection.remote }),
    });
    connection.send(encodeControl(notification("cease/rejected")));
    connection.close();
  }

  #createHost(): PeerHost {
    const { clock, random, logger, transport, forwardingPreserved } = this.#options;
    const window = this.#window;
    return {
      clock,
      random,
      logger,
      transport,
      locRib: this.#locRib,
      clusterIds: () => this.#clusterIds,
      restart: {
        get restarting() {
          return !window.selected;
        },
        forwarding: forwardingPreserved ?? (() => true),
      },
      joined: (peer, negotiated) => this.#groups.join(peer, negotiated),
      left: (peer) => this.#groups.leave(peer),
      drained: (peer) => {
        this.#groups.of(peer)?.drained(peer);
        this.#schedule();
      },
      refresh: (peer, family) => {
        this.#groups.of(peer)?.refresh(peer, family, peer.negotiated?.enhancedRefresh === true);
        this.#schedule();
      },
      changed: () => {
        this.#reviewWindow();
        this.#schedule();
      },
      stateChanged: (peer, state, info) => this.#stateChanged(peer, state, info),
    };
  }

  #stateChanged(peer: Peer, state: StateName, info: string): void {
    const { logger, onPeerState } = this.#options;
    logger.debug("session state", { peer: peer.config.name, state, info });
    onPeerState?.(peer.config.name, state, info);
    // A dynamic peer may have gone.
    if (state === "Active" || state === "Idle") this.#schedule();
  }

  #setClusters(configs: readonly Pick<PeerConfig, "clusterId">[]): void {
    const before = this.#clusterIds;
    const ids = new Set(configs.flatMap(({ clusterId }) => clusterId ?? []));
    this.#clusterIds = [...ids];
    if (ids.size === before.length && before.every((id) => ids.has(id))) return;
    for (const peer of this.#peers.all) peer.clustersChanged();
  }

  /** Tells the listener what its peers have to show. What it cannot do is not a reason to have no sessions at all. */
  #protect(): void {
    try {
      this.#listener?.protect(this.#peers.protections());
    } catch (error) {
      this.#options.logger.error("connections of peers cannot be protected", { error: toError(error).message });
    }
  }

  #reviewWindow(): void {
    if (this.#peersDeclared && !this.#window.ready && this.#window.review([...this.#peers.all])) this.#windowMoved();
  }

  /** Learned routes may be announced from now on, and the owner may be told that the restart is over. */
  #windowMoved(): void {
    if (this.#window.ready) this.#deferralTimer?.cancel();
    if (this.#window.selected) for (const group of this.#groups.all) group.reconsiderAll();
    this.#schedule();
  }

  #schedule(): void {
    this.#flushTimer ??= this.#options.clock.after(0, "bgp flush", () => {
      this.#flushTimer = undefined;
      this.#flush();
    });
  }

  #settle(): void {
    const { onChange } = this.#options;
    const groups = [...this.#groups.all];
    const allPaths = groups.filter((group) => group.tellsAllPaths);
    const bestOnly = groups.filter((group) => !group.tellsAllPaths);
    const reported: BestChange[] = [];
    this.#locRib.settle(BATCH, (prefix, changed, wasLearned) => {
      for (const group of allPaths) group.consider(prefix);
      if (!changed) return;
      for (const group of bestOnly) group.consider(prefix);
      const change = onChange === undefined ? undefined : bestChange(this.#locRib, prefix, wasLearned);
      if (change !== undefined) reported.push(change);
    });
    if (reported.length > 0) onChange?.(reported);
  }

  #flush(): void {
    this.#settle();
    const groups = [...this.#groups.all];
    for (const group of groups) group.flush(BATCH);
    this.#tellReady();
    this.#peers.sweep();
    if (this.#locRib.pending > 0 || groups.some((group) => group.pending)) this.#schedule();
  }

  #tellReady(): void {
    if (this.#readyTold || !this.#window.ready || this.#locRib.pending > 0) return;
    this.#readyTold = true;
    this.#options.onReady?.();
  }
}

function badSpeaker(what: string, fix: string): OcicatError {
  return new OcicatError({ code: "BGP_SPEAKER_INVALID", where: "BGP speaker", what, fix });
}
