import { ByteReader, ByteWriter } from "@ocicat/net";
import { NLA_F_NESTED, NLA_TYPE_MASK } from "./constants.ts";

/*
 * An attribute (RFC 3549 §2.2), little-endian as the kernel on this architecture, padded to 4 bytes:
 *
 *       0               2               4
 *      +---------------+---------------+-----------------+- - - - -+
 *      | length        | type | flags  | payload         | padding |
 *      +---------------+---------------+-----------------+- - - - -+
 *        of header and payload,          nested: attributes again
 *        not of the padding
 */

/** What a nested builder may do: append attributes. */
export interface AttributeSink {
  u8(type: number, value: number): this;
  u16(type: number, value: number): this;
  u32(type: number, value: number): this;
  u16be(type: number, value: number): this;
  u32be(type: number, value: number): this;
  u64be(type: number, value: bigint): this;
  /** NUL-terminated, as most of the kernel's string policies want. */
  string(type: number, value: string): this;
  bytes(type: number, value: Uint8Array): this;
  flag(type: number): this;
  nested(type: number, build: (inner: AttributeSink) => void): this;
}

/** Builds messages one behind the other in one buffer, ready for one send. */
export class MessageWriter implements AttributeSink {
  readonly #out: ByteWriter;
  #start = -1;

  constructor(capacity = 4096) {
    this.#out = new ByteWriter(capacity);
  }

  get length(): number {
    return this.#out.length;
  }

  /**
   * Starts a message; the one before is closed.
   *
   *      +-------+------+-------+------+------+  - - - - - - - - - - -
   *      | len 4 | ty 2 | flg 2 | seq 4| pid 4|  fixed header, attributes
   *      +-------+------+-------+------+------+  - - - - - - - - - - -
   */
  begin(type: number, flags: number, sequence: number, fixedHeader: Uint8Array): this {
    this.#close();
    this.#start = this.#out.length;
    this.#out.u32le(0).u16le(type).u16le(flags).u32le(sequence).u32le(0).bytes(fixedHeader);
    this.#pad();
    return this;
  }

  u8(type: number, value: number): this {
    this.#out.u16le(5).u16le(type).u8(value).zeros(3);
    return this;
  }

  u16(type: number, value: number): this {
    this.#out.u16le(6).u16le(type).u16le(value).zeros(2);
    return this;
  }

  u32(type: number, value: number): this {
    this.#out.u16le(8).u16le(type).u32le(value);
    return this;
  }

  u16be(type: number, value: number): this {
    this.#out.u16le(6).u16le(type).u16(value).zeros(2);
    return this;
  }

  u32be(type: number, value: number): this {
    this.#out.u16le(8).u16le(type).u32(value);
    return this;
  }

  u64be(type: number, value: bigint): this {
    this.#out
      .u16le(12)
      .u16le(type)
      .u32(Number(value >> 32n))
      .u32(Number(value & 0xffff_ffffn));
    return this;
  }

  string(type: number, value: string): this {
    this.#out.u16le(4 + value.length + 1).u16le(type);
    for (let index = 0; index < value.length; index++) this.#out.u8(value.charCodeAt(index));
    this.#out.u8(0);
    return this.#pad();
  }

  bytes(type: number, value: Uint8Array): this {
    this.#out
      .u16le(4 + value.length)
      .u16le(type)
      .bytes(value);
    return this.#pad();
  }

  flag(type: number): this {
    this.#out.u16le(4).u16le(type);
    return this;
  }

  /** Throws RangeError if the nested attributes exceed the 16-bit length: the caller must split over several messages. */
  nested(type: number, build: (inner: AttributeSink) => void): this {
    const start = this.#out.length;
    this.#out.u16le(0).u16le(type | NLA_F_NESTED);
    build(this);
    const length = this.#out.length - start;
    if (length > 0xffff) throw new RangeError(`nested attribute ${type} is ${length} bytes, more than 65535`);
    this.#out.patchU16le(start, length);
    return this;
  }

  /** A copy of all messages, closed. */
  finish(): Uint8Array {
    this.#close();
    return this.#out.finish();
  }

  #pad(): this {
    this.#out.zeros((4 - (this.#out.length & 3)) & 3);
    return this;
  }

  #close(): void {
    if (this.#start >= 0) this.#out.patchU32le(this.#start, this.#out.length - this.#start);
    this.#start = -1;
  }
}

/** Attributes by type, read on demand from the bytes they arrived in. A type that repeats keeps its last (see `each`). */
export class Attributes {
  readonly #byType = new Map<number, Uint8Array>();
  readonly #all: { readonly type: number; readonly payload: Uint8Array }[] = [];

  constructor(bytes: Uint8Array) {
    const reader = new ByteReader(bytes);
    while (reader.left >= 4) {
      const length = reader.u16le();
      const type = reader.u16le() & NLA_TYPE_MASK;
      const payload = reader.bytes(length - 4);
      reader.skip(Math.min((4 - (length & 3)) & 3, reader.left));
      this.#byType.set(type, payload);
      this.#all.push({ type, payload });
    }
  }

  has(type: number): boolean {
    return this.#byType.has(type);
  }

  /** Every attribute in order, for lists in which one type repeats. */
  each(): readonly { readonly type: number; readonly payload: Uint8Array }[] {
    return this.#all;
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#byType.get(type);
  }

  u8(type: number): number | undefined {
    return this.#byType.get(type)?.[0];
  }

  u16(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u16le());
  }

  u32(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u32le());
  }

  u16be(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u16());
  }

  u32be(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u32());
  }

  u64be(type: number): bigint | undefined {
    return this.#read(type, (reader) => (BigInt(reader.u32()) << 32n) | BigInt(reader.u32()));
  }

  /** Without the terminating NUL. */
  string(type: number): string | undefined {
    const payload = this.#byType.get(type);
    if (payload === undefined) return undefined;
    const end = payload.indexOf(0);
    return String.fromCharCode(...payload.subarray(0, end < 0 ? payload.length : end));
  }

  nested(type: number): Attributes | undefined {
    const payload = this.#byType.get(type);
    return payload === undefined ? undefined : new Attributes(payload);
  }

  #read<T>(type: number, read: (reader: ByteReader) => T): T | undefined {
    const payload = this.#byType.get(type);
    return payload === undefined ? undefined : read(new ByteReader(payload));
  }
}
