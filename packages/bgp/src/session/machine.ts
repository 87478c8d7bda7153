import { BgpError } from "../error.ts";
import type { NotificationMessage, OpenMessage, RouteRefreshMessage, UpdateMessage } from "../wire/message.ts";
import { formatNotification, notification, notificationOf } from "../wire/notification.ts";
import { type NotificationKind, notificationKind } from "../wire/notification-kinds.ts";
import { resolveCollision } from "./collision.ts";
import { negotiate, ownOpen } from "./negotiate.ts";
import type { Run } from "./run.ts";
import type { Slot, StateName } from "./state.ts";

/** The events of one connection and what they carry. */
export interface SlotEvents {
  start: undefined;
  stop: NotificationMessage | undefined;
  "connect-retry": undefined;
  connected: undefined;
  closed: string;
  open: OpenMessage;
  keepalive: undefined;
  update: UpdateMessage;
  refresh: RouteRefreshMessage;
  notification: NotificationMessage;
  malformed: BgpError;
  "hold-expired": undefined;
  "keepalive-due": undefined;
}

type Handler<E> = (run: Run, slot: Slot, event: E) => void;
type Row<E> = Readonly<Record<StateName, Handler<E>>>;

/** RFC 4271 §8.2.2, a row an event, a column a state. */
// biome-ignore format: a table is read as a table
const TABLE: { readonly [E in keyof SlotEvents]: Row<SlotEvents[E]> } = {
  //                  Idle          Active            Connect               OpenSent                  OpenConfirm                  Established
  start:           row(begin,       ignore,           ignore,               ignore,                   ignore,                      ignore),
  stop:            row(ignore,      quench,           quench,               quench,                   quench,                      stopEstablished),
  "connect-retry": row(ignore,      dial,             dialAgain,            ignore,                   ignore,                      ignore),
  connected:       row(ignore,      sendOpen,         sendOpen,             ignore,                   ignore,                      ignore),
  closed:          row(ignore,      ignore,           dialFailed,           closedEarly,              closedEarly,                 closedEstablished),
  open:            row(ignore,      ignore,           ignore,               acceptOpen,               unexpected("open"),          unexpected("open")),
  keepalive:       row(ignore,      ignore,           ignore,               unexpected("keepalive"),  establish,                   alive),
  update:          row(ignore,      ignore,           ignore,               unexpected("update"),     unexpected("update"),        deliver),
  refresh:         row(ignore,      ignore,           ignore,               unexpected("refresh"),    unexpected("refresh"),       refresh),
  notification:    row(ignore,      ignore,           ignore,               notified,                 notified,                    notified),
  malformed:       row(ignore,      ignore,           ignore,               fail,                     fail,                        fail),
  "hold-expired":  row(ignore,      ignore,           ignore,               holdExpired,              holdExpired,                 holdExpired),
  "keepalive-due": row(ignore,      ignore,           ignore,               ignore,                   keepAlive,                   keepAlive),
};

export function dispatch<E extends keyof SlotEvents>(run: Run, slot: Slot, event: E, value: SlotEvents[E]): void {
  TABLE[event][run.machine(slot).state](run, slot, value);
}

function row<E>(
  Idle: Handler<E>,
  Active: Handler<E>,
  Connect: Handler<E>,
  OpenSent: Handler<E>,
  OpenConfirm: Handler<E>,
  Established: Handler<E>,
): Row<E> {
  return { Idle, Active, Connect, OpenSent, OpenConfirm, Established };
}

function ignore(): void {}

function begin(run: Run, slot: Slot): void {
  if (slot === "incoming") run.become(slot, { state: "Active" });
  else if (!run.config.passive) run.dial();
}

function quench(run: Run, slot: Slot, message: NotificationMessage | undefined): void {
  run.quench(slot, message);
}

function stopEstablished(run: Run, slot: Slot, message: NotificationMessage | undefined): void {
  const text = message === undefined ? "stopped" : formatNotification(message);
  run.report(slot, { cause: "stopped", quiet: message === undefined, text });
  run.quench(slot, message);
}

function dial(run: Run): void {
  run.dial();
}

function dialAgain(run: Run): void {
  run.do({ type: "cancel-dial" });
  run.note("connecting timed out");
  run.failed();
  run.dial();
}

function dialFailed(run: Run, slot: Slot, reason: string): void {
  run.note(reason);
  run.failed();
  run.stopRetry(slot);
  run.become(slot, { state: "Idle" });
  run.resume();
}

function sendOpen(run: Run, slot: Slot): void {
  run.stopRetry(slot);
  run.send(slot, ownOpen(run.config, run.environment.restart));
  run.startTimer(slot, "hold", run.config.timers.openHoldMs);
  run.become(slot, { state: "OpenSent" });
}

function closedEarly(run: Run, slot: Slot, reason: string): void {
  run.note(reason);
  run.failed();
  run.leave(slot, false);
  run.resume();
}

function closedEstablished(run: Run, slot: Slot, reason: string): void {
  run.report(slot, { cause: "closed", quiet: true, text: reason });
  run.leave(slot, false);
  run.resume();
}

function acceptOpen(run: Run, slot: Slot, open: OpenMessage): void {
  const negotiated = negotiate(run.config, open);
  if (negotiated instanceof BgpError) {
    fail(run, slot, negotiated);
    return;
  }
  run.send(slot, { type: "keepalive" });
  if (negotiated.holdTimeS === 0) run.stopTimer(slot, "hold");
  else {
    run.startTimer(slot, "hold", negotiated.holdTimeS * 1000);
    run.startTimer(slot, "keepalive", negotiated.keepaliveS * 1000);
  }
  run.become(slot, { state: "OpenConfirm", negotiated });
  resolveCollision(run, slot, negotiated);
}

function establish(run: Run, slot: Slot): void {
  const machine = run.machine(slot);
  if (machine.state !== "OpenConfirm") return;
  const { negotiated } = machine;
  const other: Slot = slot === "outgoing" ? "incoming" : "outgoing";
  run.quench(other, notification("cease/collision"));
  // The listening slot stays ready for a peer that restarts faster than its old connection is seen to end (RFC 4724 §5).
  if (other === "incoming") run.become(other, { state: "Active" });
  run.become(slot, { state: "Established", negotiated });
  run.set({ failures: 0 });
  alive(run, slot);
  run.do({ type: "up", slot, negotiated });
}

function alive(run: Run, slot: Slot): void {
  const machine = run.machine(slot);
  if (machine.state !== "Established" || machine.negotiated.holdTimeS === 0) return;
  run.startTimer(slot, "hold", machine.negotiated.holdTimeS * 1000);
}

function deliver(run: Run, slot: Slot, update: UpdateMessage): void {
  alive(run, slot);
  run.do({ type: "deliver", update });
}

function refresh(run: Run, slot: Slot, { family, subtype }: RouteRefreshMessage): void {
  alive(run, slot);
  // RFC 7313 §5: subtypes that are not known, and families that were not agreed on (RFC 2918 §4), are ignored.
  const machine = run.machine(slot);
  const agreed =
    machine.state === "Established" && family !== undefined && machine.negotiated.families.includes(family);
  if (subtype === 0 && agreed) run.do({ type: "refresh", family });
}

function keepAlive(run: Run, slot: Slot): void {
  const machine = run.machine(slot);
  if (!("negotiated" in machine)) return;
  run.send(slot, { type: "keepalive" });
  run.startTimer(slot, "keepalive", machine.negotiated.keepaliveS * 1000);
}

function holdExpired(run: Run, slot: Slot): void {
  fail(run, slot, new BgpError("hold-timer-expired", "nothing was heard from the peer for the hold time"));
}

function fail(run: Run, slot: Slot, error: BgpError): void {
  run.report(slot, { cause: "notification-sent", quiet: false, text: error.message });
  run.send(slot, notificationOf(error));
  run.leave(slot, true);
  run.hold();
}

const UNEXPECTED: Readonly<Partial<Record<StateName, NotificationKind>>> = {
  OpenSent: "fsm/in-open-sent",
  OpenConfirm: "fsm/in-open-confirm",
  Established: "fsm/in-established",
};

/** RFC 6608. */
function unexpected(message: string): Handler<unknown> {
  return (run, slot) => {
    const { state } = run.machine(slot);
    fail(run, slot, new BgpError(UNEXPECTED[state] ?? "fsm/unspecific", `${message} message in ${state}`));
  };
}

/** NOTIFICATIONs that say "not now" rather than "something is wrong": the peer is dialled again without the wait of an error. */
const INVITES_BACK: ReadonlySet<NotificationKind> = new Set([
  "cease/unspecific",
  "cease/shutdown",
  "cease/deconfigured",
  "cease/reset",
  "cease/configuration-change",
  "cease/hard-reset",
]);

function notified(run: Run, slot: Slot, message: NotificationMessage): void {
  const kind = notificationKind(message.code, message.subcode);
  run.report(slot, { cause: "notification-received", quiet: false, text: `received ${formatNotification(message)}` });
  run.leave(slot, true);
  if (kind === "cease/collision") run.resume();
  else if (kind !== undefined && INVITES_BACK.has(kind)) run.resume(run.config.timers.afterCeaseMs);
  else run.hold();
}
