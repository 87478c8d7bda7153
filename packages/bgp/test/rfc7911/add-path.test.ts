import { describe, expect, it } from "vitest";
import { negotiate, ownOpen } from "../../src/session/negotiate.ts";
import { type AddPathDirections, NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { bgpError, decodeBody, decodeOne, hex, message, updateBody } from "../support/bytes.ts";
import { NOT_RESTARTING, openOf, sessionConfig } from "../support/session.ts";

const BOTH: AddPathDirections = { send: true, receive: true };
const NEITHER: AddPathDirections = { send: false, receive: false };
const RECEIVING = { ...DEFAULT_CONTEXT, addPath: { 4: { send: false, receive: true } } };
const GOOD = "40 01 01 00 40 02 00 40 03 04 0a000001";

function theirs(directions: AddPathDirections) {
  return openOf({ capabilities: { ...NO_CAPABILITIES, families: [4], as4: 64512, addPath: { 4: directions } } });
}

describe("RFC 7911 §4 capability", () => {
  it("says for each family whether paths are sent, received, or both", () => {
    const open = (value: string) => decodeOne(message(1, hex(`04 fc00 005a 0a000001 08  02 06 45 04 ${value}`)));
    expect(open("0001 01 01")).toMatchObject({ capabilities: { addPath: { 4: { send: false, receive: true } } } });
    expect(open("0002 01 02")).toMatchObject({ capabilities: { addPath: { 6: { send: true, receive: false } } } });
    expect(open("0001 01 03")).toMatchObject({ capabilities: { addPath: { 4: BOTH } } });
    expect(open("0001 01 04")).toMatchObject({ capabilities: { addPath: {} } });
  });

  it("is said where this side is configured for it", () => {
    const config = sessionConfig({ addPath: { 4: { send: true, receive: false } } });
    expect(ownOpen(config, NOT_RESTARTING).capabilities.addPath).toEqual({ 4: { send: true, receive: false } });
  });

  it.each([
    [BOTH, BOTH, { 4: BOTH }],
    [BOTH, { send: true, receive: false }, { 4: { send: false, receive: true } }],
    [{ send: true, receive: false }, BOTH, { 4: { send: true, receive: false } }],
    [{ send: true, receive: false }, { send: true, receive: false }, {}],
    [NEITHER, BOTH, {}],
    [BOTH, NEITHER, {}],
  ])("%j with %j is %j", (ours, other, addPath) => {
    expect(negotiate(sessionConfig({ addPath: { 4: ours } }), theirs(other))).toMatchObject({
      addPath,
      codec: { addPath },
    });
  });
});

describe("RFC 7911 §3 path identifiers", () => {
  it("stand before each prefix, announced or withdrawn", () => {
    const body = updateBody("00000007 18 0a0900", GOOD, "00000001 18 0a0102 00000002 18 0a0102");
    const { withdrawn, announced } = decodeBody(body, RECEIVING);
    expect(withdrawn).toMatchObject({ pathIds: [7] });
    expect(withdrawn.prefixes.map(String)).toEqual(["10.9.0.0/24"]);
    expect(announced[0]).toMatchObject({ pathIds: [1, 2] });
    expect(announced[0]?.prefixes.map(String)).toEqual(["10.1.2.0/24", "10.1.2.0/24"]);
  });

  it("stand in MP attributes as well", () => {
    const both = { ...DEFAULT_CONTEXT, addPath: { 6: { send: false, receive: true } } };
    const reach = "0002 01 10 20010db8000000000000000000000001 00 0000002a 20 20010db8";
    const { announced } = decodeBody(updateBody("", `40 01 01 00 40 02 00 80 0e 1e ${reach}`, ""), both);
    expect(announced[0]).toMatchObject({ pathIds: [42] });
  });

  it("are not there for families without the agreement", () => {
    const { announced } = decodeBody(updateBody("", GOOD, "18 0a0102"), DEFAULT_CONTEXT);
    expect(announced[0]?.pathIds).toBeUndefined();
  });

  it("cut short are an error as any in the field (RFC 4271 §6.3)", () => {
    expect(bgpError(() => decodeBody(updateBody("", GOOD, "000000"), RECEIVING))).toMatchObject({
      errorCode: 3,
      errorSubcode: 10,
    });
  });
});
