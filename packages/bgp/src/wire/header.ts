import { ByteWriter } from "@ocicat/net";

/**
 * RFC 4271 §4.1
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------------------------------------------------------+
 *     |                                                               |
 *     +                                                               +
 *     |                      Marker, 16 × 0xff                        |
 *     +                                                               +
 *     |                                                               |
 *     +                                                               +
 *     |                                                               |
 *     +-------------------------------+---------------+---------------+
 *     |  Length, header included      |     Type      |  body ...
 *     +-------------------------------+---------------+
 */
export const HEADER_LENGTH = 19;
export const MARKER_LENGTH = 16;

/** RFC 4271 §4.1: no message is longer; with RFC 8654 both sides may agree on 65,535. */
export const MAX_MESSAGE = 4_096;
export const MAX_EXTENDED_MESSAGE = 65_535;

export const MESSAGE_TYPES = {
  open: 1,
  update: 2,
  notification: 3,
  keepalive: 4,
  "route-refresh": 5,
} as const;

export type MessageType = keyof typeof MESSAGE_TYPES;

/** Least and greatest length, header included; RFC 8654 §4 keeps OPEN and KEEPALIVE at 4,096. `extensible`: may exceed it. */
interface SizeRule {
  readonly type: MessageType;
  readonly min: number;
  readonly max: number;
  readonly extensible: boolean;
}

export const SIZE_RULES: ReadonlyMap<number, SizeRule> = new Map(
  (
    [
      { type: "open", min: 29, max: MAX_MESSAGE, extensible: false },
      { type: "update", min: 23, max: MAX_MESSAGE, extensible: true },
      { type: "notification", min: 21, max: MAX_MESSAGE, extensible: true },
      { type: "keepalive", min: HEADER_LENGTH, max: HEADER_LENGTH, extensible: false },
      // RFC 7313 §5: a wrong length is answered by its own error, so it must get past the framer.
      { type: "route-refresh", min: HEADER_LENGTH, max: MAX_MESSAGE, extensible: true },
    ] as const
  ).map((rule) => [MESSAGE_TYPES[rule.type], rule]),
);

/** A message with its header; `write` appends the body. */
export function frame(type: MessageType, write: (body: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  for (let index = 0; index < MARKER_LENGTH; index++) writer.u8(0xff);
  writer.u16(0).u8(MESSAGE_TYPES[type]);
  write(writer);
  writer.patchU16(MARKER_LENGTH, writer.length);
  return writer.finish();
}
