import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter, formatMac, internetChecksum, parseMac, TruncatedError } from "../src/index.ts";

describe("ByteReader and ByteWriter", () => {
  it("read back what was written, whatever the initial capacity", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (capacity, blob, value) => {
          const bytes = new ByteWriter(capacity)
            .u8(7)
            .u16(515)
            .u32(value)
            .u16le(515)
            .u32le(value)
            .bytes(blob)
            .zeros(3)
            .finish();
          const reader = new ByteReader(bytes);
          expect([reader.u8(), reader.u16(), reader.u32(), reader.u16le(), reader.u32le()]).toEqual([
            7,
            515,
            value,
            515,
            value,
          ]);
          expect(reader.bytes(blob.length)).toEqual(blob);
          expect([reader.left, reader.u8(), reader.u8(), reader.u8(), reader.left]).toEqual([3, 0, 0, 0, 0]);
        },
      ),
    );
  });

  it("never reads beyond its end, also not a sub-reader into its parent", () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4));
    const inner = reader.sub(2);
    expect(inner.u16()).toBe(0x0102);
    expect(() => inner.u8()).toThrow(TruncatedError);
    expect(() => reader.u32()).toThrow(TruncatedError);
    expect(reader.u16()).toBe(0x0304);
  });

  it("reads and writes the words at the ends of their ranges, from any place in a larger array", () => {
    const words = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    const writer = new ByteWriter(1).u8(9);
    for (const word of words)
      writer
        .u32(word)
        .u32le(word)
        .u16(word & 0xffff)
        .u16le(word & 0xffff);
    const whole = new Uint8Array(200).fill(0xee);
    whole.set(writer.finish(), 50);
    const view = new DataView(whole.buffer, 51);
    const reader = new ByteReader(whole.subarray(50, 50 + writer.length), 1);
    for (const [index, word] of words.entries()) {
      const at = index * 12;
      expect([reader.u32(), reader.i32le()]).toEqual([word, word | 0]);
      expect([reader.u16(), reader.u16le()]).toEqual([word & 0xffff, word & 0xffff]);
      expect([view.getUint32(at), view.getUint32(at + 4, true)]).toEqual([word, word]);
      expect([view.getUint16(at + 8), view.getUint16(at + 10, true)]).toEqual([word & 0xffff, word & 0xffff]);
    }
    expect(reader.left).toBe(0);
  });

  it("patches lengths written before", () => {
    const writer = new ByteWriter().u16(0).u16le(0).u32le(0).u8(0);
    writer.patchU16(0, 0x1234);
    writer.patchU16le(2, 0x1234);
    writer.patchU32le(4, 0xdeadbeef);
    writer.patchU8(8, 0x56);
    expect([...writer.finish()]).toEqual([0x12, 0x34, 0x34, 0x12, 0xef, 0xbe, 0xad, 0xde, 0x56]);
  });

  it("makes room for what turns out to belong before what was written", () => {
    const writer = new ByteWriter(4).bytes(Uint8Array.of(1, 2, 3, 4));
    writer.makeGap(1, 2);
    writer.patchU16(1, 0x0908);
    expect([...writer.u8(5).finish()]).toEqual([1, 9, 8, 2, 3, 4, 5]);
  });
});

describe("internetChecksum", () => {
  it("is that of RFC 1071 §3's example", () => {
    expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(0xffff - 0xddf2);
  });

  it("makes the sum over data and checksum come out as zero", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 2, maxLength: 100 }).filter((data) => data.length % 2 === 0),
        (data) => {
          const sum = internetChecksum(data);
          return internetChecksum(Uint8Array.of(...data, sum >>> 8, sum & 255)) === 0;
        },
      ),
    );
  });
});

describe("MAC addresses", () => {
  it("are canonical in lower case", () => {
    expect(parseMac("EE:ee:EE:ee:EE:ee")).toBe("ee:ee:ee:ee:ee:ee");
    expect(formatMac(Uint8Array.of(1, 2, 3, 4, 5, 255))).toBe("01:02:03:04:05:ff");
  });

  it.each(["ee:ee:ee:ee:ee", "ee-ee-ee-ee-ee-ee", "eeee.eeee.eeee", "gg:ee:ee:ee:ee:ee"])("refuses %s", (text) => {
    expect(() => parseMac(text)).toThrow(TypeError);
  });
});
