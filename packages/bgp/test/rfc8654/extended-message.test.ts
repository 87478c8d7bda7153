import { describe, expect, it } from "vitest";
import { negotiate, ownOpen } from "../../src/session/negotiate.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { Framer } from "../../src/wire/framer.ts";
import { MAX_EXTENDED_MESSAGE } from "../../src/wire/header.ts";
import { bgpError, message } from "../support/bytes.ts";
import { createLab, peerTo, route } from "../support/lab.ts";
import { NOT_RESTARTING, openOf, sessionConfig } from "../support/session.ts";
import { tapped } from "../support/tap.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";
const ABLE = openOf({ capabilities: { ...NO_CAPABILITIES, families: [4], as4: 64512, extendedMessage: true } });

function framed(bytes: Uint8Array, maxMessage: number) {
  const framer = new Framer();
  framer.maxMessage = maxMessage;
  framer.push(bytes);
  return framer.next();
}

describe("RFC 8654 §3 capability", () => {
  it("is said where it is configured, and used where both say it", () => {
    expect(ownOpen(sessionConfig(), NOT_RESTARTING).capabilities.extendedMessage).toBe(true);
    const off = sessionConfig({ extendedMessages: false });
    expect(ownOpen(off, NOT_RESTARTING).capabilities.extendedMessage).toBe(false);
    expect(negotiate(sessionConfig(), ABLE)).toMatchObject({ maxMessage: 65_535, codec: { maxMessage: 65_535 } });
    expect(negotiate(off, ABLE)).toMatchObject({ maxMessage: 4096 });
    expect(negotiate(sessionConfig(), openOf())).toMatchObject({ maxMessage: 4096 });
  });
});

describe("RFC 8654 §4 operation", () => {
  const long = new Uint8Array(5000);

  it("an UPDATE, NOTIFICATION or ROUTE-REFRESH may be long", () => {
    for (const type of [2, 3, 5]) {
      expect(framed(message(type, long), MAX_EXTENDED_MESSAGE)?.body).toHaveLength(5000);
    }
  });

  it("an OPEN or KEEPALIVE may not", () => {
    for (const type of [1, 4]) {
      const error = bgpError(() => framed(message(type, long), MAX_EXTENDED_MESSAGE));
      expect(error).toMatchObject({ errorCode: 1, errorSubcode: 2 });
    }
  });

  it("without the agreement nothing may", () => {
    expect(bgpError(() => framed(message(2, long), 4096))).toMatchObject({ errorCode: 1, errorSubcode: 2 });
  });

  it.each([
    [true, 1],
    [false, 6],
  ])("a table goes in long messages where they are agreed on (%s): %i UPDATEs", async (extendedMessages, count) => {
    const lab = createLab();
    const tap = tapped(lab.network);
    const [a, b] = [await lab.node(A), await lab.node(B, { transport: tap.host(B) })];
    b.speaker.setOriginated(Array.from({ length: 6000 }, (_, n) => route(`172.${16 + (n >> 8)}.${n & 255}.0/24`)));
    a.speaker.setPeers([peerTo(A, B, { extendedMessages })]);
    b.speaker.setPeers([peerTo(B, A, { extendedMessages: true })]);
    lab.advance(2000);
    expect(a.routes()).toHaveLength(6000);
    // They are 24,000 bytes in one batch: one message, or six of at most 4,096.
    expect(tap.said().filter((one) => one.startsWith("update +"))).toHaveLength(count);
  });
});
