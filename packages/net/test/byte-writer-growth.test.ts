import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter } from "../src/index.ts";

describe("ByteWriter", () => {
  it("every method may be the one that makes the buffer grow", () => {
    const methods = {
      u8: (out: ByteWriter) => out.u8(0xa1),
      u16: (out: ByteWriter) => out.u16(0xa1a2),
      u32: (out: ByteWriter) => out.u32(0xa1a2a3a4),
      u16le: (out: ByteWriter) => out.u16le(0xa2a1),
      u32le: (out: ByteWriter) => out.u32le(0xa4a3a2a1),
      bytes: (out: ByteWriter) => out.bytes(Uint8Array.of(0xa1, 0xa2)),
    };
    for (const [name, write] of Object.entries(methods)) {
      const out = new ByteWriter(1);
      write(out.u8(0x01));
      const read = new ByteReader(out.finish());
      expect([read.u8(), read.u8()], name).toEqual([0x01, 0xa1]);
    }
    expect(new ByteWriter(1).u8(7).zeros(9).finish()).toEqual(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  });
});
