import { describe, expect, it } from "vitest";
import { BgpError } from "../../src/error.ts";
import { negotiate } from "../../src/session/negotiate.ts";
import type { OpenMessage } from "../../src/wire/message.ts";
import { bgpError, decodeBody, decodeOne, hex, message, toHex, updateBody } from "../support/bytes.ts";
import { openOf, sessionConfig } from "../support/session.ts";

describe("RFC 4271 §6.2 OPEN message errors", () => {
  const refused = (open: OpenMessage) => {
    const result = negotiate(sessionConfig(), open);
    if (!(result instanceof BgpError)) throw new Error("the OPEN was accepted");
    return [result.errorCode, result.errorSubcode];
  };

  it("another version is answered with the one that is spoken", () => {
    const error = bgpError(() => decodeOne(message(1, hex("03 fc00 005a 0a000001 00"))));
    expect(error).toMatchObject({ errorCode: 2, errorSubcode: 1 });
    expect(toHex(error.data)).toBe("0004");
  });

  it("an AS that is not the configured one", () => {
    expect(refused(openOf({ as: 64513 }))).toEqual([2, 2]);
  });

  it("an identifier of zero, or this speaker's own in its own AS (RFC 6286)", () => {
    expect(refused(openOf({ routerId: 0 as never }))).toEqual([2, 3]);
    expect(refused(openOf({ routerId: sessionConfig().routerId }))).toEqual([2, 3]);
    const external = negotiate(
      sessionConfig({ remoteAs: 64513 }),
      openOf({ as: 64513, routerId: sessionConfig().routerId }),
    );
    expect(external).not.toBeInstanceOf(BgpError);
  });

  it("a parameter that is not capabilities", () => {
    expect(bgpError(() => decodeOne(message(1, hex("04 fc00 005a 0a000001 03 01 01 00"))))).toMatchObject({
      errorCode: 2,
      errorSubcode: 4,
    });
  });

  it("a hold time of one or two seconds; zero and three are fine", () => {
    expect(refused(openOf({ holdTimeS: 1 }))).toEqual([2, 6]);
    expect(refused(openOf({ holdTimeS: 2 }))).toEqual([2, 6]);
    expect(negotiate(sessionConfig(), openOf({ holdTimeS: 3 }))).toMatchObject({ holdTimeS: 3, keepaliveS: 1 });
    expect(negotiate(sessionConfig(), openOf({ holdTimeS: 0 }))).toMatchObject({ holdTimeS: 0, keepaliveS: 0 });
  });

  it("no family in common (RFC 5492 §5)", () => {
    const open = openOf();
    expect(refused({ ...open, capabilities: { ...open.capabilities, families: [6] } })).toEqual([2, 7]);
  });

  it.each([
    ["a parameter longer than the field", "04 fc00 005a 0a000001 04 02 09 0100"],
    ["a capability longer than its parameter", "04 fc00 005a 0a000001 04 02 02 01 09"],
    ["parameters longer than the message", "04 fc00 005a 0a000001 40 02 02 0200"],
  ])("%s is an unspecific OPEN error", (_what, body) => {
    expect(bgpError(() => decodeOne(message(1, hex(body))))).toMatchObject({ errorCode: 2, errorSubcode: 0 });
  });
});

describe("RFC 4271 §6.3 UPDATE message errors that end the session", () => {
  it.each([
    ["withdrawn routes longer than the message", "0009 0000"],
    ["path attributes longer than the message", "0000 0009 4001"],
  ])("%s: malformed attribute list", (_what, body) => {
    expect(bgpError(() => decodeBody(hex(body)))).toMatchObject({ errorCode: 3, errorSubcode: 1 });
  });

  it("an unknown attribute that claims to be well-known comes back as data", () => {
    const error = bgpError(() => decodeBody(updateBody("", "40 63 02 abcd", "")));
    expect(error).toMatchObject({ errorCode: 3, errorSubcode: 2 });
    expect(toHex(error.data)).toBe("406302abcd");
  });

  it.each([
    ["a prefix length over 32", updateBody("", "400101004002004003040a0000014005 04 00000064", "21 0a00000001")],
    ["a prefix cut short", updateBody("", "400101004002004003040a000001400504 00000064", "18 0a00")],
    ["the same in withdrawn routes", updateBody("18 0a", "", "")],
  ])("%s: invalid network field", (_what, body) => {
    expect(bgpError(() => decodeBody(body))).toMatchObject({ errorCode: 3, errorSubcode: 10 });
  });
});
