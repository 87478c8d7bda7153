import {
  type BestChange,
  type BestRoute,
  createSpeaker,
  type ListenOptions,
  type NextHopResolver,
  type Speaker,
  type Transport,
} from "@ocicat/bgp";
import { type Clock, type Logger, OcicatError, type Random, type Timer, toError } from "@ocicat/kit";
import { compareAddresses, formatScoped, type Ipv4, type Prefix, type ScopedAddress } from "@ocicat/net";
import { type Announcement, aggregated, type LearnedRow, type RoutingChanges } from "@ocicat/routing";
import { announce, originated } from "./mesh.ts";
import type { LinkNeighbours } from "./neighbours.ts";
import { PathWatch } from "./path-watch.ts";
import { type BgpPicture, sessionsOfPicture } from "./picture.ts";
import { type RouterId, routerIdOf } from "./router-id.ts";
import type { BgpIdentity, BgpRunner } from "./runner.ts";
import type { Secrets } from "./secrets.ts";
import { SessionLog } from "./session-log.ts";
import { describeSession, peeringOf, refusedReport, type Session, sessionReport } from "./sessions.ts";

export interface MeshRunnerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly transport: Transport;
  /** Overrides BGPConfiguration's listenPort; undefined: that one. */
  readonly port: number | undefined;
  /** BGP's identifier, where somebody set it. */
  readonly routerId?: RouterId | undefined;
  /** Routes of an earlier run are in the kernel: ask the peers to bear with us (RFC 4724). */
  readonly restarting: boolean;
  readonly secrets: Secrets;
  /** Which next hops can be reached; `nextHopsChanged` says when another is. */
  readonly resolveNextHop: NextHopResolver;
  /** Blocks side by side are announced as one, up to the pool that they are in; undefined: each is by itself. */
  readonly aggregateWithin: ((prefix: Prefix) => Prefix | undefined) | undefined;
  /** Whether an address is on a link of this node's. */
  readonly isOnLink: (address: ScopedAddress) => boolean;
  /** Who is at the other end of links that peers are named by. */
  readonly neighbours: LinkNeighbours;
  readonly onChange: (changes: readonly BestChange[]) => void;
  /** Every peer has sent what it has, or has been waited for long enough. */
  readonly onReady: () => void;
  /** The speaker cannot run: the agent must end, saying so. */
  readonly onFatal: (error: Error) => void;
}

/** By then what covers a block has been sent. */
const COVER_MS = 100;

/** Keeps one speaker running for the mesh and the BGPPeers, made anew when what it is (AS number, addresses, port) changes. */
export class MeshRunner implements BgpRunner {
  readonly #options: MeshRunnerOptions;
  readonly log: SessionLog;
  /** What the speaker is, and when its configuration last changed; undefined while there is none. */
  identity: BgpIdentity | undefined;
  #configured = "";
  #speaker: Speaker | undefined;
  #identity = "";
  #sessions = new Map<string, Session>();
  /** Sessions that are not held, since when. */
  #refused = new Map<string, number>();
  #announcements: readonly Announcement[] = [];
  /** What peers were told of that is not to be announced any more, until they have been told what covers it. */
  readonly #covered = new Map<string, Timer>();
  #declared = false;
  #restarting: boolean;
  /** What speakers before this one had learned and this one has not, yet. */
  readonly #left = new Map<string, Prefix>();
  readonly #paths: PathWatch;
  #stopping: Promise<void> = Promise.resolve();

  constructor(options: MeshRunnerOptions) {
    this.#options = options;
    this.#restarting = options.restarting;
    this.log = new SessionLog(options.clock);
    this.#paths = new PathWatch({
      logger: options.logger.child("bfd"),
      isOnLink: options.isOnLink,
      onDead: (session) => {
        this.log.note(session, "Idle", "BFD: packets do not reach the peer any more");
        this.#speaker?.pathDown(session);
      },
    });
  }

  /** The sessions as the tables say they are now. Without an address of its own the node has none. */
  update(picture: BgpPicture): void {
    const { self, settings } = picture;
    if (self === undefined || (self.ipv4 === undefined && self.ipv6 === undefined)) {
      this.#declareSessions([]);
      return;
    }
    const localAs = self.asNumber ?? settings.asNumber;
    const port = this.#options.port ?? picture.portOf(self.name);
    const routerId = routerIdOf(self, this.#options.routerId);
    // An address that sessions leave from is part of it, so that what they have learned outlives its change.
    const listen = { port, address: settings.bindToNode ? (self.ipv4 ?? self.ipv6)?.address : undefined };
    const identity = `${localAs} ${routerId} ${self.ipv6?.address} ${port} ${settings.bindToNode}`;
    if (identity !== this.#identity) this.#replace(identity, localAs, routerId, listen);
    const sessions = sessionsOfPicture(self, picture, this.#options);
    this.#declareSessions(sessions);
    const configured = sessions.map(({ name, remoteAs, refused }) => `${name} ${remoteAs} ${refused}`).join();
    if (this.identity !== undefined && configured === this.#configured && identity === this.#identity) return;
    this.#configured = configured;
    this.identity = { localAs, routerId, configuredAt: this.#options.clock.now() };
  }

  /** Subnets or tunnels have come or gone: the paths are weighed again. In a mesh alone there is one to each prefix. */
  nextHopsChanged(): void {
    this.#paths.update([...this.#sessions.values()]);
    const alone = this.#sessions.values().every(({ type }) => type === "node-to-node mesh");
    if (!alone) this.#speaker?.nextHopsChanged();
  }

  /** Whom a route was learned from. */
  learnedFrom({ peer, peerAddress }: BestRoute): Pick<LearnedRow, "from" | "peering"> {
    const session = this.#sessions.get(peer);
    if (session === undefined) return { from: formatScoped(peerAddress), peering: undefined };
    return { from: describeSession(session), peering: peeringOf(session) };
  }

  announce(changes: RoutingChanges["announcements"], all: Iterable<Announcement>): void {
    const { aggregateWithin } = this.#options;
    if (aggregateWithin !== undefined) {
      this.#announceAggregated(aggregated(all, aggregateWithin));
      return;
    }
    this.#announcements = [...all];
    if (this.#speaker !== undefined) announce(this.#speaker, changes);
  }

  /** Declares the complete set once the datastore is in sync: only then may End-of-RIB be sent. */
  declare(all: Iterable<Announcement>): void {
    const { aggregateWithin } = this.#options;
    this.#declared = true;
    this.#announcements = aggregateWithin === undefined ? [...all] : [...aggregated(all, aggregateWithin).values()];
    this.#speaker?.setOriginated(this.#announcements.map(originated));
  }

  /** What comes is told at once, what goes a moment after: a block is never without a route while it is joined or split. */
  #announceAggregated(wanted: ReadonlyMap<string, Announcement>): void {
    const before = new Map(this.#announcements.map((one) => [one.prefix.toString(), one]));
    this.#announcements = [...wanted.values()];
    const speaker = this.#speaker;
    if (speaker === undefined) return;
    for (const [key, announcement] of wanted) {
      this.#covered.get(key)?.cancel();
      this.#covered.delete(key);
      if (!before.has(key)) speaker.announce(originated(announcement));
    }
    for (const [key, { prefix }] of before) {
      if (wanted.has(key) || this.#covered.has(key)) continue;
      const timer = this.#options.clock.after(COVER_MS, "covered block", () => {
        this.#covered.delete(key);
        this.#speaker?.withdraw(prefix);
      });
      this.#covered.set(key, timer);
    }
  }

  readonly report = () => {
    const statuses = [...(this.#speaker?.status() ?? [])];
    statuses.sort((a, b) => compareAddresses(a.remoteAddress, b.remoteAddress));
    const held = statuses.flatMap((status) => {
      const session = this.#sessions.get(status.name);
      if (session === undefined) return [];
      const bfd = this.#paths.reportOf(status.name)?.state;
      return [{ ...sessionReport(session, status), bfd: session.bfd === undefined ? undefined : (bfd ?? "Down") }];
    });
    const refused = [...this.#refused].flatMap(([name, since]) => {
      const session = this.#sessions.get(name);
      return session === undefined ? [] : [refusedReport(session, since)];
    });
    return [...held, ...refused];
  };

  /** Sessions as they should be, also those that are not held. */
  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  get speaker(): Speaker | undefined {
    return this.#speaker;
  }

  /** Graceful: peers keep our routes while we are away. */
  async stop(graceful: boolean): Promise<void> {
    await this.#stopping;
    for (const timer of this.#covered.values()) timer.cancel();
    // First: a peer that hears no packets would take the path for dead, and not wait for a restart.
    await this.#paths.stop();
    await this.#speaker?.stop({ graceful });
  }

  #declareSessions(sessions: readonly Session[]): void {
    const { clock, logger } = this.#options;
    this.#sessions = new Map(sessions.map((session) => [session.name, session]));
    const before = this.#refused;
    this.#refused = new Map();
    for (const { name, refused } of sessions) {
      if (refused === undefined) continue;
      if (!before.has(name)) logger.warning("a BGP session is not held", { peer: name, reason: refused });
      this.log.note(name, "Idle", refused);
      this.#refused.set(name, before.get(name) ?? clock.now());
    }
    this.#speaker?.setPeers(sessions.flatMap(({ refused, config }) => (refused === undefined ? [config] : [])));
    this.#paths.update(sessions);
  }

  #replace(identity: string, localAs: number, routerId: Ipv4, listen: ListenOptions): void {
    const { clock, random, logger, transport, resolveNextHop, onChange, onReady, onFatal } = this.#options;
    const old = this.#speaker;
    this.#identity = identity;
    // Its routes stay in the kernel until the next one has heard every peer: a speaker made anew is a restart (RFC 4724).
    for (const { prefix } of old?.routes() ?? []) this.#left.set(prefix.toString(), prefix);
    const left = this.#left;
    const speaker = createSpeaker({
      clock,
      random,
      logger,
      transport,
      localAs,
      routerId,
      listen,
      restarting: this.#restarting || left.size > 0,
      multipath: true,
      resolveNextHop,
      onChange: (changes) => {
        for (const { prefix } of changes) left.delete(prefix.toString());
        onChange(changes);
      },
      onReady: () => {
        const gone = [...left.values()].map((prefix) => ({ prefix, best: undefined, unreachable: undefined }));
        if (gone.length > 0) onChange(gone);
        left.clear();
        onReady();
      },
      onPeerState: (peer, state, info) => this.log.note(peer, state, info),
    });
    this.#restarting = false;
    this.#speaker = speaker;
    if (this.#declared) speaker.setOriginated(this.#announcements.map(originated));
    this.#stopping = (async () => {
      await old?.stop({ graceful: left.size > 0 });
      await speaker.start();
    })().catch((error: unknown) => {
      onFatal(
        error instanceof OcicatError
          ? error
          : new OcicatError({ code: "BGP_START", what: toError(error).message, cause: error }),
      );
    });
  }
}
