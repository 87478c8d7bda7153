/** Thrown when a reader is asked for more than is left: the input was cut short. */
export class TruncatedError extends Error {
  readonly code = "TRUNCATED";
}

/**
 * A cursor over bytes, big-endian unless the name says otherwise. Reading past the end throws TruncatedError. It reads byte by
 * byte: most readers read a few words, and making a DataView costs more than those.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get left(): number {
    return this.#end - this.#offset;
  }

  u8(): number {
    return this.#at(this.#take(1));
  }

  u16(): number {
    const start = this.#take(2);
    return (this.#at(start) << 8) | this.#at(start + 1);
  }

  u32(): number {
    const start = this.#take(4);
    const high = (this.#at(start) << 24) | (this.#at(start + 1) << 16);
    return (high | (this.#at(start + 2) << 8) | this.#at(start + 3)) >>> 0;
  }

  u16le(): number {
    const start = this.#take(2);
    return this.#at(start) | (this.#at(start + 1) << 8);
  }

  u32le(): number {
    return this.i32le() >>> 0;
  }

  i32le(): number {
    const start = this.#take(4);
    const low = this.#at(start) | (this.#at(start + 1) << 8);
    return low | (this.#at(start + 2) << 16) | (this.#at(start + 3) << 24);
  }

  /** A view of the next `count` bytes, not a copy. */
  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** A reader over the next `count` bytes only. */
  sub(count: number): ByteReader {
    const start = this.#take(count);
    return new ByteReader(this.#bytes, start, start + count);
  }

  skip(count: number): void {
    this.#take(count);
  }

  #at(offset: number): number {
    return this.#bytes[offset] ?? 0;
  }

  #take(count: number): number {
    const start = this.#offset;
    if (count < 0 || start + count > this.#end) {
      throw new TruncatedError(`wanted ${count} bytes at offset ${start}, ${this.#end - start} left`);
    }
    this.#offset = start + count;
    return start;
  }
}

/** Appends to a buffer that grows by doubling. Big-endian unless the name says otherwise. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    this.patchU16(this.#grow(2), value);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.patchU16(at, value >>> 16);
    this.patchU16(at + 2, value);
    return this;
  }

  u16le(value: number): this {
    this.patchU16le(this.#grow(2), value);
    return this;
  }

  u32le(value: number): this {
    this.patchU32le(this.#grow(4), value);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  zeros(count: number): this {
    const start = this.#grow(count);
    this.#bytes.fill(0, start, start + count);
    return this;
  }

  /** Overwrites a byte written before: for lengths known only afterwards. */
  patchU8(offset: number, value: number): void {
    this.#bytes[offset] = value;
  }

  /** The same for two bytes. */
  patchU16(offset: number, value: number): void {
    this.#bytes[offset] = value >>> 8;
    this.#bytes[offset + 1] = value;
  }

  patchU16le(offset: number, value: number): void {
    this.#bytes[offset] = value;
    this.#bytes[offset + 1] = value >>> 8;
  }

  patchU32le(offset: number, value: number): void {
    this.patchU16le(offset, value);
    this.patchU16le(offset + 2, value >>> 16);
  }

  /** Moves what was written from `offset` on, so that `count` bytes come before it; they are to be patched. */
  makeGap(offset: number, count: number): void {
    this.#grow(count);
    this.#bytes.copyWithin(offset + count, offset, this.#length - count);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Makes room and returns where it starts. It may replace the buffer: call it before naming that. */
  #grow(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    this.#length = needed;
    return start;
  }
}
