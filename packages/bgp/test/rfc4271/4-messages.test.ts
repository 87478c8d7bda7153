import { parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { encodeControl } from "../../src/wire/codec.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { formatNotification, notification } from "../../src/wire/notification.ts";
import { packAnnouncements, packWithdrawals } from "../../src/wire/pack.ts";
import { decodeOne, hex, MARKER, toHex } from "../support/bytes.ts";
import { address4 } from "../support/lab.ts";

/** The OPEN of Debian's BIRD 2.0.12 with the settings of Calico's template, taken from the wire. */
const BIRD_OPEN = hex(`
  ${MARKER} 003f 01
  04 fc00 00f0 c0a80051 22
  02 20  01 04 0001 00 01   02 00   40 06 0078 0001 01 00   41 04 0000fc00   45 04 0001 01 03   46 00   47 00
`);

describe("RFC 4271 §4.2 OPEN", () => {
  it("is read as BIRD sends it", () => {
    expect(decodeOne(BIRD_OPEN)).toEqual({
      type: "open",
      version: 4,
      as: 64512,
      holdTimeS: 240,
      routerId: parseAddress("192.168.0.81"),
      capabilities: {
        families: [4],
        routeRefresh: true,
        extendedMessage: false,
        gracefulRestart: {
          restarting: false,
          notification: false,
          restartTimeS: 120,
          families: [{ family: 4, forwarding: false }],
        },
        as4: 64512,
        addPath: { 4: { send: true, receive: true } },
        enhancedRefresh: true,
        longLived: [],
        extendedNextHop: [],
        roles: [],
        unknown: [],
      },
    });
  });

  it("without capabilities is that of a two-octet speaker of IPv4", () => {
    expect(decodeOne(hex(`${MARKER} 001d 01  04 fe09 005a 0a000001 00`))).toMatchObject({
      as: 65033,
      holdTimeS: 90,
      capabilities: { families: undefined, as4: undefined, gracefulRestart: undefined },
    });
  });

  it("takes each capability in a parameter of its own as well as all in one (RFC 5492 §4)", () => {
    const open = decodeOne(
      hex(`${MARKER} 002d 01  04 fc00 005a 0a000001 10  02 06 01 04 0001 00 01   02 06 41 04 0000fc00`),
    );
    expect(open).toMatchObject({ as: 64512, capabilities: { families: [4], as4: 64512 } });
  });
});

describe("RFC 4271 §4.3 UPDATE", () => {
  it("is written field by field as drawn", () => {
    const [bytes] = packAnnouncements(
      { origin: 0, asPath: [], nextHop: address4("192.168.0.81"), localPref: 100 },
      4,
      [parsePrefix("10.244.42.64/26"), parsePrefix("10.244.42.70/32")],
      DEFAULT_CONTEXT,
    );
    expect(toHex(bytes ?? hex(""))).toBe(
      toHex(
        hex(`${MARKER} 0036 02
          0000
          0015  40 01 01 00   40 02 00   40 03 04 c0a80051   40 05 04 00000064
          1a 0af42a40  20 0af42a46`),
      ),
    );
  });

  it("withdraws in the first field", () => {
    const [bytes] = packWithdrawals(4, [parsePrefix("10.244.42.64/26"), parsePrefix("0.0.0.0/0")], DEFAULT_CONTEXT);
    expect(toHex(bytes ?? hex(""))).toBe(toHex(hex(`${MARKER} 001d 02  0006  1a 0af42a40  00  0000`)));
  });

  it("ignores bits of a prefix beyond its length", () => {
    const update = decodeOne(hex(`${MARKER} 001c 02  0005 1a 0af42a7f 0000`));
    expect(update).toMatchObject({ withdrawn: { prefixes: [parsePrefix("10.244.42.64/26")] } });
  });
});

describe("RFC 4271 §4.4 KEEPALIVE, §4.5 NOTIFICATION", () => {
  it("KEEPALIVE is a header", () => {
    expect(toHex(encodeControl({ type: "keepalive" }))).toBe(toHex(hex(`${MARKER} 0013 04`)));
  });

  it("NOTIFICATION carries code, subcode and data", () => {
    expect(decodeOne(hex(`${MARKER} 0017 03 02 01 0004`))).toEqual({
      type: "notification",
      code: 2,
      subcode: 1,
      data: hex("0004"),
    });
  });

  it("is shown by name, with the words of the other operator (RFC 9003)", () => {
    expect(formatNotification(notification("cease/shutdown", "Wartung bis 3 Uhr — danke"))).toBe(
      "Cease: Administrative Shutdown (Wartung bis 3 Uhr — danke)",
    );
    expect(formatNotification(notification("hold-timer-expired"))).toBe("Hold Timer Expired");
    expect(formatNotification({ type: "notification", code: 6, subcode: 77, data: hex("") })).toBe("Cease: subcode 77");
    expect(formatNotification({ type: "notification", code: 99, subcode: 1, data: hex("") })).toBe(
      "error code 99: subcode 1",
    );
  });

  it("shows no control characters of a stranger to a terminal", () => {
    const hostile = { type: "notification", code: 6, subcode: 2, data: hex("05 1b5b324a ff") } as const;
    expect(formatNotification(hostile)).toBe("Cease: Administrative Shutdown (.[2J\u00ff)");
  });
});
