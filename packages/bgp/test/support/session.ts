import { DEFAULT_TIMERS, type SessionConfig } from "../../src/session/config.ts";
import type { SessionAction, SessionEvent } from "../../src/session/events.ts";
import type { RestartState } from "../../src/session/negotiate.ts";
import { NEW_SESSION, type Session, type Slot, type StateName } from "../../src/session/state.ts";
import { step } from "../../src/session/step.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import type { OpenMessage } from "../../src/wire/message.ts";
import { address4 } from "./lab.ts";

export const NOT_RESTARTING: RestartState = { restarting: false, forwarding: () => true };

export function sessionConfig(extra: Partial<SessionConfig> = {}): SessionConfig {
  return {
    localAs: 64512,
    routerId: address4("10.0.0.2"),
    remoteAs: 64512,
    passive: false,
    families: [4],
    holdTimeS: 90,
    keepaliveS: undefined,
    gracefulRestart: { mode: "full", restartTimeS: 120, notification: true, longLivedS: undefined },
    extendedMessages: true,
    extendedNextHop: [],
    addPath: {},
    role: undefined,
    strictRole: false,
    timers: DEFAULT_TIMERS,
    ...extra,
  };
}

/** The OPEN of the peer that `sessionConfig` expects, 10.0.0.1 unless told. */
export function openOf(extra: Partial<OpenMessage> = {}): OpenMessage {
  return {
    type: "open",
    version: 4,
    as: 64512,
    holdTimeS: 240,
    routerId: address4("10.0.0.1"),
    capabilities: { ...NO_CAPABILITIES, families: [4], as4: extra.as ?? 64512, routeRefresh: true },
    ...extra,
  };
}

/** A session under test: feeds events, keeps state and time. */
export class Subject {
  session: Session = NEW_SESSION;
  now = 0;
  readonly config: SessionConfig;

  constructor(config: Partial<SessionConfig> = {}) {
    this.config = sessionConfig(config);
  }

  feed(event: SessionEvent): readonly SessionAction[] {
    const { session, actions } = step(this.session, event, {
      config: this.config,
      restart: NOT_RESTARTING,
      now: this.now,
    });
    this.session = session;
    return actions;
  }

  /** Brings a slot of a running session into a state by the shortest way. */
  bring(slot: Slot, state: StateName, open = openOf()): this {
    if (state === "Idle") return this;
    if (!this.session.running) this.feed({ type: "start" });
    if (state === "Active" && slot === "outgoing")
      this.feed({ type: "closed", slot, why: { kind: "refused", text: "connection refused" } });
    if (state === "Active" || state === "Connect") return this;
    this.feed(slot === "outgoing" ? { type: "connected" } : { type: "offered" });
    if (state === "OpenSent") return this;
    this.feed({ type: "message", slot, message: open });
    if (state === "OpenConfirm") return this;
    this.feed({ type: "message", slot, message: { type: "keepalive" } });
    return this;
  }
}

/** Actions as words: "send NOTIFICATION 4/0 outgoing", "start hold outgoing 90000". */
export function words(actions: readonly SessionAction[]): string[] {
  return actions.map(word);
}

function word(action: SessionAction): string {
  switch (action.type) {
    case "send": {
      const { message, slot } = action;
      const what = message.type === "notification" ? `notification ${message.code}/${message.subcode}` : message.type;
      return `send ${what} ${slot}`;
    }
    case "refuse":
      return action.notification === undefined
        ? "refuse"
        : `refuse ${action.notification.code}/${action.notification.subcode}`;
    case "start-timer":
      return `start ${action.timer} ${action.slot} ${action.ms}`;
    case "stop-timer":
      return `stop ${action.timer} ${action.slot}`;
    case "close":
      return `${action.reset ? "reset" : "close"} ${action.slot}`;
    case "start-idle-hold":
      return `hold ${action.ms}`;
    case "up":
      return `up ${action.slot}`;
    case "down":
      return `down ${action.reason.cause}${action.reason.restartable ? " restartable" : ""}`;
    case "note":
      return `note ${action.trouble.text}`;
    case "refreshed":
      return `refreshed ${action.stage}`;
    case "deliver":
    case "refresh":
    case "dial":
    case "cancel-dial":
    case "adopt":
    case "stop-idle-hold":
      return action.type;
  }
}
