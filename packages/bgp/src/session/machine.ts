import { BgpError } from "../error.ts";
import type { NotificationMessage, OpenMessage, RouteRefreshMessage, UpdateMessage } from "../wire/message.ts";
import { formatNotification, hardReset, isHardReset, notification, notificationOf } from "../wire/notification.ts";
import { type NotificationKind, notificationKind } from "../wire/notification-kinds.ts";
import { REFRESH } from "../wire/route-refresh.ts";
import { resolveCollision } from "./collision.ts";
import { negotiate, ownOpen } from "./negotiate.ts";
import type { Run } from "./run.ts";
import type { Slot, StateName } from "./state.ts";
import { type Trouble, troubleOf, troubleTold } from "./trouble.ts";

/** The events of one connection and what they carry. */
export interface SlotEvents {
  start: undefined;
  stop: NotificationMessage | undefined;
  "connect-retry": undefined;
  connected: undefined;
  closed: Trouble;
  open: OpenMessage;
  keepalive: undefined;
  update: UpdateMessage;
  refresh: RouteRefreshMessage;
  notification: NotificationMessage;
  malformed: BgpError;
  "hold-expired": undefined;
  "send-hold-expired": undefined;
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
  "send-hold-expired": row(ignore,  ignore,           ignore,               ignore,                   ignore,                      sendHoldExpired),
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
  run.report(slot, { cause: "stopped", restartable: message === undefined, trouble: { kind: "shut-down", text } });
  run.quench(slot, message === undefined ? undefined : asTold(run, slot, message));
}

/** RFC 8538 §3: to a peer that would keep our routes over a NOTIFICATION, those that mean farewell are hard resets. */
function asTold(run: Run, slot: Slot, message: NotificationMessage): NotificationMessage {
  const kind = notificationKind(message.code, message.subcode);
  const farewell = kind !== undefined && FAREWELLS.has(kind);
  return farewell && keepsRoutes(run, slot) ? hardReset(message) : message;
}

/** Whether a NOTIFICATION on this connection leaves the routes where they are (RFC 8538 §4). */
function keepsRoutes(run: Run, slot: Slot): boolean {
  const machine = run.machine(slot);
  return "negotiated" in machine && machine.negotiated.restartsAfterNotification;
}

/** RFC 8538 §5. */
const FAREWELLS: ReadonlySet<NotificationKind> = new Set([
  "cease/prefix-limit",
  "cease/shutdown",
  "cease/deconfigured",
]);

function dial(run: Run): void {
  run.dial();
}

function dialAgain(run: Run): void {
  run.do({ type: "cancel-dial" });
  run.note({ kind: "no-answer", text: "no answer: connecting timed out" });
  run.failed();
  run.dial();
}

function dialFailed(run: Run, slot: Slot, why: Trouble): void {
  run.note(why);
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

function closedEarly(run: Run, slot: Slot, why: Trouble): void {
  run.note(why);
  run.failed();
  run.leave(slot, "gone");
  run.resume();
}

function closedEstablished(run: Run, slot: Slot, trouble: Trouble): void {
  run.report(slot, { cause: "closed", restartable: true, trouble });
  run.leave(slot, "gone");
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
  const machine = run.machine(slot);
  // Families that were not agreed on (RFC 2918 §4), and subtypes that are not known (RFC 7313 §5), are ignored.
  if (machine.state !== "Established" || family === undefined || !machine.negotiated.families.includes(family)) return;
  if (subtype === REFRESH.request) run.do({ type: "refresh", family });
  if (!machine.negotiated.enhancedRefresh) return;
  if (subtype === REFRESH.begin) run.do({ type: "refreshed", family, stage: "begin" });
  if (subtype === REFRESH.end) run.do({ type: "refreshed", family, stage: "end" });
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

/** RFC 9687 §3.2: a peer that reads nothing would not read a NOTIFICATION either; what waits for it is thrown away. */
function sendHoldExpired(run: Run, slot: Slot): void {
  const error = new BgpError("send-hold-timer-expired", "the peer takes nothing that is sent to it");
  run.report(slot, { cause: "closed", restartable: keepsRoutes(run, slot), trouble: troubleOf(error) });
  run.send(slot, notificationOf(error));
  run.leave(slot, "reset");
  run.hold();
}

function fail(run: Run, slot: Slot, error: BgpError): void {
  const message = asTold(run, slot, notificationOf(error));
  const restartable = keepsRoutes(run, slot) && !isHardReset(message);
  run.report(slot, { cause: "notification-sent", restartable, trouble: troubleOf(error) });
  run.send(slot, message);
  run.leave(slot, "close");
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
  const restartable = keepsRoutes(run, slot) && !isHardReset(message);
  run.report(slot, { cause: "notification-received", restartable, trouble: troubleTold(message) });
  run.leave(slot, "close");
  if (kind === "cease/collision") run.resume();
  else if (kind !== undefined && INVITES_BACK.has(kind)) run.resume(run.config.timers.afterCeaseMs);
  else run.hold();
}
