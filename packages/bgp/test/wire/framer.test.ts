import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Framer } from "../../src/wire/framer.ts";
import { bgpError, hex, MARKER, message } from "../support/bytes.ts";

const KEEPALIVE = message(4, new Uint8Array(0));
const NOTIFICATION = message(3, hex("06 02"));
const END_OF_RIB = message(2, hex("0000 0000"));

function frames(framer: Framer): string[] {
  const types: string[] = [];
  for (let frame = framer.next(); frame !== undefined; frame = framer.next()) types.push(frame.type);
  return types;
}

describe("the framer", () => {
  it("finds the same messages however the stream is cut", () => {
    const stream = Uint8Array.of(...KEEPALIVE, ...END_OF_RIB, ...NOTIFICATION, ...KEEPALIVE);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
        const framer = new Framer();
        const found: string[] = [];
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), stream.length]) {
          framer.push(stream.slice(from, to));
          found.push(...frames(framer));
          from = to;
        }
        expect(found).toEqual(["keepalive", "update", "notification", "keepalive"]);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("waits for the rest of a message, also within the header", () => {
    const framer = new Framer();
    framer.push(KEEPALIVE.slice(0, 18));
    expect(framer.next()).toBeUndefined();
    framer.push(KEEPALIVE.slice(18));
    expect(framer.next()).toMatchObject({ type: "keepalive" });
    expect(framer.next()).toBeUndefined();
  });

  it("notices a wrong marker at its first wrong byte, before the message is whole", () => {
    const framer = new Framer();
    framer.push(hex("ffff 00"));
    expect(bgpError(() => framer.next())).toMatchObject({
      errorCode: 1,
      errorSubcode: 1,
      code: "BGP_HEADER_NOT_SYNCHRONIZED",
    });
  });

  it.each([
    ["shorter than a header", 4, 18],
    ["longer than any message", 2, 4097],
    ["a KEEPALIVE with a body", 4, 20],
    ["an OPEN without its fixed part", 1, 28],
    ["an UPDATE without its lengths", 2, 22],
    ["a NOTIFICATION without a subcode", 3, 20],
  ])("refuses %s with the length as data", (_what, type, length) => {
    const framer = new Framer();
    framer.push(hex(`${MARKER} ${length.toString(16).padStart(4, "0")} ${type.toString(16).padStart(2, "0")}`));
    const error = bgpError(() => framer.next());
    expect(error).toMatchObject({ errorCode: 1, errorSubcode: 2 });
    expect([...error.data]).toEqual([length >>> 8, length & 255]);
  });

  it("refuses an unknown type with the type as data", () => {
    const framer = new Framer();
    framer.push(hex(`${MARKER} 0013 09`));
    const error = bgpError(() => framer.next());
    expect(error).toMatchObject({ errorCode: 1, errorSubcode: 3 });
    expect([...error.data]).toEqual([9]);
  });

  it("takes longer UPDATEs where both sides agreed on them, but no longer OPEN (RFC 8654)", () => {
    const long = new Framer();
    long.maxMessage = 65_535;
    long.push(hex(`${MARKER} 2000 02`));
    expect(long.next()).toBeUndefined();
    const open = new Framer();
    open.maxMessage = 65_535;
    open.push(hex(`${MARKER} 2000 01`));
    expect(bgpError(() => open.next())).toMatchObject({ errorCode: 1, errorSubcode: 2 });
  });
});
