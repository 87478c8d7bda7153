import type { BgpError } from "../error.ts";
import type { NotificationMessage } from "../wire/message.ts";
import { formatNotification, withoutHardReset } from "../wire/notification.ts";
import { type NotificationKind, notificationKind } from "../wire/notification-kinds.ts";

/** Every reason why a session does not come up, or did not stay up; with what mends it. */
export const TROUBLES = {
  "no-answer": "see that the peer is up, and that nothing on the way drops TCP port 179",
  unreachable: "add a route to the peer, or mend the link",
  refused: "start BGP on the peer, or set the port on which it listens",
  "local-address": "give this node the source address, or configure another",
  unsupported: "leave the protection out, or use a transport that has it",
  "md5-mismatch": "configure the same password on both sides",
  "md5-missing": "configure the password on the peer too, or on neither side",
  "md5-unexpected": "configure the peer's password here too, or on neither side",
  closed: "look into the peer's log: it ended the connection without a word",
  "wrong-as": "configure the AS number that the other side has",
  "bad-identifier": "give each speaker a BGP identifier of its own",
  "capability-missing": "configure an address family that both sides speak",
  "role-mismatch": "configure the counterpart's role (provider and customer, rs and rs-client, peer and peer)",
  "hold-timer": "see whether packets are lost on the way, or the peer is overloaded",
  "send-hold-timer": "see why the peer does not read: it is overloaded, or has stopped",
  collision: "nothing: one of two connections was kept",
  "prefix-limit": "see why so many routes are announced, or raise the limit",
  "shut-down": "enable the peering again on the side where it was shut down",
  rejected: "configure this speaker as a peer on the other side",
  "peer-restarted": "nothing: the peer is back",
  "protocol-error": "look into both sides' logs: one of them sent what the other does not accept",
  unknown: "look into both sides' logs",
} as const satisfies Record<string, string>;

export type TroubleKind = keyof typeof TROUBLES;

/** Why a session is not up: `kind` for programs, `text` for people. `TROUBLES` knows what mends it. */
export interface Trouble {
  readonly kind: TroubleKind;
  readonly text: string;
}

/** Of the NOTIFICATIONs, those that say more than that something was wrong. */
const OF_NOTIFICATION: Readonly<Partial<Record<NotificationKind, TroubleKind>>> = {
  "open/bad-peer-as": "wrong-as",
  "open/bad-identifier": "bad-identifier",
  "open/unsupported-capability": "capability-missing",
  "open/role-mismatch": "role-mismatch",
  "hold-timer-expired": "hold-timer",
  "send-hold-timer-expired": "send-hold-timer",
  "cease/prefix-limit": "prefix-limit",
  "cease/shutdown": "shut-down",
  "cease/deconfigured": "rejected",
  "cease/rejected": "rejected",
  "cease/collision": "collision",
};

/** What this side found wrong. */
export function troubleOf(error: BgpError): Trouble {
  return { kind: OF_NOTIFICATION[error.kind] ?? "protocol-error", text: error.message };
}

/** What the peer says. */
export function troubleTold(message: NotificationMessage): Trouble {
  const { code, subcode } = withoutHardReset(message);
  const kind = notificationKind(code, subcode);
  const plain = code === 6 ? "unknown" : "protocol-error";
  const trouble = kind === undefined ? undefined : OF_NOTIFICATION[kind];
  return { kind: trouble ?? plain, text: `received ${formatNotification(message)}` };
}
