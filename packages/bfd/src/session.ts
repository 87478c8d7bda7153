import type { BfdState, ControlPacket, Diagnostic } from "./packet.ts";

/** What is wanted of a session. Intervals in microseconds. */
export interface BfdConfig {
  /** Packets are sent no more often than this. */
  readonly desiredMinTxUs: number;
  /** And are wanted no more often than this. */
  readonly requiredMinRxUs: number;
  /** So many packets in a row may be lost, 1..255. */
  readonly detectMultiplier: number;
}

/** The variables of RFC 5880 §6.8.1 that change. Immutable. */
export interface BfdSession {
  readonly config: BfdConfig;
  readonly localDiscriminator: number;
  readonly state: BfdState;
  readonly diagnostic: Diagnostic;
  readonly remoteState: BfdState;
  readonly remoteDiscriminator: number;
  readonly remoteMinRxUs: number;
  readonly remoteDesiredMinTxUs: number;
  readonly remoteMultiplier: number;
  readonly remoteDemand: boolean;
  /** A Poll Sequence is under way: what it tells holds once it has been answered (§6.8.3). */
  readonly polling: boolean;
  /** The interval that is in force while a longer one is being polled for. */
  readonly txUs: number;
  /** The interval at which packets must be expected while a longer one is being polled for. */
  readonly rxUs: number;
}

export type BfdEvent =
  | { readonly type: "received"; readonly packet: ControlPacket }
  /** Nothing has come for the detection time. */
  | { readonly type: "detection-expired" }
  | { readonly type: "configured"; readonly config: BfdConfig };

export interface BfdStep {
  readonly session: BfdSession;
  /** To be sent at once, beside those that are sent periodically. */
  readonly reply: ControlPacket | undefined;
}

/** §6.8.3: no more than one packet a second while the session is not up. */
const SLOW_US = 1_000_000;

/** `discriminator`: not zero, of no other session. */
export function newBfdSession(discriminator: number, config: BfdConfig): BfdSession {
  return {
    config,
    localDiscriminator: discriminator,
    state: "Down",
    diagnostic: "no diagnostic",
    remoteState: "Down",
    remoteDiscriminator: 0,
    remoteMinRxUs: 1,
    remoteDesiredMinTxUs: 0,
    remoteMultiplier: 0,
    remoteDemand: false,
    polling: false,
    txUs: Math.max(SLOW_US, config.desiredMinTxUs),
    rxUs: config.requiredMinRxUs,
  };
}

/** RFC 5880 §6.8.6 and what else moves a session. A function of its arguments. */
export function bfdStep(session: BfdSession, event: BfdEvent): BfdStep {
  switch (event.type) {
    case "received":
      return received(session, event.packet);
    case "detection-expired":
      return { session: expired(session), reply: undefined };
    case "configured":
      return { session: configured(session, event.config), reply: undefined };
  }
}

/** What is sent periodically, and with `poll` while a change is being told. */
export function packetOf(session: BfdSession, flags: { readonly final?: boolean } = {}): ControlPacket {
  const { config, state } = session;
  const final = flags.final === true;
  return {
    diagnostic: session.diagnostic,
    state,
    // §6.5: a packet has one of both.
    poll: session.polling && !final,
    final,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: config.detectMultiplier,
    myDiscriminator: session.localDiscriminator,
    yourDiscriminator: session.remoteDiscriminator,
    desiredMinTxUs: wantedTx(session),
    requiredMinRxUs: config.requiredMinRxUs,
    requiredMinEchoRxUs: 0,
  };
}

/** Microseconds between packets, before they are jittered; undefined: none are to be sent (§6.8.7). */
export function transmitInterval({ state, remoteState, remoteDemand, remoteMinRxUs, txUs, polling }: BfdSession) {
  if (remoteMinRxUs === 0) return undefined;
  if (remoteDemand && state === "Up" && remoteState === "Up" && !polling) return undefined;
  return Math.max(txUs, remoteMinRxUs);
}

/** §6.8.4: microseconds without a packet after which the session is down; undefined: none has come yet. */
export function detectionTime({ remoteMultiplier, remoteDesiredMinTxUs, rxUs }: BfdSession): number | undefined {
  return remoteMultiplier === 0 ? undefined : remoteMultiplier * Math.max(rxUs, remoteDesiredMinTxUs);
}

/**
 * §6.8.7: a random quarter of the interval is left out, so that sessions do not fall into step; with a multiplier of one at
 * least a tenth, or the other side would find the packet missing. `random`: 0 to 1.
 */
export function jittered(intervalUs: number, multiplier: number, random: number): number {
  const [least, most] = multiplier === 1 ? [0.75, 0.9] : [0.75, 1];
  return intervalUs * (least + (most - least) * random);
}

function received(before: BfdSession, packet: ControlPacket): BfdStep {
  if (before.state === "AdminDown") return { session: before, reply: undefined };
  const heard: BfdSession = {
    ...before,
    remoteDiscriminator: packet.myDiscriminator,
    remoteState: packet.state,
    remoteDemand: packet.demand,
    remoteMinRxUs: packet.requiredMinRxUs,
    remoteDesiredMinTxUs: packet.desiredMinTxUs,
    remoteMultiplier: packet.detectMultiplier,
    ...(packet.final && before.polling ? settled(before) : {}),
  };
  const session = moved(heard, nextState(heard.state, packet.state));
  return { session, reply: packet.poll ? packetOf(session, { final: true }) : undefined };
}

/** §6.8.6: the transitions, this side's state a row, what the other side says a column. */
const TRANSITIONS: Readonly<Record<BfdState, Readonly<Record<BfdState, BfdState>>>> = {
  AdminDown: { AdminDown: "AdminDown", Down: "AdminDown", Init: "AdminDown", Up: "AdminDown" },
  Down: { AdminDown: "Down", Down: "Init", Init: "Up", Up: "Down" },
  Init: { AdminDown: "Down", Down: "Init", Init: "Up", Up: "Up" },
  Up: { AdminDown: "Down", Down: "Down", Init: "Up", Up: "Up" },
};

function nextState(own: BfdState, told: BfdState): BfdState {
  return TRANSITIONS[own][told];
}

function moved(session: BfdSession, state: BfdState): BfdSession {
  if (state === session.state) return session;
  if (state === "Down") return fallen(session, "neighbor signaled session down");
  const up: BfdSession = { ...session, state, diagnostic: state === "Up" ? "no diagnostic" : session.diagnostic };
  // From now on packets may come and go faster: the other side is told so before it is relied on.
  return state === "Up" ? pollFor(up) : up;
}

function fallen(session: BfdSession, diagnostic: Diagnostic): BfdSession {
  const { config } = session;
  const txUs = Math.max(SLOW_US, config.desiredMinTxUs);
  return { ...session, state: "Down", diagnostic, polling: false, txUs, rxUs: config.requiredMinRxUs };
}

/** §6.8.4; §6.8.1: without a packet the other side's discriminator is forgotten. */
function expired(session: BfdSession): BfdSession {
  const forgotten = { ...session, remoteDiscriminator: 0, remoteMultiplier: 0, remoteMinRxUs: 1, remoteDemand: false };
  const lost = session.state === "Init" || session.state === "Up";
  return lost ? fallen(forgotten, "control detection time expired") : forgotten;
}

function configured(session: BfdSession, config: BfdConfig): BfdSession {
  const changed = { ...session, config };
  if (session.state === "Up") return pollFor(changed);
  return { ...changed, txUs: Math.max(SLOW_US, config.desiredMinTxUs), rxUs: config.requiredMinRxUs };
}

/**
 * §6.8.3: what makes packets rarer holds only once the other side knows: until then they are sent as before, and expected as
 * before. What makes them more frequent holds at once.
 */
function pollFor(session: BfdSession): BfdSession {
  const { config, txUs, rxUs } = session;
  return {
    ...session,
    polling: true,
    txUs: Math.min(txUs, config.desiredMinTxUs),
    rxUs: Math.max(rxUs, config.requiredMinRxUs),
  };
}

function settled({ config }: BfdSession): Pick<BfdSession, "polling" | "txUs" | "rxUs"> {
  return { polling: false, txUs: config.desiredMinTxUs, rxUs: config.requiredMinRxUs };
}

function wantedTx({ config, state }: BfdSession): number {
  return state === "Up" ? config.desiredMinTxUs : Math.max(SLOW_US, config.desiredMinTxUs);
}
