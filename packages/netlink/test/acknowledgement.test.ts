import { describe, expect, it } from "vitest";
import { AttributeWriter, acknowledgement, MessageWriter, messagesIn } from "../src/index.ts";

const ERROR = 2;
const DONE = 3;
const CAPPED = 0x100;
const TLVS = 0x200;

/** As the kernel builds it: the error, the request's header, its payload if asked, attributes. */
function answer(type: number, flags: number, body: Uint8Array) {
  const [message] = messagesIn(new MessageWriter().begin(type, flags, 42, body).finish());
  if (message === undefined) throw new TypeError("no message");
  return message;
}

function error(number: number, request: Uint8Array, attributes: Uint8Array = new Uint8Array()): Uint8Array {
  const body = new Uint8Array(4 + request.length + attributes.length);
  new DataView(body.buffer).setInt32(0, -number, true);
  body.set(request, 4);
  body.set(attributes, 4 + request.length);
  return body;
}

const request = new MessageWriter().begin(24, 5, 42, new Uint8Array(12)).u32(4, 9).finish();
const sentence = new AttributeWriter().string(1, "Nexthop has invalid gateway").u32(2, 36).finish();

describe("an acknowledgement", () => {
  it("of success has number 0", () => {
    expect(acknowledgement(answer(ERROR, CAPPED, error(0, request.subarray(0, 16))))).toEqual({
      sequence: 42,
      number: 0,
      message: "",
      offset: undefined,
    });
  });

  it("of failure carries the kernel's sentence behind the whole request, or behind its header when capped", () => {
    const refused = { sequence: 42, number: 101, message: "Nexthop has invalid gateway", offset: 36 };
    expect(acknowledgement(answer(ERROR, TLVS, error(101, request, sentence)))).toEqual(refused);
    expect(acknowledgement(answer(ERROR, TLVS | CAPPED, error(101, request.subarray(0, 16), sentence)))).toEqual(
      refused,
    );
  });

  it("of success can carry a warning, behind the header only", () => {
    const warned = acknowledgement(answer(ERROR, TLVS, error(0, request.subarray(0, 16), sentence)));
    expect(warned).toMatchObject({ number: 0, message: "Nexthop has invalid gateway" });
  });

  it("without the flag has no attributes, whatever bytes follow", () => {
    expect(acknowledgement(answer(ERROR, 0, error(17, request)))).toMatchObject({ number: 17, message: "" });
  });

  it("at the end of a dump carries an error too", () => {
    expect(acknowledgement(answer(DONE, 2 | TLVS, error(2, new Uint8Array(), sentence)))).toMatchObject({
      number: 2,
      message: "Nexthop has invalid gateway",
    });
    expect(acknowledgement(answer(DONE, 2, error(0, new Uint8Array()))).number).toBe(0);
    expect(acknowledgement(answer(DONE, 2, new Uint8Array())).number).toBe(0);
  });

  it("is not read from another message", () => {
    expect(() => acknowledgement(answer(24, 0, new Uint8Array(4)))).toThrow(TypeError);
  });
});
