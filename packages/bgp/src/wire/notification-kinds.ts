/**
 * Every error that BGP can tell a peer: code, subcode, the name in IANA's registry. RFC 4271 §4.5 and §6, RFC 5492 §5
 * (unsupported capability), RFC 6608 (state machine), RFC 4486 and RFC 8538 (Cease), RFC 7313 (route refresh), RFC 9234 (role),
 * RFC 9687 (send hold timer).
 */
export const NOTIFICATION_KINDS = {
  "header/not-synchronized": [1, 1, "Connection Not Synchronized"],
  "header/bad-length": [1, 2, "Bad Message Length"],
  "header/bad-type": [1, 3, "Bad Message Type"],
  "open/unspecific": [2, 0, "OPEN Message Error"],
  "open/unsupported-version": [2, 1, "Unsupported Version Number"],
  "open/bad-peer-as": [2, 2, "Bad Peer AS"],
  "open/bad-identifier": [2, 3, "Bad BGP Identifier"],
  "open/unsupported-parameter": [2, 4, "Unsupported Optional Parameter"],
  "open/bad-hold-time": [2, 6, "Unacceptable Hold Time"],
  "open/unsupported-capability": [2, 7, "Unsupported Capability"],
  "open/role-mismatch": [2, 11, "Role Mismatch"],
  "update/malformed-attribute-list": [3, 1, "Malformed Attribute List"],
  "update/unrecognized-well-known": [3, 2, "Unrecognized Well-known Attribute"],
  "update/missing-well-known": [3, 3, "Missing Well-known Attribute"],
  "update/attribute-flags": [3, 4, "Attribute Flags Error"],
  "update/attribute-length": [3, 5, "Attribute Length Error"],
  "update/invalid-origin": [3, 6, "Invalid ORIGIN Attribute"],
  "update/invalid-next-hop": [3, 8, "Invalid NEXT_HOP Attribute"],
  "update/optional-attribute": [3, 9, "Optional Attribute Error"],
  "update/invalid-network": [3, 10, "Invalid Network Field"],
  "update/malformed-as-path": [3, 11, "Malformed AS_PATH"],
  "hold-timer-expired": [4, 0, "Hold Timer Expired"],
  "fsm/unspecific": [5, 0, "Finite State Machine Error"],
  "fsm/in-open-sent": [5, 1, "Receive Unexpected Message in OpenSent State"],
  "fsm/in-open-confirm": [5, 2, "Receive Unexpected Message in OpenConfirm State"],
  "fsm/in-established": [5, 3, "Receive Unexpected Message in Established State"],
  "cease/unspecific": [6, 0, "Cease"],
  "cease/prefix-limit": [6, 1, "Maximum Number of Prefixes Reached"],
  "cease/shutdown": [6, 2, "Administrative Shutdown"],
  "cease/deconfigured": [6, 3, "Peer De-configured"],
  "cease/reset": [6, 4, "Administrative Reset"],
  "cease/rejected": [6, 5, "Connection Rejected"],
  "cease/configuration-change": [6, 6, "Other Configuration Change"],
  "cease/collision": [6, 7, "Connection Collision Resolution"],
  "cease/out-of-resources": [6, 8, "Out of Resources"],
  "cease/hard-reset": [6, 9, "Hard Reset"],
  "cease/bfd-down": [6, 10, "BFD Down"],
  "refresh/invalid-length": [7, 1, "Invalid Message Length"],
  "send-hold-timer-expired": [8, 0, "Send Hold Timer Expired"],
} as const satisfies Record<string, readonly [code: number, subcode: number, name: string]>;

export type NotificationKind = keyof typeof NOTIFICATION_KINDS;

const CODE_NAMES: Readonly<Record<number, string>> = {
  1: "Message Header Error",
  2: "OPEN Message Error",
  3: "UPDATE Message Error",
  4: "Hold Timer Expired",
  5: "Finite State Machine Error",
  6: "Cease",
  7: "ROUTE-REFRESH Message Error",
  8: "Send Hold Timer Expired",
};

const BY_NUMBERS = new Map(
  Object.entries(NOTIFICATION_KINDS).map(([kind, [code, subcode]]) => [code * 256 + subcode, kind as NotificationKind]),
);

/** The kind with these numbers, or undefined: a peer may send codes that are newer than this table. */
export function notificationKind(code: number, subcode: number): NotificationKind | undefined {
  return BY_NUMBERS.get(code * 256 + subcode);
}

/** "Cease: Administrative Shutdown", or numbers where there is no name. */
export function describeNotification(code: number, subcode: number): string {
  const kind = notificationKind(code, subcode);
  const codeName = CODE_NAMES[code] ?? `error code ${code}`;
  if (kind === undefined) return `${codeName}: subcode ${subcode}`;
  const name = NOTIFICATION_KINDS[kind][2];
  return name === codeName ? codeName : `${codeName}: ${name}`;
}
