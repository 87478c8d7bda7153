import { OcicatError } from "@ocicat/kit";
import { NOTIFICATION_KINDS, type NotificationKind } from "./wire/notification-kinds.ts";

/** A protocol error: says what was wrong, and which NOTIFICATION tells the peer. Stable code: `BGP_` and the kind in upper snake case. */
export class BgpError extends OcicatError {
  readonly kind: NotificationKind;
  readonly errorCode: number;
  readonly errorSubcode: number;
  /** The Data field of the NOTIFICATION. */
  readonly data: Uint8Array;

  constructor(
    kind: NotificationKind,
    what: string,
    options: { readonly data?: Uint8Array; readonly cause?: unknown } = {},
  ) {
    const [errorCode, errorSubcode, name] = NOTIFICATION_KINDS[kind];
    super({ code: `BGP_${kind.toUpperCase().replaceAll(/[/-]/g, "_")}`, what, why: name, cause: options.cause });
    this.kind = kind;
    this.errorCode = errorCode;
    this.errorSubcode = errorSubcode;
    this.data = options.data ?? new Uint8Array(0);
  }
}
