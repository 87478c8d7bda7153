import type { BestRoute } from "@ocicat/bgp";
import { type Clock, type Logger, type Timer, toError } from "@ocicat/kit";
import { compareAddresses, formatAddress, formatScoped, type Prefix, parseAddress } from "@ocicat/net";
import type { Announcement, LearnedRow, PeerNode } from "@ocicat/routing";
import type { LinkNeighbours } from "../neighbours.ts";
import { type BgpPicture, sessionsOfPicture } from "../picture.ts";
import { type RouterId, routerIdOf } from "../router-id.ts";
import type { BgpIdentity, BgpRunner } from "../runner.ts";
import type { Secrets } from "../secrets.ts";
import { SessionLog } from "../session-log.ts";
import { refusedReport, type Session, type SessionReport, sessionReport } from "../sessions.ts";
import { renderAggr } from "./aggr.ts";
import { renderBird } from "./bird-cfg.ts";
import { BirdDaemon } from "./daemon.ts";
import type { BirdInputs } from "./inputs.ts";
import { renderIpam } from "./ipam.ts";
import { type BirdSession, readSessions } from "./status.ts";

/** Changes that come together are one configuration. */
const SETTLE_MS = 50;
const LOOK_MS = 1_000;
/** Between tries to start what has ended, or to configure what was refused. */
const RETRY_MS = 2_000;

export interface BirdRunnerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly port: number | undefined;
  /** BGP's identifier, where somebody set it. */
  readonly routerId?: RouterId | undefined;
  readonly secrets: Secrets;
  readonly neighbours: LinkNeighbours;
  readonly configuration: string;
  readonly socket: string;
}

/** What BIRD has been seen to do. */
interface Seen {
  readonly session: BirdSession;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/**
 * BGP by a BIRD that the agent looks after: what the tables say becomes its configuration, and what it says becomes the
 * sessions' state.
 *
 *     update, announce ──► files ──bird -p──► configure        show protocols all ──► report
 */
export class BirdRunner implements BgpRunner {
  readonly log: SessionLog;
  readonly speaker = undefined;
  identity: BgpIdentity | undefined;
  readonly #options: BirdRunnerOptions;
  readonly #daemon: BirdDaemon;
  #picture: { readonly self: PeerNode; readonly rest: BgpPicture } | undefined;
  #sessions: readonly Session[] = [];
  #refusedSince = new Map<string, number>();
  #announcements: readonly Announcement[] = [];
  /** Before everything to be announced is known, BIRD would tell its peers too early that this is all. */
  #declared = false;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #due: Timer | undefined;
  #look: Timer | undefined;
  #working = false;
  #again = false;
  #stopped = false;

  constructor(options: BirdRunnerOptions) {
    const { clock, logger, configuration, socket } = options;
    this.#options = options;
    this.log = new SessionLog(clock);
    this.#daemon = new BirdDaemon({
      directory: configuration,
      socket,
      clock,
      logger,
      onEnd: (why) => {
        logger.error("BIRD has ended", { why });
        this.#seen = new Map();
        this.#schedule(RETRY_MS);
      },
    });
  }

  update(picture: BgpPicture): void {
    const { self } = picture;
    if (self === undefined) return;
    this.#picture = { self, rest: picture };
    this.#sessions = sessionsOfPicture(self, picture, this.#options).map(withoutQuotes);
    const { clock, logger } = this.#options;
    const before = this.#refusedSince;
    this.#refusedSince = new Map();
    for (const { name, refused } of this.#sessions) {
      if (refused === undefined) continue;
      if (!before.has(name)) logger.warning("a BGP session is not held", { peer: name, reason: refused });
      this.log.note(name, "Idle", refused);
      this.#refusedSince.set(name, before.get(name) ?? clock.now());
    }
    this.#schedule(SETTLE_MS);
  }

  /** BIRD looks at the kernel's links and routes itself. */
  nextHopsChanged(): void {}

  learnedFrom({ peer, peerAddress }: BestRoute): Pick<LearnedRow, "from" | "peering"> {
    return { from: `${peer} (${formatScoped(peerAddress)})`, peering: undefined };
  }

  announce(_changes: unknown, all: Iterable<Announcement>): void {
    this.#announcements = [...all];
    this.#schedule(SETTLE_MS);
  }

  declare(all: Iterable<Announcement>): void {
    this.#declared = true;
    this.#announcements = [...all];
    this.#schedule(0);
  }

  readonly report = (): SessionReport[] =>
    this.#sessions
      .toSorted((a, b) => compareAddresses(a.remoteAddress, b.remoteAddress))
      .map((session) => this.#reportOf(session));

  get sessions(): Iterable<Session> {
    return this.#sessions;
  }

  async stop(graceful: boolean): Promise<void> {
    this.#stopped = true;
    this.#due?.cancel();
    this.#look?.cancel();
    await this.#daemon.stop(!graceful);
  }

  #reportOf(session: Session): SessionReport {
    const { name, remoteAddress, link, remoteAs, refused } = session;
    if (refused !== undefined) return refusedReport(session, this.#refusedSince.get(name) ?? this.#options.clock.now());
    const seen = this.#seen.get(name);
    const {
      state = "Idle",
      info,
      imported = 0,
      exported = 0,
      neighborId: routerId,
      holdTimeS = 0,
      keepaliveS = 0,
    } = seen?.session ?? {};
    const told = seen === undefined ? (this.#daemon.running ? "BIRD has not said yet" : "BIRD does not run") : info;
    const nothing = { trouble: undefined, stale: 0, updatesIn: 0, updatesOut: 0, negotiated: undefined };
    const report = sessionReport(session, {
      name,
      remoteAddress,
      link,
      remoteAs,
      state: STATES.find((known) => known === state) ?? "Idle",
      since: seen?.since ?? this.#options.clock.now(),
      info: told ?? state,
      lastError: info,
      received: imported,
      accepted: imported,
      advertised: exported,
      ...nothing,
    });
    if (state !== "Established" || routerId === undefined) return report;
    const families = session.config.families ?? [4];
    return { ...report, negotiated: { ...ALWAYS, routerId, holdTimeS, keepaliveS, families } };
  }

  #schedule(ms: number): void {
    if (this.#stopped || !this.#declared) return;
    this.#due ??= this.#options.clock.after(ms, "BIRD's configuration", () => {
      this.#due = undefined;
      void this.#apply();
    });
  }

  async #apply(): Promise<void> {
    if (this.#working) {
      this.#again = true;
      return;
    }
    const inputs = this.#inputs();
    if (inputs === undefined || this.#stopped) return;
    this.#working = true;
    try {
      const changed = await this.#daemon.configure({
        "bird.cfg": renderBird(inputs),
        "bird_aggr.cfg": renderAggr(inputs),
        "bird_ipam.cfg": renderIpam(inputs),
      });
      if (changed) this.identity = { ...identityOf(inputs), configuredAt: this.#options.clock.now() };
      this.#lookSoon();
    } catch (error) {
      this.#options.logger.error("BIRD keeps the configuration that it has", { error: toError(error).message });
      this.#schedule(RETRY_MS);
    } finally {
      this.#working = false;
      if (this.#again) this.#schedule(SETTLE_MS);
      this.#again = false;
    }
  }

  #inputs(): BirdInputs | undefined {
    if (this.#picture === undefined) return undefined;
    const { self, rest } = this.#picture;
    const { settings, filters, pools, reflected } = rest;
    const own = self.ipv4 ?? self.ipv6;
    if (own === undefined) return undefined;
    const isBlock = ({ origin }: Announcement) => origin.resources.some(({ kind }) => kind === "BlockAffinity");
    const inPool = (prefix: Prefix) => pools.some(({ cidr }) => cidr.covers(prefix));
    return {
      node: self.name,
      routerId: formatAddress(routerIdOf(self, this.#options.routerId)),
      localAs: self.asNumber ?? settings.asNumber,
      port: this.#options.port ?? rest.portOf(self.name),
      bindTo: settings.bindToNode ? formatAddress(own.address) : undefined,
      sessions: this.#sessions.filter(({ refused }) => refused === undefined),
      filters,
      pools,
      advertisements: settings.advertisements,
      blocks: this.#announcements.filter(isBlock).map(({ prefix }) => prefix),
      statics: this.#announcements.filter(({ prefix }) => !inPool(prefix)).map(({ prefix }) => prefix),
      reflected,
      normalPriority: { 4: settings.normalPriority4, 6: settings.normalPriority6 },
      ignoredInterfaces: settings.ignoredInterfaces,
    };
  }

  #lookSoon(): void {
    this.#look?.cancel();
    if (this.#stopped) return;
    this.#look = this.#options.clock.after(LOOK_MS, "BIRD's state", () => void this.#lookNow());
  }

  async #lookNow(): Promise<void> {
    try {
      if (this.#daemon.running) this.#take(readSessions(await this.#daemon.ask("show protocols all")));
    } catch (error) {
      this.#options.logger.warning("BIRD's state cannot be read", { error: toError(error).message });
    }
    this.#lookSoon();
  }

  #take(sessions: ReadonlyMap<string, BirdSession>): void {
    const now = this.#options.clock.now();
    this.#seen = new Map(
      [...sessions].map(([name, session]) => {
        const before = this.#seen.get(name);
        const same = (before?.session.state === "Established") === (session.state === "Established");
        this.log.note(name, session.state, session.info ?? session.state);
        return [name, { session, since: before !== undefined && same ? before.since : now }];
      }),
    );
  }
}

const STATES = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"] as const;
/** What BIRD 2 offers, and Calico's configuration asks for. */
const ALWAYS = { fourOctetAs: true, routeRefresh: true, gracefulRestart: true } as const;

function identityOf({ localAs, routerId }: BirdInputs): Pick<BgpIdentity, "localAs" | "routerId"> {
  const id = parseAddress(routerId);
  if (typeof id !== "number") throw new Error(`${routerId} is no router's identifier`);
  return { localAs, routerId: id };
}

/** BIRD's language has no way to write these within quotes. */
function withoutQuotes(session: Session): Session {
  const { password } = session.config.security ?? {};
  if (password === undefined || !/["\n\r]/.test(password)) return session;
  return { ...session, refused: "its password has a quote or a line's end in it, which BIRD cannot be told" };
}
