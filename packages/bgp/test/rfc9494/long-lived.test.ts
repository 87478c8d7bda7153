import { describe, expect, it } from "vitest";
import { negotiate, ownOpen } from "../../src/session/negotiate.ts";
import { COMMUNITY } from "../../src/wire/attributes/communities.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { decodeOne, hex, message } from "../support/bytes.ts";
import { createLab, type Lab, type Node, peerTo } from "../support/lab.ts";
import { NOT_RESTARTING, openOf, sessionConfig } from "../support/session.ts";
import { type Puppet, tapped } from "../support/tap.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";
const HOUR = 3_600_000;
const KEPT = { longLivedS: 3600 };

/** A, with a peer of ours that asks for 10 s of restart and 1 h of long life, and has told three routes. */
async function world(forwarding = true): Promise<{ lab: Lab; a: Node; peer: Puppet; again: () => Promise<Puppet> }> {
  const lab = createLab();
  const a = await lab.node(A);
  a.speaker.setOriginated([]);
  a.speaker.setPeers([peerTo(A, B, { passive: true, gracefulRestart: KEPT })]);
  const capabilities = {
    gracefulRestart: {
      restarting: false,
      notification: false,
      restartTimeS: 10,
      families: [{ family: 4 as const, forwarding: true }],
    },
    longLived: [{ family: 4 as const, forwarding, staleTimeS: 3600 }],
  };
  const connect = async () => {
    const peer = tapped(lab.network).puppet(B, A);
    await peer.establish(lab, { capabilities });
    return peer;
  };
  const peer = await connect();
  peer.announce(["10.1.0.0/24"]);
  peer.announce(["10.2.0.0/24"], [COMMUNITY.noLlgr]);
  peer.endOfRib();
  lab.advance(100);
  expect(a.routes()).toHaveLength(2);
  a.changes.length = 0;
  return { lab, a, peer, again: connect };
}

function communities(node: Node, prefix: string): readonly number[] | undefined {
  const route = [...node.speaker.routes()].find((one) => one.prefix.toString() === prefix);
  return route?.attributes.communities;
}

describe("RFC 9494 §3.1 capability", () => {
  it("is read as three bytes of time a family", () => {
    const bytes = message(1, hex("04 fc00 005a 0a000001 0b  02 09 47 07 0001 01 80 000e10"));
    expect(decodeOne(bytes)).toMatchObject({
      capabilities: { longLived: [{ family: 4, forwarding: true, staleTimeS: 3600 }] },
    });
  });

  it("is said with graceful restart only, and ignored without (§3.1)", () => {
    const { gracefulRestart } = sessionConfig();
    const config = sessionConfig({ gracefulRestart: { ...gracefulRestart, longLivedS: 60 } });
    expect(ownOpen(config, NOT_RESTARTING).capabilities.longLived).toEqual([
      { family: 4, forwarding: true, staleTimeS: 60 },
    ]);
    const off = sessionConfig({ gracefulRestart: { ...gracefulRestart, mode: "off", longLivedS: 60 } });
    expect(ownOpen(off, NOT_RESTARTING).capabilities.longLived).toBeUndefined();
    const longLived = [{ family: 4 as const, forwarding: true, staleTimeS: 5 }];
    const alone = openOf({ capabilities: { ...NO_CAPABILITIES, families: [4], longLived } });
    expect(negotiate(config, alone)).toMatchObject({ llgr: [] });
  });
});

describe("RFC 9494 §4.2 the helper", () => {
  it("keeps routes after the restart time, marked LLGR_STALE, until the stale time is over", async () => {
    const { lab, a, peer } = await world();
    peer.vanish();
    lab.advance(9_000);
    expect(communities(a, "10.1.0.0/24") ?? []).not.toContain(COMMUNITY.llgrStale);
    lab.advance(2_000);
    expect(communities(a, "10.1.0.0/24")).toEqual([COMMUNITY.llgrStale]);
    lab.advance(HOUR - 2_000);
    expect(a.routes()).toEqual([`10.1.0.0/24 via ${B}`]);
    lab.advance(2_000);
    expect(a.routes()).toEqual([]);
  });

  it("drops routes with NO_LLGR as the restart time ends", async () => {
    const { lab, a, peer } = await world();
    peer.vanish();
    lab.advance(9_000);
    expect(a.routes()).toHaveLength(2);
    lab.advance(2_000);
    expect(a.routes()).toEqual([`10.1.0.0/24 via ${B}`]);
  });

  it("keeps stale routes of a peer that comes back with its forwarding state, until its End-of-RIB", async () => {
    const { lab, a, peer, again } = await world();
    peer.vanish();
    lab.advance(60_000);
    const back = await again();
    lab.advance(10);
    expect(a.speaker.status()).toMatchObject([{ state: "Established", stale: 1 }]);
    back.announce(["10.1.0.0/24"]);
    back.endOfRib();
    lab.advance(10);
    expect(communities(a, "10.1.0.0/24")).toBeUndefined();
    expect(a.speaker.status()).toMatchObject([{ stale: 0, received: 1 }]);
    back.keepAlive(lab, HOUR);
    expect(a.routes()).toHaveLength(1);
  });

  it("drops them when a NOTIFICATION ends the session", async () => {
    const { lab, a, peer } = await world();
    peer.say({ type: "notification", code: 6, subcode: 2, data: new Uint8Array(0) });
    lab.advance(10);
    expect(a.routes()).toEqual([]);
  });
});
