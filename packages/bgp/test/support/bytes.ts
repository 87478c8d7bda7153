import { BgpError } from "../../src/error.ts";
import { decodeMessage } from "../../src/wire/codec.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { Framer } from "../../src/wire/framer.ts";
import type { Message, UpdateMessage } from "../../src/wire/message.ts";
import { decodeUpdate } from "../../src/wire/update.ts";

/** Bytes from hex digits; anything else (blanks, bars) is only there to be read. */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/[^0-9a-fA-F]/g, "");
  if (digits.length % 2 !== 0) throw new Error(`odd number of hex digits in "${text}"`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16),
  );
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const MARKER = "ff".repeat(16);

/** A message from its type and body, header and length put before it. */
export function message(type: number, body: Uint8Array): Uint8Array {
  const length = 19 + body.length;
  return Uint8Array.of(...hex(MARKER), length >>> 8, length & 255, type, ...body);
}

/** The one message in these bytes. */
export function decodeOne(bytes: Uint8Array, context: CodecContext = DEFAULT_CONTEXT): Message {
  const framer = new Framer();
  framer.maxMessage = context.maxMessage;
  framer.push(bytes);
  const frame = framer.next();
  if (frame === undefined) throw new Error("the message is not whole");
  return decodeMessage(frame, context);
}

export function decodeUpdateBytes(bytes: Uint8Array, context: CodecContext = DEFAULT_CONTEXT): UpdateMessage {
  const decoded = decodeOne(bytes, context);
  if (decoded.type !== "update") throw new Error(`${decoded.type} is not an update`);
  return decoded;
}

/** The UPDATEs in these bytes. */
export function decodeUpdates(bytes: Uint8Array, context: CodecContext = DEFAULT_CONTEXT): UpdateMessage[] {
  const framer = new Framer();
  framer.maxMessage = context.maxMessage;
  framer.push(bytes);
  const updates: UpdateMessage[] = [];
  for (let frame = framer.next(); frame !== undefined; frame = framer.next()) {
    const decoded = decodeMessage(frame, context);
    if (decoded.type !== "update") throw new Error(`${decoded.type} is not an update`);
    updates.push(decoded);
  }
  return updates;
}

/** The body of an UPDATE from its three fields in hex. */
export function updateBody(withdrawn: string, attributes: string, nlri: string): Uint8Array {
  const [first, second, third] = [hex(withdrawn), hex(attributes), hex(nlri)];
  return Uint8Array.of(
    first.length >>> 8,
    first.length & 255,
    ...first,
    second.length >>> 8,
    second.length & 255,
    ...second,
    ...third,
  );
}

export function decodeBody(body: Uint8Array, context: CodecContext = DEFAULT_CONTEXT): UpdateMessage {
  return decodeUpdate(body, context);
}

/** The BgpError that `act` throws. */
export function bgpError(act: () => unknown): BgpError {
  try {
    act();
  } catch (error) {
    if (error instanceof BgpError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
