import type { Family, Ipv4 } from "@ocicat/net";
import type { AttributeProblem } from "./attributes/decode.ts";
import type { PathAttributes } from "./attributes/types.ts";
import type { Capabilities } from "./capabilities.ts";
import type { Nlri } from "./nlri.ts";

export interface OpenMessage {
  readonly type: "open";
  readonly version: number;
  /** From the 4-octet capability where there is one (RFC 6793 §4.1), else from My Autonomous System. */
  readonly as: number;
  /** Seconds. */
  readonly holdTimeS: number;
  readonly routerId: Ipv4;
  readonly capabilities: Capabilities;
}

/** Prefixes that share attributes, all of one family. */
export interface Announcement extends Nlri {
  readonly attributes: PathAttributes;
}

export interface UpdateMessage {
  readonly type: "update";
  /** Of either family. */
  readonly withdrawn: Nlri;
  readonly announced: readonly Announcement[];
  /** RFC 4724 §2: the peer has sent all it had of this family. */
  readonly endOfRib: Family | undefined;
  /** What was forgiven in decoding (RFC 7606); empty in messages to send. */
  readonly problems: readonly AttributeProblem[];
}

export interface NotificationMessage {
  readonly type: "notification";
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

export interface KeepaliveMessage {
  readonly type: "keepalive";
}

/** RFC 2918; `subtype` 0 is the plain request, 1 and 2 bracket the answer (RFC 7313). A family that is not ours: undefined. */
export interface RouteRefreshMessage {
  readonly type: "route-refresh";
  readonly family: Family | undefined;
  readonly subtype: number;
}

export type Message = OpenMessage | UpdateMessage | NotificationMessage | KeepaliveMessage | RouteRefreshMessage;
