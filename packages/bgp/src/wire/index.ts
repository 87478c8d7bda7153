/** The wire format by itself: for captures, tools and tests. */
export { BgpError } from "../error.ts";
export { formatAsPath } from "./attributes/as-path.ts";
export { formatAttributes } from "./attributes/encode.ts";
export type { PathAttributes } from "./attributes/types.ts";
export { NO_CAPABILITIES } from "./capabilities.ts";
export { type ControlMessage, decodeMessage, encodeControl } from "./codec.ts";
export { type CodecContext, DEFAULT_CONTEXT } from "./context.ts";
export { type Frame, Framer } from "./framer.ts";
export type {
  Announcement,
  KeepaliveMessage,
  Message,
  NotificationMessage,
  OpenMessage,
  RouteRefreshMessage,
  UpdateMessage,
} from "./message.ts";
export { formatNotification, notification } from "./notification.ts";
export { NOTIFICATION_KINDS, type NotificationKind } from "./notification-kinds.ts";
export { packAnnouncements, packEndOfRib, packWithdrawals } from "./pack.ts";
