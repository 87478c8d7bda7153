import { TruncatedError } from "@ocicat/net";
import { BgpError } from "../error.ts";
import type { CodecContext } from "./context.ts";
import type { Frame } from "./framer.ts";
import { frame, type MessageType } from "./header.ts";
import type { KeepaliveMessage, Message, NotificationMessage, OpenMessage, RouteRefreshMessage } from "./message.ts";
import { decodeNotification, encodeNotification } from "./notification.ts";
import { decodeOpen, encodeOpen } from "./open.ts";
import { decodeRouteRefresh, encodeRouteRefresh } from "./route-refresh.ts";
import { decodeUpdate } from "./update.ts";

const DECODERS: Readonly<Record<MessageType, (body: Uint8Array, context: CodecContext) => Message>> = {
  open: decodeOpen,
  update: decodeUpdate,
  notification: decodeNotification,
  keepalive: () => ({ type: "keepalive" }),
  "route-refresh": decodeRouteRefresh,
};

/** Throws BgpError and nothing else, whatever the bytes. */
export function decodeMessage({ type, body }: Frame, context: CodecContext): Message {
  try {
    return DECODERS[type](body, context);
  } catch (error) {
    if (!(error instanceof TruncatedError)) throw error;
    // The framer lets no body pass that is shorter than its fixed fields; only a caller without one gets here.
    const length = body.length + 19;
    throw new BgpError("header/bad-length", `a ${type} message of ${length} bytes`, {
      data: Uint8Array.of(length >>> 8, length & 255),
      cause: error,
    });
  }
}

/** What the session itself sends. UPDATEs are packed from routes: see pack.ts. */
export type ControlMessage = OpenMessage | NotificationMessage | KeepaliveMessage | RouteRefreshMessage;

export function encodeControl(message: ControlMessage): Uint8Array {
  switch (message.type) {
    case "open":
      return encodeOpen(message);
    case "notification":
      return encodeNotification(message);
    case "keepalive":
      return frame("keepalive", () => undefined);
    case "route-refresh":
      return encodeRouteRefresh(message);
  }
}
