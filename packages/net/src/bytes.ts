/** Thrown when a reader is asked for more than is left: the input was cut short. */
export class TruncatedError extends Error {
  readonly code = "TRUNCATED";
}

/** A cursor over bytes, big-endian unless the name says otherwise. Reading past the end throws TruncatedError. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u16le(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32le(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32le(): number {
    return this.#view.getInt32(this.#take(4), true);
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
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u16le(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32le(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
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
    this.#view.setUint8(offset, value);
  }

  /** The same for two bytes. */
  patchU16(offset: number, value: number): void {
    this.#view.setUint16(offset, value);
  }

  patchU16le(offset: number, value: number): void {
    this.#view.setUint16(offset, value, true);
  }

  patchU32le(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
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

  /** Makes room and returns where it starts. It may replace the buffer and the view: call it before naming either. */
  #grow(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = needed;
    return start;
  }
}
