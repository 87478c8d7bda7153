import type { Family } from "@ocicat/net";
import type { BgpError } from "../error.ts";
import type { ControlMessage } from "../wire/codec.ts";
import type { Message, NotificationMessage, UpdateMessage } from "../wire/message.ts";
import type { Negotiated } from "./negotiate.ts";
import type { Slot } from "./state.ts";
import type { Trouble } from "./trouble.ts";

export type SlotTimer = "connect-retry" | "hold" | "keepalive";

export type SessionEvent =
  /** Events 1 and 3 of RFC 4271 §8.1. */
  | { readonly type: "start" }
  /** Events 2 and 8. Without a NOTIFICATION the peer may take it for a restart (RFC 4724). */
  | { readonly type: "stop"; readonly notification: NotificationMessage | undefined }
  /** The configuration has changed in what needs no new session. */
  | { readonly type: "reconfigured" }
  /** Event 13: the wait after an error is over. */
  | { readonly type: "idle-hold-expired" }
  /** The peer has dialled us. */
  | { readonly type: "offered" }
  /** Event 16: the connection that we dialled is there. */
  | { readonly type: "connected" }
  /** Event 18: the dial failed, or the connection ended. */
  | { readonly type: "closed"; readonly slot: Slot; readonly why: Trouble }
  /** Events 19, 24 to 27. */
  | { readonly type: "message"; readonly slot: Slot; readonly message: Message }
  /** Events 21, 22, 28: bytes that are no message. */
  | { readonly type: "malformed"; readonly slot: Slot; readonly error: BgpError }
  /** Event 29 (RFC 9687): the peer has taken nothing for too long. */
  | { readonly type: "send-hold-expired" }
  /** Events 9, 10, 11. */
  | { readonly type: "timer"; readonly slot: Slot; readonly timer: SlotTimer };

/** Why a session is no longer Established. */
export interface DownReason {
  readonly cause: "closed" | "replaced" | "notification-sent" | "notification-received" | "stopped";
  /** Graceful restart may apply: no NOTIFICATION was exchanged (RFC 4724 §4), or none that forbids it (RFC 8538 §4). */
  readonly restartable: boolean;
  readonly trouble: Trouble;
}

/** What the owner of the session has to do, in this order. */
export type SessionAction =
  | { readonly type: "dial" }
  | { readonly type: "cancel-dial" }
  /** The offered connection becomes the incoming one. */
  | { readonly type: "adopt" }
  /** The offered connection is not wanted; the NOTIFICATION, if any, is to be sent before closing it. */
  | { readonly type: "refuse"; readonly notification: NotificationMessage | undefined }
  | { readonly type: "send"; readonly slot: Slot; readonly message: ControlMessage }
  /** `reset`: at once, what is buffered is lost. */
  | { readonly type: "close"; readonly slot: Slot; readonly reset: boolean }
  /** Starts a timer, or starts it again. `jitter`: take off a random part of up to a quarter. */
  | {
      readonly type: "start-timer";
      readonly slot: Slot;
      readonly timer: SlotTimer;
      readonly ms: number;
      readonly jitter: boolean;
    }
  | { readonly type: "stop-timer"; readonly slot: Slot; readonly timer: SlotTimer }
  | { readonly type: "start-idle-hold"; readonly ms: number }
  | { readonly type: "stop-idle-hold" }
  | { readonly type: "up"; readonly slot: Slot; readonly negotiated: Negotiated }
  | { readonly type: "down"; readonly reason: DownReason }
  | { readonly type: "deliver"; readonly update: UpdateMessage }
  /** The peer wants to be told everything of a family again. */
  | { readonly type: "refresh"; readonly family: Family }
  /** The peer begins, or has ended, to tell everything of a family again (RFC 7313). */
  | { readonly type: "refreshed"; readonly family: Family; readonly stage: "begin" | "end" }
  /** Why there is no session, for `status`. */
  | { readonly type: "note"; readonly trouble: Trouble };

export interface Step<S> {
  readonly session: S;
  readonly actions: readonly SessionAction[];
}
