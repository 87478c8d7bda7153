import { assert, constantFrom, integer, property, array as sequence, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame, type Frame, FrameError, FrameReader, MAX_PAYLOAD } from "../../src/uml/frame.ts";

const KINDS = [
  "hello",
  "start",
  "input",
  "signal",
  "size",
  "hangup",
  "output",
  "errors",
  "exit",
  "window",
] as const satisfies Frame["kind"][];
const frames = sequence(
  integer({ min: 0, max: 0xffff }).chain((session) =>
    constantFrom(...KINDS).chain((kind) =>
      uint8Array({ maxLength: 40 }).map((payload) => ({ kind, session, payload })),
    ),
  ),
);

describe("frames", () => {
  it("have the header that is drawn", () => {
    const bytes = encodeFrame({ kind: "output", session: 0x1234, payload: new Uint8Array([0xaa, 0xbb]) });
    expect(Buffer.from(bytes).toString("hex")).toBe("0700123400000002aabb");
  });

  it("come out as they went in, wherever the stream is cut", () => {
    assert(
      property(frames, integer({ min: 1, max: 50 }), (sent, piece) => {
        const bytes = Buffer.concat(sent.map(encodeFrame));
        const reader = new FrameReader();
        const received: Frame[] = [];
        for (let start = 0; start < bytes.length; start += piece) {
          received.push(...reader.push(bytes.subarray(start, start + piece)));
        }
        expect(received).toEqual(sent);
      }),
    );
  });

  it.each([
    ["an unknown kind", [11, 0, 0, 0, 0, 0, 0, 0]],
    ["no kind", [0, 0, 0, 0, 0, 0, 0, 0]],
    ["something where nothing is", [7, 1, 0, 0, 0, 0, 0, 0]],
  ])("are refused with %s", (_what, bytes) => {
    expect(() => new FrameReader().push(new Uint8Array(bytes))).toThrow(FrameError);
  });

  it("are refused where they promise more than any has, before it is waited for", () => {
    const header = new DataView(encodeFrame({ kind: "input", session: 0, payload: new Uint8Array() }).buffer);
    header.setUint32(4, MAX_PAYLOAD + 1);
    expect(() => new FrameReader().push(new Uint8Array(header.buffer))).toThrow(/not a frame: 0300000000400001/);
  });
});
