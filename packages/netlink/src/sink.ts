/** What a nested builder may do: append attributes. Every method throws RangeError for what its field cannot hold. */
export interface AttributeSink {
  u8(type: number, value: number): this;
  u16(type: number, value: number): this;
  u32(type: number, value: number): this;
  u64(type: number, value: bigint): this;
  u16be(type: number, value: number): this;
  u32be(type: number, value: number): this;
  u64be(type: number, value: bigint): this;
  /** ASCII, NUL-terminated as most of the kernel's string policies want. Throws RangeError on anything else, NUL included. */
  string(type: number, value: string): this;
  bytes(type: number, value: Uint8Array): this;
  flag(type: number): this;
  /** Throws RangeError if the nested attributes exceed the 16-bit length: the caller must split over several messages. */
  nested(type: number, build: (inner: AttributeSink) => void): this;
  /** Bytes without an attribute header, padded: a fixed structure before nested attributes, or attributes built elsewhere. */
  raw(bytes: Uint8Array): this;
}
