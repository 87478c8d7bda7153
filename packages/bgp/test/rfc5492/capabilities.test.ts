import { describe, expect, it } from "vitest";
import { BgpError } from "../../src/error.ts";
import { negotiate, ownOpen } from "../../src/session/negotiate.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { decodeOne, hex, message } from "../support/bytes.ts";
import { NOT_RESTARTING, openOf, sessionConfig } from "../support/session.ts";

/** The capabilities of an OPEN with this parameter. */
function capabilities(value: string) {
  const bytes = hex(value);
  const open = decodeOne(
    message(1, hex(`04 fc00 005a 0a000001 ${two(bytes.length + 2)} 02 ${two(bytes.length)} ${value}`)),
  );
  if (open.type !== "open") throw new Error("not an OPEN");
  return open.capabilities;
}

function two(value: number): string {
  return value.toString(16).padStart(2, "0");
}

describe("RFC 5492 capabilities", () => {
  it("that are not known are ignored, and kept to be shown", () => {
    expect(capabilities("fe 02 0102 02 00")).toMatchObject({
      routeRefresh: true,
      unknown: [{ code: 0xfe, value: hex("0102") }],
    });
  });

  it("that are known but too short are ignored as well", () => {
    expect(capabilities("41 02 0102 01 01 00")).toMatchObject({
      as4: undefined,
      unknown: [{ code: 0x41 }, { code: 1 }],
    });
  });

  it("a multiprotocol capability for another family says that IPv4 unicast is not implied (RFC 4760 §8)", () => {
    const open = openOf({ capabilities: capabilities("01 04 0019 00 46") });
    expect(open.capabilities.families).toEqual([]);
    expect(negotiate(sessionConfig(), open)).toBeInstanceOf(BgpError);
    expect(negotiate(sessionConfig(), openOf({ capabilities: NO_CAPABILITIES }))).toMatchObject({ families: [4] });
  });

  it("what both sides announce is spoken", () => {
    const config = sessionConfig({ families: [4, 6] });
    const open = openOf({ capabilities: { ...NO_CAPABILITIES, families: [6], routeRefresh: true } });
    expect(negotiate(config, open)).toMatchObject({
      families: [6],
      routeRefresh: true,
      codec: { as4: false, families: [6] },
    });
  });

  it("ours are the families, route refresh, four-octet AS and graceful restart", () => {
    expect(ownOpen(sessionConfig({ families: [4, 6] }), NOT_RESTARTING).capabilities).toEqual({
      families: [4, 6],
      routeRefresh: true,
      enhancedRefresh: true,
      extendedMessage: true,
      extendedNextHop: [],
      roles: [],
      addPath: {},
      longLived: undefined,
      gracefulRestart: {
        restarting: false,
        notification: true,
        restartTimeS: 120,
        families: [
          { family: 4, forwarding: true },
          { family: 6, forwarding: true },
        ],
      },
      as4: 64512,
      unknown: [],
    });
  });
});
