import type { Clock, Logger, Random } from "@ocicat/kit";
import { type Address, type Family, type Ipv4, ipv4 } from "@ocicat/net";
import { BgpError } from "../error.ts";
import { AdjRibIn } from "../rib/adj-rib-in.ts";
import type { Self } from "../rib/import.ts";
import type { LocRib } from "../rib/loc-rib.ts";
import type { Member } from "../rib/seat.ts";
import type { RibPeer, SourceId } from "../rib/sources.ts";
import type { DownReason, SessionAction, SessionEvent, SlotTimer } from "../session/events.ts";
import { holdTimeOf, type Negotiated, type RestartState } from "../session/negotiate.ts";
import {
  NEW_SESSION,
  negotiatedOf,
  type Session,
  SLOTS,
  type Slot,
  type StateName,
  stateOf,
} from "../session/state.ts";
import { step } from "../session/step.ts";
import type { Trouble } from "../session/trouble.ts";
import { encodeControl } from "../wire/codec.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../wire/context.ts";
import { FAMILIES } from "../wire/family.ts";
import type { NotificationMessage, UpdateMessage } from "../wire/message.ts";
import { notification } from "../wire/notification.ts";
import { REFRESH } from "../wire/route-refresh.ts";
import { Helper } from "./helper.ts";
import { Md5Doubt } from "./md5-doubt.ts";
import type { ResolvedPeer } from "./peer-config.ts";
import { SendWatch } from "./send-watch.ts";
import { Timers } from "./timers.ts";
import type { Connection, Dial, Transport } from "./transport.ts";
import type { PeerStatus } from "./types.ts";
import { Wire } from "./wire.ts";

/** What a peer needs of the speaker. */
export interface PeerHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly transport: Transport;
  readonly locRib: LocRib;
  /** RFC 4456: the clusters that this speaker reflects for. */
  readonly clusterIds: () => readonly Ipv4[];
  readonly restart: RestartState;
  /** The session is up: give the peer a place in an update group. */
  joined(peer: Peer, negotiated: Negotiated): void;
  left(peer: Peer): void;
  /** The peer's connection takes bytes again. */
  drained(peer: Peer): void;
  refresh(peer: Peer, family: Family): void;
  /** Routes, End-of-RIB marks or the state have changed. */
  changed(peer: Peer): void;
  stateChanged(peer: Peer, state: StateName, info: string): void;
}

const REFRESH_TIMER = "refresh";
/** A peer that has begun to tell its routes again and does not end: what it has not told by then is dropped. */
const REFRESH_MS = 360_000;

const HOLD_GRACE_MS = 20;

/**
 * Drives one session: performs the actions of the state machine on connections and timers, and feeds it what comes of
 * them. Owns the peer's Adj-RIB-In, which outlives sessions.
 */
export class Peer implements Member {
  readonly peer: RibPeer;
  readonly adjRibIn: AdjRibIn;
  /** Families whose End-of-RIB has come in this or an earlier session. */
  readonly endOfRib = new Set<Family>();
  /** Families whose End-of-RIB has come in this session. */
  readonly #toldAll = new Set<Family>();
  readonly #host: PeerHost;
  readonly #timers: Timers;
  readonly #helper: Helper;
  readonly #wires: Partial<Record<Slot, Wire>> = {};
  #config: ResolvedPeer;
  #session: Session = NEW_SESSION;
  #dial: Dial | undefined;
  #offered: Connection | undefined;
  #negotiated: Negotiated | undefined;
  #since: number;
  #trouble: Trouble | undefined;
  readonly #doubt: Md5Doubt;
  #sendWatch: SendWatch | undefined;
  #updatesIn = 0;
  #updatesOut = 0;

  constructor(host: PeerHost, config: ResolvedPeer) {
    this.#host = host;
    this.#config = config;
    this.#since = host.clock.now();
    this.#timers = new Timers(host.clock, host.random);
    this.#doubt = new Md5Doubt(host.transport);
    const { remoteAs, localAs } = config.session;
    this.peer = {
      name: config.name,
      address: config.remoteAddress,
      link: config.link,
      as: remoteAs,
      internal: remoteAs === localAs,
      routerId: ipv4(0),
      reflectorClient: config.reflectorClient,
      clusterId: config.clusterId,
    };
    const { locRib } = host;
    this.adjRibIn = new AdjRibIn({ peer: this.peer, locRib, self: this.#self(), policy: config.importPolicy });
    this.#helper = new Helper({ adjRibIn: this.adjRibIn, timers: this.#timers, onChange: () => host.changed(this) });
  }

  get source(): SourceId {
    return this.adjRibIn.source;
  }

  get config(): ResolvedPeer {
    return this.#config;
  }

  get state(): StateName {
    return stateOf(this.#session);
  }

  /** Of the session that is Established. */
  get negotiated(): Negotiated | undefined {
    return negotiatedOf(this.#session);
  }

  /** Whether End-of-RIBs of this peer mean something to a restart. */
  get graceful(): boolean {
    return this.#config.session.gracefulRestart.mode !== "off";
  }

  /** The address that stands for this speaker on the session. */
  get localAddress(): Address | undefined {
    return this.#establishedWire()?.connection.local.address ?? this.#config.localAddress;
  }

  start(): void {
    if (this.#config.shutdown === undefined) this.#feed({ type: "start" });
    else this.#trouble = shutDownHere(this.#config.shutdown);
  }

  /** Ends the session and forgets the peer's routes. Without a NOTIFICATION the peer keeps ours, if it can. */
  stop(message: NotificationMessage | undefined): void {
    this.#feed({ type: "stop", notification: message });
    this.#timers.stopAll();
    this.adjRibIn.leave();
  }

  /** Takes over a configuration under which the session may go on: one with the same `sessionKey`. */
  reconfigure(config: ResolvedPeer): void {
    const previous = this.#config;
    this.#config = config;
    if (config.shutdown !== previous.shutdown) this.#administer(config.shutdown);
    const judgesAnew = config.importPolicy !== previous.importPolicy || config.allowedOwnAs !== previous.allowedOwnAs;
    if (judgesAnew) this.adjRibIn.reapply(config.importPolicy, this.#self());
    if (config.reflectorClient !== previous.reflectorClient || config.clusterId !== previous.clusterId) {
      this.peer.reflectorClient = config.reflectorClient;
      this.peer.clusterId = config.clusterId;
      this.adjRibIn.peerChanged();
    }
    this.#feed({ type: "reconfigured" });
  }

  /** From now on the peer is called otherwise; nothing else about it changes. */
  rename(name: string): void {
    this.#config = { ...this.#config, name };
    this.peer.name = name;
  }

  /** Ends the session and begins a new one. `communication`: words for the other operator (RFC 9003). */
  reset(communication: string): void {
    if (this.#config.shutdown !== undefined) return;
    this.#feed({ type: "stop", notification: notification("cease/reset", communication) });
    this.#feed({ type: "start" });
  }

  /** The path to the peer is dead (RFC 5882 §4.2, RFC 9384): what it told goes at once, and the session begins anew. */
  pathDown(): void {
    if (this.#config.shutdown !== undefined) return;
    this.#feed({ type: "stop", notification: notification("cease/bfd-down") });
    this.adjRibIn.clear();
    this.#feed({ type: "start" });
  }

  /** Whether the session, if there is one, may go on under another configuration. */
  survives(config: ResolvedPeer): boolean {
    if (config.sessionKey !== this.#config.sessionKey) return false;
    const { negotiated } = this;
    // The smaller hold time rules, so that a change of ours may change nothing.
    return negotiated === undefined || holdTimeOf(config.session, negotiated.remote) === negotiated.holdTimeS;
  }

  /** The clusters that this speaker is in are others: what a peer has told may be a loop now, or no longer. */
  clustersChanged(): void {
    this.adjRibIn.reapply(this.#config.importPolicy, this.#self());
  }

  /** A connection that the peer has dialled. */
  offer(connection: Connection): void {
    this.#offered = connection;
    this.#feed({ type: "offered" });
  }

  send(bytes: Uint8Array, updates: number): boolean {
    this.#updatesOut += updates;
    return this.#transmit(bytes);
  }

  requestRefresh(family: Family): boolean {
    const wire = this.#establishedWire();
    const { negotiated } = this;
    if (wire === undefined || negotiated === undefined) return false;
    if (!negotiated.routeRefresh || !negotiated.families.includes(family)) return false;
    this.#transmit(encodeControl({ type: "route-refresh", family, subtype: REFRESH.request }));
    return true;
  }

  status(advertised: number): PeerStatus {
    const { adjRibIn, negotiated, state } = this;
    const trouble = state === "Established" ? undefined : this.#whyNot();
    return {
      name: this.#config.name,
      remoteAddress: this.#config.remoteAddress,
      link: this.#config.link,
      remoteAs: this.#config.session.remoteAs,
      state,
      since: this.#since,
      info: trouble?.text ?? state,
      trouble,
      lastError: this.#trouble?.text,
      negotiated: negotiated === undefined ? undefined : summary(negotiated),
      received: adjRibIn.size,
      accepted: adjRibIn.accepted,
      advertised,
      stale: adjRibIn.stale,
      updatesIn: this.#updatesIn,
      updatesOut: this.#updatesOut,
    };
  }

  #feed(event: SessionEvent): void {
    const before = this.state;
    const environment = {
      config: this.#config.session,
      restart: this.#host.restart,
      now: this.#host.clock.monotonic(),
    };
    const { session, actions } = step(this.#session, event, environment);
    this.#session = session;
    for (const action of actions) this.#perform(action);
    if (this.state !== before) this.#host.stateChanged(this, this.state, this.#trouble?.text ?? this.state);
  }

  #perform(action: SessionAction): void {
    switch (action.type) {
      case "dial":
        this.#dialOut();
        break;
      case "cancel-dial":
        this.#dial?.cancel();
        break;
      case "adopt":
        this.#adopt();
        break;
      case "refuse":
        this.#refuse(action.notification);
        break;
      case "send":
        this.#sendControl(action.slot, encodeControl(action.message));
        break;
      case "close":
        if (action.reset) this.#wires[action.slot]?.reset();
        else this.#wires[action.slot]?.close();
        break;
      case "start-timer":
        this.#startTimer(action);
        break;
      case "stop-timer":
        this.#stopTimer(action.slot, action.timer);
        break;
      case "start-idle-hold":
        this.#timers.start("idle hold", action.ms, true, () => this.#feed({ type: "idle-hold-expired" }));
        break;
      case "stop-idle-hold":
        this.#timers.stop("idle hold");
        break;
      case "up":
        this.#up(action.negotiated);
        break;
      case "down":
        this.#down(action.reason);
        break;
      case "deliver":
        this.#deliver(action.update);
        break;
      case "refresh":
        this.#host.refresh(this, action.family);
        break;
      case "refreshed":
        this.#refreshed(action.family, action.stage);
        break;
      case "note":
        this.#trouble = action.trouble;
        break;
    }
  }

  #startTimer({ slot, timer, ms, jitter }: Extract<SessionAction, { type: "start-timer" }>): void {
    const fire = () => this.#feed({ type: "timer", slot, timer });
    this.#stopGrace(slot, timer);
    // A process that was held up finds its timers due before it has read what came in the meantime: read first.
    const due = timer === "hold" ? () => this.#timers.start(`${slot} hold grace`, HOLD_GRACE_MS, false, fire) : fire;
    this.#timers.start(`${slot} ${timer}`, ms, jitter, due);
  }

  #stopTimer(slot: Slot, timer: SlotTimer): void {
    this.#stopGrace(slot, timer);
    this.#timers.stop(`${slot} ${timer}`);
  }

  #stopGrace(slot: Slot, timer: SlotTimer): void {
    if (timer === "hold") this.#timers.stop(`${slot} hold grace`);
  }

  #dialOut(): void {
    const { localAddress, remoteAddress, link, remotePort, security } = this.#config;
    this.#dial = this.#host.transport.connect(
      { local: localAddress, remote: { address: remoteAddress, port: remotePort, link }, security },
      (connection) => {
        this.#attach("outgoing", connection);
        this.#feed({ type: "connected" });
      },
      (why) => this.#feed({ type: "closed", slot: "outgoing", why }),
    );
  }

  #adopt(): void {
    if (this.#offered !== undefined) this.#attach("incoming", this.#offered);
    this.#offered = undefined;
  }

  #refuse(message: NotificationMessage | undefined): void {
    if (message !== undefined) this.#offered?.send(encodeControl(message));
    this.#offered?.close();
    this.#offered = undefined;
  }

  #attach(slot: Slot, connection: Connection): void {
    const wire = new Wire(connection, () => this.#codec(slot), {
      onMessage: (message) => this.#feed({ type: "message", slot, message }),
      onMalformed: (error) => this.#feed({ type: "malformed", slot, error }),
      onDrain: () => this.#host.drained(this),
      onClose: (text) => this.#feed({ type: "closed", slot, why: { kind: "closed", text } }),
    });
    this.#wires[slot] = wire;
    wire.start();
  }

  #codec(slot: Slot): CodecContext {
    const machine = this.#session[slot];
    return "negotiated" in machine ? machine.negotiated.codec : DEFAULT_CONTEXT;
  }

  #up(negotiated: Negotiated): void {
    const wire = this.#establishedWire();
    this.#sendWatch = wire && new SendWatch(wire.connection, this.#host.clock.monotonic());
    this.#negotiated = negotiated;
    this.#since = this.#host.clock.now();
    this.#updatesIn = 0;
    this.#updatesOut = 0;
    this.#toldAll.clear();
    this.#host.logger.info("session up", { peer: this.peer.name, holdTimeS: negotiated.holdTimeS });
    this.#takeIdentifier(negotiated.remote.routerId);
    this.adjRibIn.self = this.#self();
    this.#helper.up(negotiated, this.#config.stalePathTimeS);
    this.#host.joined(this, negotiated);
    this.#host.changed(this);
  }

  #down(reason: DownReason): void {
    this.#since = this.#host.clock.now();
    this.#sendWatch = undefined;
    this.#timers.stop(REFRESH_TIMER);
    this.#doubt.restart();
    this.#host.logger.warning("session down", { peer: this.peer.name, reason: reason.trouble.text });
    if (this.#negotiated !== undefined) this.#helper.down(reason, this.#negotiated);
    this.#negotiated = undefined;
    this.#trouble = reason.trouble;
    this.#host.left(this);
    this.#host.changed(this);
  }

  #deliver({ withdrawn, announced, endOfRib, problems }: UpdateMessage): void {
    this.#updatesIn += 1;
    for (const { name, treatment, what } of problems) {
      this.#host.logger.warning("malformed route in an UPDATE", {
        peer: this.peer.name,
        attribute: name,
        treatment,
        what,
      });
    }
    this.adjRibIn.withdraw(withdrawn);
    for (const announcement of announced) this.adjRibIn.announce(announcement, announcement.attributes);
    if (endOfRib !== undefined) {
      this.endOfRib.add(endOfRib);
      this.#toldAll.add(endOfRib);
      this.#helper.endOfRib(endOfRib);
    }
    this.#host.changed(this);
    this.#checkLimit();
  }

  #checkLimit(): void {
    const { prefixLimit } = this.#config;
    const slot = this.#establishedSlot();
    if (prefixLimit === undefined || slot === undefined || this.adjRibIn.size <= prefixLimit) return;
    const error = new BgpError("cease/prefix-limit", `more than ${prefixLimit} prefixes`);
    this.#feed({ type: "malformed", slot, error });
  }

  /** RFC 7313 §4. A peer that restarts gracefully must first have told all once. */
  #refreshed(family: Family, stage: "begin" | "end"): void {
    if (stage === "end") {
      this.#timers.stop(REFRESH_TIMER);
      this.adjRibIn.sweepStale(family);
    } else if (this.#negotiated?.gracefulRestart === undefined || this.#toldAll.has(family)) {
      this.adjRibIn.markRefreshing(family);
      this.#timers.start(REFRESH_TIMER, REFRESH_MS, false, () => {
        for (const one of FAMILIES) this.adjRibIn.sweepStale(one);
        this.#host.changed(this);
      });
    }
    this.#host.changed(this);
  }

  #administer(shutdown: string | undefined): void {
    if (shutdown === undefined) this.#feed({ type: "start" });
    else {
      this.#feed({ type: "stop", notification: notification("cease/shutdown", shutdown) });
      this.adjRibIn.clear();
      this.#trouble = shutDownHere(shutdown);
    }
  }

  /** Why the session is not up: the last that went wrong, unless the system knows better. */
  #whyNot(): Trouble | undefined {
    const hasPassword = this.#config.security?.password !== undefined;
    const silent = this.#trouble === undefined || this.#trouble.kind === "no-answer" || this.state === "Active";
    return (silent ? this.#doubt.trouble(hasPassword) : undefined) ?? this.#trouble;
  }

  #sendControl(slot: Slot, bytes: Uint8Array): void {
    if (this.#session[slot].state === "Established" && this.#sendWatch !== undefined) this.#transmit(bytes);
    else this.#wires[slot]?.send(bytes);
  }

  /** On the Established connection. */
  #transmit(bytes: Uint8Array): boolean {
    const room = this.#establishedWire()?.send(bytes) ?? true;
    const stalledMs = this.#sendWatch?.sent(bytes.length, this.#host.clock.monotonic()) ?? 0;
    const { timers } = this.#config.session;
    const holdMs = (this.#negotiated?.holdTimeS ?? 0) * 1000;
    if (holdMs > 0 && stalledMs >= Math.max(timers.sendHoldMs, 2 * holdMs)) {
      this.#timers.start("send hold", 0, false, () => this.#feed({ type: "send-hold-expired" }));
    }
    return room;
  }

  #takeIdentifier(routerId: Ipv4): void {
    if (routerId === this.peer.routerId) return;
    this.peer.routerId = routerId;
    this.adjRibIn.peerChanged();
  }

  #self(): Self {
    const { session, ownNextHop, allowedOwnAs } = this.#config;
    const addresses = [this.localAddress, ownNextHop[4], ownNextHop[6]].filter((address) => address !== undefined);
    const { localAs, routerId, role } = session;
    return { localAs, allowedOwnAs, routerId, clusterIds: this.#host.clusterIds(), addresses, role };
  }

  #establishedWire(): Wire | undefined {
    const slot = this.#establishedSlot();
    return slot === undefined ? undefined : this.#wires[slot];
  }

  #establishedSlot(): Slot | undefined {
    return SLOTS.find((one) => this.#session[one].state === "Established");
  }
}

function shutDownHere(communication: string): Trouble {
  const text = communication === "" ? "shut down here" : `shut down here (${communication})`;
  return { kind: "shut-down", text };
}

function summary(negotiated: Negotiated): PeerStatus["negotiated"] {
  const { remote, codec, gracefulRestart, holdTimeS, keepaliveS, families, routeRefresh, ...rest } = negotiated;
  return {
    routerId: remote.routerId,
    holdTimeS,
    keepaliveS,
    families,
    fourOctetAs: codec.as4,
    routeRefresh,
    enhancedRefresh: rest.enhancedRefresh,
    gracefulRestart: gracefulRestart !== undefined,
    restartTimeS: gracefulRestart?.restartTimeS,
    restartsAfterNotification: rest.restartsAfterNotification,
    longLived: rest.llgr,
    addPath: rest.addPath,
    maxMessage: rest.maxMessage,
    extendedNextHop: rest.extendedNextHop,
    role: rest.role,
  };
}
