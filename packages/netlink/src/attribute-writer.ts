import { ByteWriter } from "@ocicat/net";
import { NLA_F_NESTED } from "./constants.ts";
import type { AttributeSink } from "./sink.ts";

/*
 * An attribute (RFC 3549 §2.2), little-endian as the kernel on this architecture, padded to 4 bytes:
 *
 *       0               2               4
 *      +---------------+---------------+-----------------+- - - - -+
 *      | length        | flags | type  | payload         | padding |
 *      +---------------+---------------+-----------------+- - - - -+
 *        of header and payload,          nested: attributes again
 *        not of the padding
 */

const HEADER = 4;
const MAX_LENGTH = 0xffff;

/** Attributes one behind the other. */
export class AttributeWriter implements AttributeSink {
  protected readonly out: ByteWriter;

  constructor(capacity = 256) {
    this.out = new ByteWriter(capacity);
  }

  get length(): number {
    return this.out.length;
  }

  u8(type: number, value: number): this {
    this.out
      .u16le(HEADER + 1)
      .u16le(type)
      .u8(value)
      .zeros(3);
    return this;
  }

  u16(type: number, value: number): this {
    this.out
      .u16le(HEADER + 2)
      .u16le(type)
      .u16le(value)
      .zeros(2);
    return this;
  }

  u32(type: number, value: number): this {
    this.out
      .u16le(HEADER + 4)
      .u16le(type)
      .u32le(value);
    return this;
  }

  u64(type: number, value: bigint): this {
    this.out.u16le(HEADER + 8).u16le(type);
    this.out.u32le(Number(value & 0xffff_ffffn)).u32le(Number((value >> 32n) & 0xffff_ffffn));
    return this;
  }

  u16be(type: number, value: number): this {
    this.out
      .u16le(HEADER + 2)
      .u16le(type)
      .u16(value)
      .zeros(2);
    return this;
  }

  u32be(type: number, value: number): this {
    this.out
      .u16le(HEADER + 4)
      .u16le(type)
      .u32(value);
    return this;
  }

  u64be(type: number, value: bigint): this {
    this.out.u16le(HEADER + 8).u16le(type);
    this.out.u32(Number((value >> 32n) & 0xffff_ffffn)).u32(Number(value & 0xffff_ffffn));
    return this;
  }

  string(type: number, value: string): this {
    this.#header(type, value.length + 1);
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code === 0 || code > 0x7f) throw new RangeError(`"${value}" is not ASCII: attribute ${type} cannot hold it`);
      this.out.u8(code);
    }
    this.out.u8(0);
    return this.pad();
  }

  bytes(type: number, value: Uint8Array): this {
    this.#header(type, value.length);
    this.out.bytes(value);
    return this.pad();
  }

  flag(type: number): this {
    this.out.u16le(HEADER).u16le(type);
    return this;
  }

  nested(type: number, build: (inner: AttributeSink) => void): this {
    const start = this.out.length;
    this.out.u16le(0).u16le(type | NLA_F_NESTED);
    build(this);
    const length = this.out.length - start;
    if (length > MAX_LENGTH)
      throw new RangeError(`nested attribute ${type} is ${length} bytes, more than ${MAX_LENGTH}`);
    this.out.patchU16le(start, length);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.out.bytes(bytes);
    return this.pad();
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.out.finish();
  }

  protected pad(): this {
    this.out.zeros((4 - (this.out.length & 3)) & 3);
    return this;
  }

  #header(type: number, payload: number): void {
    const length = HEADER + payload;
    if (length > MAX_LENGTH) throw new RangeError(`attribute ${type} is ${length} bytes, more than ${MAX_LENGTH}`);
    this.out.u16le(length).u16le(type);
  }
}
