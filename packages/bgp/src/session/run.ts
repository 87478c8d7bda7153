import type { ControlMessage } from "../wire/codec.ts";
import type { NotificationMessage } from "../wire/message.ts";
import type { SessionConfig } from "./config.ts";
import type { DownReason, SessionAction, SlotTimer } from "./events.ts";
import type { RestartState } from "./negotiate.ts";
import { isConnected, type Machine, type Session, SLOTS, type Slot } from "./state.ts";
import type { Trouble } from "./trouble.ts";

/** What a step may read besides the session: all of it handed in. */
export interface Environment {
  readonly config: SessionConfig;
  readonly restart: RestartState;
  /** Monotonic milliseconds. */
  readonly now: number;
}

/** One step in the making: a draft of the next session, and the actions so far. Lives for the length of a call. */
export class Run {
  readonly environment: Environment;
  readonly actions: SessionAction[] = [];
  session: Session;

  constructor(session: Session, environment: Environment) {
    this.session = session;
    this.environment = environment;
  }

  get config(): SessionConfig {
    return this.environment.config;
  }

  machine(slot: Slot): Machine {
    return this.session[slot];
  }

  become(slot: Slot, machine: Machine): void {
    this.set({ [slot]: machine });
  }

  set(change: Partial<Session>): void {
    this.session = { ...this.session, ...change };
  }

  do(action: SessionAction): void {
    this.actions.push(action);
  }

  send(slot: Slot, message: ControlMessage): void {
    this.do({ type: "send", slot, message });
  }

  startTimer(slot: Slot, timer: SlotTimer, ms: number): void {
    this.do({ type: "start-timer", slot, timer, ms, jitter: timer !== "hold" });
  }

  stopTimer(slot: Slot, timer: SlotTimer): void {
    this.do({ type: "stop-timer", slot, timer });
  }

  /** Only the slot that dials has that timer. */
  stopRetry(slot: Slot): void {
    if (slot === "outgoing") this.stopTimer(slot, "connect-retry");
  }

  note(trouble: Trouble): void {
    this.do({ type: "note", trouble });
  }

  /** Ends whatever the slot is doing; it is Idle afterwards. A connection is told `notification` first, if any. */
  quench(slot: Slot, notification?: NotificationMessage): void {
    const machine = this.machine(slot);
    if (machine.state === "Connect") this.do({ type: "cancel-dial" });
    if (machine.state === "Active" || machine.state === "Connect") this.stopRetry(slot);
    if (isConnected(machine)) {
      if (notification !== undefined) this.send(slot, notification);
      this.leave(slot, "close");
    }
    this.become(slot, { state: "Idle" });
  }

  /** The slot's connection is over; `end` says how this side ends it, if the peer has not. */
  leave(slot: Slot, end: "close" | "reset" | "gone"): void {
    if (end !== "gone") this.do({ type: "close", slot, reset: end === "reset" });
    this.stopTimer(slot, "hold");
    this.stopTimer(slot, "keepalive");
    this.become(slot, { state: "Idle" });
  }

  /** To be called before the slot is left: tells the owner if this was the Established connection, else leaves a note. */
  report(slot: Slot, reason: DownReason): void {
    if (this.machine(slot).state === "Established") this.do({ type: "down", reason });
    this.note(reason.trouble);
  }

  /**
   * Sets the idle slots going again: listening, and, where this side dials and no connection is open, waiting to dial for
   * `delayMs` (the growing redial delay unless told).
   */
  resume(delayMs?: number): void {
    if (!this.session.running || this.session.holding) return;
    if (this.session.incoming.state === "Idle") this.become("incoming", { state: "Active" });
    if (this.session.outgoing.state !== "Idle" || this.config.passive) return;
    if (isConnected(this.session.incoming)) return;
    this.become("outgoing", { state: "Active" });
    this.startTimer("outgoing", "connect-retry", delayMs ?? this.redialDelay());
  }

  dial(): void {
    this.become("outgoing", { state: "Connect" });
    this.do({ type: "dial" });
    this.startTimer("outgoing", "connect-retry", this.config.timers.redialMaxMs);
  }

  /** An error: both slots rest in Idle for a time that doubles with each error. */
  hold(): void {
    const { timers } = this.config;
    const { errors, lastErrorAt } = this.session;
    const recent = this.environment.now - lastErrorAt < timers.errorForgetMs;
    const count = recent ? errors + 1 : 1;
    for (const slot of SLOTS) this.quench(slot);
    this.set({ holding: true, errors: count, lastErrorAt: this.environment.now });
    this.do({ type: "start-idle-hold", ms: doubling(timers.errorWaitMinMs, count, timers.errorWaitMaxMs) });
  }

  failed(): void {
    this.set({ failures: this.session.failures + 1 });
  }

  redialDelay(): number {
    const { redialMinMs, redialMaxMs } = this.config.timers;
    return doubling(redialMinMs, Math.max(1, this.session.failures), redialMaxMs);
  }
}

/** `first` doubled for each count after the first, up to `most`. */
function doubling(first: number, count: number, most: number): number {
  return Math.min(first * 2 ** Math.min(count - 1, 20), most);
}
