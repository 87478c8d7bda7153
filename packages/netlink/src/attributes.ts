import { TruncatedError } from "@ocicat/net";
import { NLA_TYPE_MASK } from "./constants.ts";

export interface Attribute {
  readonly type: number;
  readonly payload: Uint8Array;
}

/**
 * Attributes by type, read on demand from the bytes they arrived in (a view: copy what must outlive the buffer).
 * A message has a dozen at most, so a look-up walks an array. A type that repeats: the last one is found (see `each`).
 * Throws TruncatedError if a length lies, or a payload is shorter than what is read from it.
 */
export class Attributes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Type, start and end of each payload. */
  readonly #index: number[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let offset = 0; bytes.length - offset >= 4; ) {
      const length = this.#view.getUint16(offset, true);
      const end = offset + length;
      if (length < 4 || end > bytes.length) {
        throw new TruncatedError(`attribute at ${offset} says ${length} bytes, ${bytes.length - offset} are there`);
      }
      this.#index.push(this.#view.getUint16(offset + 2, true) & NLA_TYPE_MASK, offset + 4, end);
      offset = (end + 3) & ~3;
    }
  }

  has(type: number): boolean {
    return this.#find(type) >= 0;
  }

  /** Every attribute in order, for lists in which one type repeats. */
  each(): readonly Attribute[] {
    const all: Attribute[] = [];
    for (let at = 0; at < this.#index.length; at += 3) {
      all.push({ type: this.#index[at] ?? 0, payload: this.#bytes.subarray(this.#index[at + 1], this.#index[at + 2]) });
    }
    return all;
  }

  bytes(type: number): Uint8Array | undefined {
    const at = this.#find(type);
    return at < 0 ? undefined : this.#bytes.subarray(this.#index[at + 1], this.#index[at + 2]);
  }

  u8(type: number): number | undefined {
    const start = this.#start(type, 1);
    return start < 0 ? undefined : this.#view.getUint8(start);
  }

  u16(type: number): number | undefined {
    const start = this.#start(type, 2);
    return start < 0 ? undefined : this.#view.getUint16(start, true);
  }

  u32(type: number): number | undefined {
    const start = this.#start(type, 4);
    return start < 0 ? undefined : this.#view.getUint32(start, true);
  }

  u64(type: number): bigint | undefined {
    const start = this.#start(type, 8);
    return start < 0 ? undefined : this.#view.getBigUint64(start, true);
  }

  u16be(type: number): number | undefined {
    const start = this.#start(type, 2);
    return start < 0 ? undefined : this.#view.getUint16(start);
  }

  u32be(type: number): number | undefined {
    const start = this.#start(type, 4);
    return start < 0 ? undefined : this.#view.getUint32(start);
  }

  u64be(type: number): bigint | undefined {
    const start = this.#start(type, 8);
    return start < 0 ? undefined : this.#view.getBigUint64(start);
  }

  /** One byte a character, up to the terminating NUL. */
  string(type: number): string | undefined {
    const payload = this.bytes(type);
    if (payload === undefined) return undefined;
    let text = "";
    for (const code of payload) {
      if (code === 0) break;
      text += String.fromCharCode(code);
    }
    return text;
  }

  nested(type: number): Attributes | undefined {
    const payload = this.bytes(type);
    return payload === undefined ? undefined : new Attributes(payload);
  }

  /** Where the payload of at least `size` bytes starts; -1 if the attribute is absent. */
  #start(type: number, size: number): number {
    const at = this.#find(type);
    if (at < 0) return -1;
    const start = this.#index[at + 1] ?? 0;
    const end = this.#index[at + 2] ?? 0;
    if (end - start < size) throw new TruncatedError(`attribute ${type} has ${end - start} bytes, not ${size}`);
    return start;
  }

  #find(type: number): number {
    for (let at = this.#index.length - 3; at >= 0; at -= 3) if (this.#index[at] === type) return at;
    return -1;
  }
}
