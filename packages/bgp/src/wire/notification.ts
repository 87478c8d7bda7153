import { ByteReader } from "@ocicat/net";
import type { BgpError } from "../error.ts";
import { frame } from "./header.ts";
import type { NotificationMessage } from "./message.ts";
import {
  describeNotification,
  NOTIFICATION_KINDS,
  type NotificationKind,
  notificationKind,
} from "./notification-kinds.ts";
import { cutUtf8, decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** RFC 9003 §2: longest text of a shutdown communication, in bytes. */
const MAX_COMMUNICATION = 255;

/**
 * RFC 4271 §4.5
 *
 *     +---------------+---------------+--------------
 *     |  error code   |    subcode    |  data ...
 *     +---------------+---------------+--------------
 *
 * Data of Cease/2 and Cease/4: | length | text in UTF-8 |  (RFC 9003)
 */
export function decodeNotification(body: Uint8Array): NotificationMessage {
  const reader = new ByteReader(body);
  return { type: "notification", code: reader.u8(), subcode: reader.u8(), data: reader.bytes(reader.left).slice() };
}

export function encodeNotification({ code, subcode, data }: NotificationMessage): Uint8Array {
  return frame("notification", (writer) => writer.u8(code).u8(subcode).bytes(data));
}

export function notificationOf(error: BgpError): NotificationMessage {
  return { type: "notification", code: error.errorCode, subcode: error.errorSubcode, data: error.data };
}

/** A NOTIFICATION without data, or with words for the other operator (Cease/2 and Cease/4 only). */
export function notification(kind: NotificationKind, communication = ""): NotificationMessage {
  const [code, subcode] = NOTIFICATION_KINDS[kind];
  const text = cutUtf8(encodeUtf8(communication), MAX_COMMUNICATION);
  const data = text.length === 0 ? new Uint8Array(0) : Uint8Array.of(text.length, ...text);
  return { type: "notification", code, subcode, data };
}

/**
 * RFC 8538 §3: what ends a session for good between speakers that keep routes over NOTIFICATIONs. Data of Cease/9:
 *
 *     +---------------+---------------+--------------
 *     |  error code   |    subcode    |  data ...       of the NOTIFICATION that it stands for
 *     +---------------+---------------+--------------
 */
export function hardReset({ code, subcode, data }: NotificationMessage): NotificationMessage {
  const [cease, hard] = NOTIFICATION_KINDS["cease/hard-reset"];
  return { type: "notification", code: cease, subcode: hard, data: Uint8Array.of(code, subcode, ...data) };
}

export function isHardReset({ code, subcode }: NotificationMessage): boolean {
  return notificationKind(code, subcode) === "cease/hard-reset";
}

/** What a hard reset stands for; any other NOTIFICATION is itself. */
export function withoutHardReset(message: NotificationMessage): NotificationMessage {
  const [code, subcode, ...data] = message.data;
  if (!isHardReset(message)) return message;
  if (code === undefined || subcode === undefined) return message;
  return { type: "notification", code, subcode, data: Uint8Array.from(data) };
}

/** "Cease: Administrative Shutdown (maintenance)". */
export function formatNotification(message: NotificationMessage): string {
  const inner = withoutHardReset(message);
  const { code, subcode, data } = inner;
  const text = describeNotification(code, subcode);
  const communication = shutdownCommunication(code, subcode, data);
  return `${inner === message ? "" : "Hard Reset: "}${communication === "" ? text : `${text} (${communication})`}`;
}

function shutdownCommunication(code: number, subcode: number, data: Uint8Array): string {
  const kind = notificationKind(code, subcode);
  if (kind !== "cease/shutdown" && kind !== "cease/reset") return "";
  return decodeUtf8(data.subarray(1, 1 + (data[0] ?? 0)));
}
