import { TruncatedError } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { Attributes, AttributeWriter, MessageWriter, messagesIn, NLA_F_NESTED } from "../src/index.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));

describe("messages", () => {
  it("are laid out as the kernel's headers say", () => {
    const out = new MessageWriter();
    out
      .begin(0x18, 0x0605, 7, Uint8Array.of(2, 24, 0, 0))
      .u32(4, 3)
      .string(3, "lo");
    expect(hex(out.finish())).toBe(
      [
        "24000000", // length 36
        "1800", // type
        "0506", // flags
        "07000000", // sequence
        "00000000", // port
        "02180000", // fixed header
        "0800", // attribute: length 8
        "0400", // type 4
        "03000000",
        "0700", // attribute: length 7, one byte of padding behind
        "0300",
        "6c6f00",
        "00",
      ].join(""),
    );
  });

  it("follow each other in one buffer and are read back in order", () => {
    const out = new MessageWriter(16);
    for (let sequence = 1; sequence <= 300; sequence++) {
      out.begin(16 + (sequence % 3), 1, sequence, Uint8Array.of(sequence & 255)).bytes(1, new Uint8Array(sequence % 7));
    }
    const read = [...messagesIn(out.finish())];
    expect(read.map((message) => message.sequence)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(read[8]).toMatchObject({ type: 16, flags: 1, sequence: 9, portId: 0 });
    expect(new Attributes(read[8]?.payload.subarray(4) ?? new Uint8Array()).bytes(1)).toEqual(new Uint8Array(2));
  });

  it("with a length that lies are refused", () => {
    const good = new MessageWriter().begin(16, 1, 1, new Uint8Array(4)).finish();
    for (const length of [0, 15, 21, 0xffff_ffff]) {
      const bad = good.slice();
      new DataView(bad.buffer).setUint32(0, length, true);
      expect(() => [...messagesIn(bad)], String(length)).toThrow(TruncatedError);
    }
  });
});

describe("attributes", () => {
  it("of every type are read back as they were written", () => {
    const out = new AttributeWriter(1);
    out.u8(1, 0xab).u16(2, 0xabcd).u32(3, 0xdeadbeef).u64(4, 0x0123_4567_89ab_cdefn);
    out.u16be(5, 0x1234).u32be(6, 0x12345678).u64be(7, 0xfedc_ba98_7654_3210n);
    out
      .string(8, "cali0123456789a")
      .bytes(9, Uint8Array.of(1, 2, 3))
      .flag(10);
    out.nested(11, (inner) => inner.u32(1, 5).nested(2, (deeper) => deeper.string(1, "veth")));
    const read = new Attributes(out.finish());
    expect(read.u8(1)).toBe(0xab);
    expect(read.u16(2)).toBe(0xabcd);
    expect(read.u32(3)).toBe(0xdeadbeef);
    expect(read.u64(4)).toBe(0x0123_4567_89ab_cdefn);
    expect(read.u16be(5)).toBe(0x1234);
    expect(read.u32be(6)).toBe(0x12345678);
    expect(read.u64be(7)).toBe(0xfedc_ba98_7654_3210n);
    expect(read.string(8)).toBe("cali0123456789a");
    expect(read.bytes(9)).toEqual(Uint8Array.of(1, 2, 3));
    expect(read.has(10)).toBe(true);
    expect(read.has(12)).toBe(false);
    expect(read.u32(12)).toBeUndefined();
    expect(read.nested(11)?.u32(1)).toBe(5);
    expect(read.nested(11)?.nested(2)?.string(1)).toBe("veth");
    expect(out.length % 4).toBe(0);
  });

  it("big-endian ones are in network order on the wire", () => {
    expect(hex(new AttributeWriter().u32be(1, 1).u16be(2, 1).finish())).toBe("0800010000000001" + "0600020000010000");
  });

  it("nested ones carry the flag, and are found without it", () => {
    const written = new AttributeWriter().nested(18, () => {}).finish();
    expect(hex(written)).toBe("0400" + "1280");
    expect(NLA_F_NESTED).toBe(0x8000);
    expect(new Attributes(written).has(18)).toBe(true);
  });

  it("that repeat are all listed, and the last one is found", () => {
    const read = new Attributes(new AttributeWriter().u8(1, 10).u8(1, 20).u8(2, 30).finish());
    expect(read.u8(1)).toBe(20);
    expect(read.each().map(({ type, payload }) => [type, payload[0]])).toEqual([
      [1, 10],
      [1, 20],
      [2, 30],
    ]);
  });

  it("whose padding is cut off at the end are read: the kernel sends such", () => {
    expect(new Attributes(bytes("0700 0300 6c6f00")).string(3)).toBe("lo");
  });

  it("with a length that lies, or too short a payload, are refused", () => {
    expect(() => new Attributes(bytes("0300 0100 00000000"))).toThrow(TruncatedError);
    expect(() => new Attributes(bytes("0900 0100 00000000"))).toThrow(TruncatedError);
    const short = new Attributes(bytes("0600 0100 0102 0000"));
    expect(() => short.u32(1)).toThrow(TruncatedError);
    expect(short.u16(1)).toBe(0x0201);
  });

  it("that do not fit 16 bits of length are refused, not cut", () => {
    expect(() => new AttributeWriter().bytes(1, new Uint8Array(0xfffc))).toThrow(RangeError);
    expect(() => new AttributeWriter().nested(1, (inner) => inner.bytes(1, new Uint8Array(0xfff8)).u32(2, 1))).toThrow(
      RangeError,
    );
    expect(new AttributeWriter().bytes(1, new Uint8Array(0xfffb)).length).toBe(0x10000);
  });

  it("strings are ASCII without NUL, or refused", () => {
    expect(() => new AttributeWriter().string(1, "caché")).toThrow(RangeError);
    expect(() => new AttributeWriter().string(1, "a\0b")).toThrow(RangeError);
  });
});
