import type { Clock, Logger, Random } from "@ocicat/kit";
import type { Address, Family, Ipv4, Prefix, ScopedAddress } from "@ocicat/net";
import type { Policy } from "../filter/policy.ts";
import type { ReceivedRoute } from "../rib/adj-rib-in.ts";
import type { DecisionOptions, NextHopResolver } from "../rib/decision.ts";
import type { ExplainedExport, Explanation } from "../rib/explain.ts";
import type { OriginatedRoute } from "../rib/own-routes.ts";
import type { TableRow } from "../rib/table.ts";
import type { AdvertisedRoute } from "../rib/update-group.ts";
import type { GracefulRestartMode, SessionTimers } from "../session/config.ts";
import type { StateName } from "../session/state.ts";
import type { Trouble } from "../session/trouble.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { AddPath, AddPathDirections, LongLivedFamily, Role } from "../wire/capabilities.ts";
import type { Connection, ConnectionSecurity, ListenOptions, Transport } from "./transport.ts";

/** One peering. What is left out has the default named. */
export interface PeerConfig {
  /** Unique among the peers; shown to people: "Mesh_192_168_0_81". */
  readonly name: string;
  /** Incoming connections are told apart by this address. */
  readonly remoteAddress: Address;
  /** The interface that the peer is on: needed where its address is link-local, and for no other. */
  readonly link?: string | undefined;
  /** 179. */
  readonly remotePort?: number | undefined;
  /** Source of the connections we dial; the system's choice. */
  readonly localAddress?: Address | undefined;
  readonly remoteAs: number;
  /** Our own AS number towards this peer; the speaker's. */
  readonly localAs?: number | undefined;
  /**
   * RFC 4456: this speaker reflects for the cluster with this identifier. Towards an internal peer only; undefined: it does not.
   */
  readonly clusterId?: Ipv4 | undefined;
  /** RFC 4456: the peer is a client of the cluster; false. */
  readonly reflectorClient?: boolean | undefined;
  /**
   * RFC 4271 §5.1.3: networks that this speaker, an external peer and others are on together. A next hop in one of them is told
   * to the peer as it is, so that packets do not make a detour; none.
   */
  readonly sharedNetworks?: readonly Prefix[] | undefined;
  /** Most paths to a prefix that the peer is told where RFC 7911 was agreed on, the best ones; all. */
  readonly mostPaths?: number | undefined;
  /** How often our own AS number may be in the AS_PATH of what this peer tells; 0, for it may be a loop. */
  readonly allowedOwnAs?: number | undefined;
  /** Wait for the peer to dial; false. See `isPassive` for Calico's rule. */
  readonly passive?: boolean | undefined;
  /** Unicast families to offer; [4]. */
  readonly families?: readonly Family[] | undefined;
  /** Our next hop towards this peer, where the session's own local address is of the other family or not wanted. */
  readonly ownNextHop?: { readonly 4?: Ipv4; readonly 6?: Address } | undefined;
  /** auto: as RFC 4271 §5.1.3 (own routes and external peers: self; else kept). */
  readonly nextHopMode?: "auto" | "self" | "keep" | undefined;
  /** Offered hold time in seconds, 0 or 3..65535; 90. */
  readonly holdTimeS?: number | undefined;
  /** Seconds between KEEPALIVEs; a third of the negotiated hold time, and never more than that. */
  readonly keepaliveS?: number | undefined;
  readonly gracefulRestart?:
    | {
        /** off: not announced. helper: keeps a restarting peer's routes. full: may also restart itself; the default. */
        readonly mode?: GracefulRestartMode | undefined;
        /** How long the peer is asked to keep our routes, 0..4095 s; 120. */
        readonly restartTimeS?: number | undefined;
        /** How long stale routes are kept after the peer is back and before its End-of-RIB; 360 s. */
        readonly stalePathTimeS?: number | undefined;
        /**
         * RFC 8538: routes are also kept where a NOTIFICATION ends the session, but for a hard reset. False: a peer that has been
         * silent for the hold time would keep its traffic for the restart time on top of that.
         */
        readonly notification?: boolean | undefined;
        /** RFC 9494: long-lived graceful restart, and how long the peer is asked to keep our routes, 0..16777215 s; off. */
        readonly longLivedS?: number | undefined;
      }
    | undefined;
  /**
   * RFC 8654: messages of up to 65,535 bytes where the peer takes them. False: FRR 8.4 agrees, and resets the session at
   * the first UPDATE that is long.
   */
  readonly extendedMessages?: boolean | undefined;
  /** RFC 8950: IPv4 routes may have IPv6 next hops; false. */
  readonly extendedNextHop?: boolean | undefined;
  /** RFC 7911: tell several paths to a prefix, take several; neither. */
  readonly addPath?: Partial<AddPathDirections> | undefined;
  /** RFC 9234: what this side is to an external peer. None. */
  readonly role?: Role | undefined;
  /** The peer must say its role; false. */
  readonly strictRole?: boolean | undefined;
  readonly timers?: Partial<SessionTimers> | undefined;
  /** acceptAll. */
  readonly importPolicy?: Policy | undefined;
  /** acceptAll. */
  readonly exportPolicy?: Policy | undefined;
  readonly security?: ConnectionSecurity | undefined;
  /** More prefixes than that end the session, with a wait before the next (RFC 4486 §4); any number. */
  readonly prefixLimit?: number | undefined;
  /** The peering is kept down, and the other operator is told why in these words, which may be none (RFC 9003); it is not. */
  readonly shutdown?: string | undefined;
  /** RFC 8326: what this peer is told carries GRACEFUL_SHUTDOWN, so that it goes elsewhere before the session ends; false. */
  readonly gracefulShutdown?: boolean | undefined;
}

/**
 * Peers that dial us from anywhere within a prefix. Each is a passive peer of its own, named after its address, for as long as
 * there is a connection or a route of it.
 */
export interface DynamicPeerConfig extends Omit<PeerConfig, "remoteAddress" | "link" | "remotePort" | "passive"> {
  readonly prefix: Prefix;
  /** How many there may be at once; 100. */
  readonly limit?: number | undefined;
}

export interface BestRoute {
  readonly prefix: Prefix;
  /**
   * What packets are handed to: distinct, ascending; more than one where paths tie up to the next hop's metric (multipath). Of a
   * peer on a link its link-local one, where it told one (RFC 2545 §3), with the link.
   */
  readonly nextHops: readonly ScopedAddress[];
  readonly attributes: PathAttributes;
  /** Name and address of the peer that the best path came from. */
  readonly peer: string;
  readonly peerAddress: ScopedAddress;
  /** The step of the decision process that chose it, for people. */
  readonly why: string;
}

/** `best` undefined: no learned route is best any more (withdrawn, refused, or a route of our own took over). */
export interface BestChange {
  readonly prefix: Prefix;
  readonly best: BestRoute | undefined;
  /** There are paths, and none whose next hop can be reached (RFC 4271 §9.1.2): the best of them, neither used nor passed on. */
  readonly unreachable: BestRoute | undefined;
}

export interface SpeakerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly transport: Transport;
  readonly localAs: number;
  /** Not zero. Calico: the node's IPv4 address. */
  readonly routerId: Ipv4;
  /** Where `start` listens; nowhere if left out. */
  readonly listen?: ListenOptions | undefined;
  /**
   * This process takes over forwarding state that an earlier one left in the kernel: OPENs carry the restart flag, and
   * `ready` waits for the peers (RFC 4724 §4.1). False: ready at once.
   */
  readonly restarting?: boolean | undefined;
  /** The kernel kept the routes of these families over the restart: the forwarding flag in OPEN. Every family unless told. */
  readonly forwardingPreserved?: ((family: Family) => boolean) | undefined;
  /**
   * RFC 8212: external peers without an import policy tell us nothing, and without an export policy are told nothing. False:
   * a policy that is left out lets everything pass.
   */
  readonly requireExternalPolicy?: boolean | undefined;
  /** Longest wait for End-of-RIBs while restarting, in seconds; 120. */
  readonly selectionDeferralS?: number | undefined;
  /** Report equally good paths as several next hops; true, as Calico's `merge paths on`. */
  readonly multipath?: boolean | undefined;
  /** What RFC 4271 leaves to the operator in the decision process. */
  readonly decision?: DecisionOptions | undefined;
  /** Reachability and metric of next hops; every next hop at metric 0 unless told. */
  readonly resolveNextHop?: NextHopResolver | undefined;
  /** Batches of changes of learned best routes, one call a turn. Must not throw. */
  readonly onChange?: ((changes: readonly BestChange[]) => void) | undefined;
  /** Once, after the last `onChange` of the restart: what the owner found in the kernel and has not been told of is stale. */
  readonly onReady?: (() => void) | undefined;
  readonly onPeerState?: ((peer: string, state: StateName, info: string) => void) | undefined;
}

export interface PeerStatus {
  readonly name: string;
  readonly remoteAddress: Address;
  /** The interface, where that is link-local. */
  readonly link: string | undefined;
  readonly remoteAs: number;
  readonly state: StateName;
  /** When the session entered or left Established, or the peer was configured: milliseconds since 1970. */
  readonly since: number;
  /** For people: "Established", or why it is not: "connection refused". */
  readonly info: string;
  /** Why it is not Established; undefined if it is, or nothing has gone wrong. `TROUBLES` knows what mends it. */
  readonly trouble: Trouble | undefined;
  /** Why the last session or attempt ended; undefined if none has. */
  readonly lastError: string | undefined;
  readonly negotiated:
    | {
        readonly routerId: Ipv4;
        readonly holdTimeS: number;
        readonly keepaliveS: number;
        readonly families: readonly Family[];
        readonly fourOctetAs: boolean;
        readonly routeRefresh: boolean;
        readonly enhancedRefresh: boolean;
        /** Both sides take part in graceful restart. */
        readonly gracefulRestart: boolean;
        /** For how long this side keeps the peer's routes while it restarts, in seconds. */
        readonly restartTimeS: number | undefined;
        /** Also where a NOTIFICATION ends the session (RFC 8538). */
        readonly restartsAfterNotification: boolean;
        /** How long the peer's routes live on after its restart time, by family (RFC 9494). */
        readonly longLived: readonly LongLivedFamily[];
        /** Which way several paths to a prefix go (RFC 7911). */
        readonly addPath: AddPath;
        /** Bytes (RFC 8654). */
        readonly maxMessage: number;
        /** Families whose routes may have IPv6 next hops (RFC 8950). */
        readonly extendedNextHop: readonly Family[];
        /** What this side is to the peer (RFC 9234). */
        readonly role: Role | undefined;
      }
    | undefined;
  /** Prefixes in its Adj-RIB-In; those that the import policy let through; those announced to it; those kept stale. */
  readonly received: number;
  readonly accepted: number;
  readonly advertised: number;
  readonly stale: number;
  /** UPDATEs since the session came up (all messages carrying routes or End-of-RIB). */
  readonly updatesIn: number;
  readonly updatesOut: number;
}

export interface Speaker {
  readonly routerId: Ipv4;
  /** Listens. Rejects with the transport's OcicatError (port taken, …); may be called again then. */
  start(): Promise<void>;
  /**
   * Ends every session and stops listening. `graceful`: without a NOTIFICATION, so that peers keep our routes over a restart
   * (RFC 4724); otherwise with Cease/Administrative Shutdown, and peers drop them. `communication`: words for their operators.
   */
  stop(options?: { readonly graceful?: boolean; readonly communication?: string }): Promise<void>;
  /**
   * Declares the peers: starts, stops and changes sessions so that these are there. Throws OcicatError, changing nothing, on
   * a bad list. An address that is a peer's own is no dynamic peer's; of several prefixes the longest counts. While restarting, already the first list must be whole: the restart is over when all of its peers are heard.
   */
  setPeers(peers: readonly PeerConfig[], dynamic?: readonly DynamicPeerConfig[]): void;
  /** Declares all own routes. End-of-RIB is not sent before the first call. Throws OcicatError on a prefix given twice. */
  setOriginated(routes: Iterable<OriginatedRoute>): void;
  announce(route: OriginatedRoute): void;
  withdraw(prefix: Prefix): void;
  /** False while a restart waits for its peers. */
  readonly ready: boolean;
  /** Best learned routes, as `onChange` has reported them. */
  routes(): IterableIterator<BestRoute>;
  status(): readonly PeerStatus[];
  explain(prefix: Prefix): Explanation;
  /** Every prefix to which a path is known, refused ones too, in no order. */
  prefixes(): IterableIterator<Prefix>;
  /** All paths that may be used, prefix by prefix, in no order: for dumps. May be walked over many turns; see `tableRows`. */
  table(): IterableIterator<TableRow>;
  /** What each peer is told of a prefix, or why it is not told. */
  explainExports(prefix: Prefix): readonly ExplainedExport[];
  /** What was announced to a peer. */
  advertised(peer: string): IterableIterator<AdvertisedRoute>;
  /** What a peer has announced, also what was refused, and what became of it. */
  received(peer: string): IterableIterator<ReceivedRoute>;
  /**
   * The resolver's answers have changed: selects again among paths through these next hops (all unless told), and reports
   * before it returns, so that its owner acts on what can be reached now.
   */
  nextHopsChanged(nextHops?: readonly Address[]): void;
  /** Ends the peer's session with Cease/Administrative Reset and begins another. False: there is no such peer. */
  resetPeer(peer: string, communication?: string): boolean;
  /** Asks the peer to send its routes of a family again (RFC 2918). False if it cannot. */
  requestRefresh(peer: string, family: Family): boolean;
  /** BFD, or somebody else who knows, says that packets do not reach the peer: its routes go at once. False: no such peer. */
  pathDown(peer: string): boolean;
  /** Adds connections that did not come through `start`. */
  accept(connection: Connection): void;
}
