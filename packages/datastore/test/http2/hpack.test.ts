import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const pairs = (decoder: HpackDecoder, block: Buffer) =>
  decoder.decode(block).headers.map(({ name, value }) => [name, value]);

describe("HpackDecoder", () => {
  it("reads the requests of RFC 7541 C.4, Huffman-coded, on one connection", () => {
    const decoder = new HpackDecoder(4096);
    expect(pairs(decoder, hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"))).toEqual([
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", "www.example.com"],
    ]);
    expect(pairs(decoder, hex("8286 84be 5886 a8eb 1064 9cbf"))).toEqual([
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", "www.example.com"],
      ["cache-control", "no-cache"],
    ]);
    expect(pairs(decoder, hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"))).toEqual([
      [":method", "GET"],
      [":scheme", "https"],
      [":path", "/index.html"],
      [":authority", "www.example.com"],
      ["custom-key", "custom-value"],
    ]);
  });

  it.each([
    ["index 0", "80"],
    ["an index beyond the table", "be"],
    ["a string longer than its block", "40 0a 63"],
    ["an end amid an integer", "ff"],
    ["an integer without end", "ff ff ff ff ff ff 0f"],
    ["the end-of-string code", "00 84 ff ff ff ff 00"],
    ["padding of zeros", "00 81 00 00"],
    ["padding of a whole byte", "00 82 1f ff 00"],
    ["a table larger than allowed", "3f e2 1f"],
    ["a table size after a header", "82 20"],
  ])("refuses %s", (_what, block) => {
    expect(() => new HpackDecoder(4096).decode(hex(block))).toThrow(expect.objectContaining({ code: 9 }));
  });

  it("reads a block that names too much to its end, and keeps no more than allowed", () => {
    const decoder = new HpackDecoder(4096);
    const big = Buffer.concat([hex("40 01 61 7f a1 1e"), Buffer.alloc(4000, "x")]);
    expect(decoder.decode(big).isTooLarge).toBe(false);
    // One byte each, 4 kB each.
    const bomb = decoder.decode(Buffer.concat([Buffer.alloc(60_000, 0xbe), hex("40 01 62 01 63")]));
    expect([bomb.isTooLarge, bomb.headers.length]).toEqual([true, 1]);
    // The table is as the sender has it: the newest entry is the last of the block.
    expect(pairs(decoder, hex("be"))).toEqual([["b", "c"]]);
  });
});

describe("HpackEncoder", () => {
  const name = fc.constantFrom(
    ":path",
    "te",
    "content-type",
    "grpc-timeout",
    "token",
    "x",
    "grpc-message",
    "y".repeat(99),
  );
  const value = fc.oneof(
    fc.constantFrom("", "trailers", "POST", "/"),
    fc.string({ unit: "binary-ascii", maxLength: 300 }),
  );
  const blocks = fc.array(
    fc.record({
      headers: fc.array(fc.tuple(name, value), { maxLength: 12 }),
      limits: fc.array(fc.nat(5000), { maxLength: 2 }),
    }),
    { maxLength: 30 },
  );

  it("is read back whatever was sent before, and however often the peer changes its table", () => {
    fc.assert(
      fc.property(blocks, (all) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(1 << 20);
        for (const { headers, limits } of all) {
          for (const limit of limits) encoder.limitTable(limit);
          expect(pairs(decoder, Buffer.from(encoder.encode(headers)))).toEqual(headers);
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it("sends what it has sent before as a byte each", () => {
    const encoder = new HpackEncoder();
    const headers = [
      [":method", "POST"],
      [":path", "/etcdserverpb.KV/Put"],
      ["content-type", "application/grpc"],
    ] as const;
    encoder.encode(headers);
    expect(encoder.encode(headers)).toHaveLength(3);
  });
});
