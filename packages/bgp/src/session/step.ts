import type { Message, NotificationMessage } from "../wire/message.ts";
import { notification } from "../wire/notification.ts";
import type { SessionEvent, SlotTimer, Step } from "./events.ts";
import { dispatch } from "./machine.ts";
import { keepaliveOf } from "./negotiate.ts";
import { type Environment, Run } from "./run.ts";
import { isConnected, type Session, SLOTS, type Slot } from "./state.ts";

/** The session state machine: what the peering becomes on an event, and what is to be done about it, in order. Pure. */
export function step(session: Session, event: SessionEvent, environment: Environment): Step<Session> {
  const run = new Run(session, environment);
  apply(run, event);
  return { session: run.session, actions: run.actions };
}

function apply(run: Run, event: SessionEvent): void {
  switch (event.type) {
    case "start":
      start(run);
      break;
    case "stop":
      stop(run, event.notification);
      break;
    case "reconfigured":
      reconfigured(run);
      break;
    case "idle-hold-expired":
      run.set({ holding: false });
      restart(run);
      break;
    case "offered":
      offered(run);
      break;
    case "connected":
      dispatch(run, "outgoing", "connected", undefined);
      break;
    case "closed":
      dispatch(run, event.slot, "closed", event.why);
      break;
    case "message":
      received(run, event.slot, event.message);
      break;
    case "malformed":
      dispatch(run, event.slot, "malformed", event.error);
      break;
    case "send-hold-expired":
      for (const slot of SLOTS) dispatch(run, slot, "send-hold-expired", undefined);
      break;
    case "timer":
      dispatch(run, event.slot, TIMER_EVENTS[event.timer], undefined);
      break;
  }
}

const TIMER_EVENTS = {
  "connect-retry": "connect-retry",
  hold: "hold-expired",
  keepalive: "keepalive-due",
} as const satisfies Record<SlotTimer, string>;

function received(run: Run, slot: Slot, message: Message): void {
  switch (message.type) {
    case "open":
      dispatch(run, slot, "open", message);
      break;
    case "keepalive":
      dispatch(run, slot, "keepalive", undefined);
      break;
    case "update":
      dispatch(run, slot, "update", message);
      break;
    case "notification":
      dispatch(run, slot, "notification", message);
      break;
    case "route-refresh":
      dispatch(run, slot, "refresh", message);
      break;
  }
}

function start(run: Run): void {
  if (run.session.running) return;
  run.set({ running: true, failures: 0, errors: 0 });
  restart(run);
}

function restart(run: Run): void {
  if (!run.session.running) return;
  for (const slot of SLOTS) dispatch(run, slot, "start", undefined);
}

function stop(run: Run, message: NotificationMessage | undefined): void {
  if (run.session.holding) run.do({ type: "stop-idle-hold" });
  run.set({ running: false, holding: false });
  for (const slot of SLOTS) dispatch(run, slot, "stop", message);
}

/** Whether this side dials, and how often it says that it is there; the rest matters from the next OPEN on. */
function reconfigured(run: Run): void {
  for (const slot of SLOTS) paceKeepalives(run, slot);
  const { outgoing } = run.session;
  if (run.config.passive && !isConnected(outgoing)) run.quench("outgoing");
  run.resume(0);
}

function paceKeepalives(run: Run, slot: Slot): void {
  const machine = run.machine(slot);
  if (!("negotiated" in machine)) return;
  const { negotiated } = machine;
  const keepaliveS = keepaliveOf(run.config.keepaliveS, negotiated.holdTimeS);
  if (keepaliveS === negotiated.keepaliveS) return;
  run.become(slot, { ...machine, negotiated: { ...negotiated, keepaliveS } });
  run.startTimer(slot, "keepalive", keepaliveS * 1000);
}

/** A connection that the peer dialled: adopted as the incoming one, or refused. */
function offered(run: Run): void {
  const refusal = refusalOf(run);
  if (refusal !== undefined) {
    run.do({ type: "refuse", ...refusal });
    return;
  }
  makeRoom(run);
  run.become("incoming", { state: "Active" });
  run.do({ type: "adopt" });
  dispatch(run, "incoming", "connected", undefined);
}

function refusalOf(run: Run): { readonly notification: NotificationMessage | undefined } | undefined {
  const { running, holding, incoming } = run.session;
  if (!running || holding) return { notification: undefined };
  const established = establishedSlot(run);
  const taken = established === undefined ? incoming.state === "OpenConfirm" : !canRestart(run, established);
  return taken ? { notification: notification("cease/collision") } : undefined;
}

/** Ends the connections that the offered one replaces, without a word: their peer is gone. */
function makeRoom(run: Run): void {
  const established = establishedSlot(run);
  if (established !== undefined) {
    const trouble = { kind: "peer-restarted", text: "the peer has restarted and dialled anew" } as const;
    run.report(established, { cause: "replaced", restartable: true, trouble });
    run.leave(established, "close");
  }
  // A peer does not dial twice at once: the older connection is dead, and its end has not been heard.
  if (run.session.incoming.state === "OpenSent") run.leave("incoming", "close");
}

function establishedSlot(run: Run): Slot | undefined {
  return SLOTS.find((slot) => run.machine(slot).state === "Established");
}

/** RFC 4724 §5: a peer that can restart and dials anew has restarted. Of others it is a collision (RFC 4271 §6.8). */
function canRestart(run: Run, slot: Slot): boolean {
  const machine = run.machine(slot);
  return "negotiated" in machine && (machine.negotiated.gracefulRestart?.families.length ?? 0) > 0;
}
