import { BgpError } from "../error.ts";
import { HEADER_LENGTH, MARKER_LENGTH, MAX_MESSAGE, type MessageType, SIZE_RULES } from "./header.ts";

/** A message cut out of the stream; `body` is what follows the header. */
export interface Frame {
  readonly type: MessageType;
  readonly body: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** Cuts a byte stream into messages. Bytes may come in any pieces; a piece that holds whole messages is not copied. */
export class Framer {
  #pending: Uint8Array = EMPTY;
  #max = MAX_MESSAGE;

  /** RFC 8654: raises the limit once both OPENs have allowed it. */
  set maxMessage(bytes: number) {
    this.#max = bytes;
  }

  push(chunk: Uint8Array): void {
    this.#pending = this.#pending.length === 0 ? chunk : concat(this.#pending, chunk);
  }

  /** The next whole message, undefined if more bytes are needed. Throws BgpError (header errors, RFC 4271 §6.1): the stream is lost. */
  next(): Frame | undefined {
    const bytes = this.#pending;
    checkMarker(bytes);
    if (bytes.length < HEADER_LENGTH) return undefined;
    const length = ((bytes[MARKER_LENGTH] ?? 0) << 8) | (bytes[MARKER_LENGTH + 1] ?? 0);
    const type = checkHeader(bytes[MARKER_LENGTH + 2] ?? 0, length, this.#max);
    if (bytes.length < length) return undefined;
    this.#pending = bytes.length === length ? EMPTY : bytes.subarray(length);
    return { type, body: bytes.subarray(HEADER_LENGTH, length) };
  }
}

function checkMarker(bytes: Uint8Array): void {
  for (let index = 0; index < MARKER_LENGTH && index < bytes.length; index++) {
    if (bytes[index] !== 0xff) {
      throw new BgpError("header/not-synchronized", `byte ${index} of the marker is ${bytes[index]}, not 255`);
    }
  }
}

function checkHeader(type: number, length: number, max: number): MessageType {
  const rule = SIZE_RULES.get(type);
  // The length comes first: with a length that no message has, the type says nothing.
  if (length < HEADER_LENGTH || length > max) throw badLength(`a message of ${length} bytes`, length);
  if (rule === undefined) {
    throw new BgpError("header/bad-type", `message type ${type} is unknown`, { data: Uint8Array.of(type) });
  }
  if (length < rule.min || length > (rule.extensible ? max : rule.max)) {
    throw badLength(`a ${rule.type} message of ${length} bytes`, length);
  }
  return rule.type;
}

function badLength(what: string, length: number): BgpError {
  return new BgpError("header/bad-length", what, { data: Uint8Array.of(length >>> 8, length & 255) });
}

export function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
