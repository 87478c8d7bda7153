import { describe, expect, it } from "vitest";
import { DEFAULT_TIMERS } from "../../src/index.ts";
import { formatNotification, notification } from "../../src/wire/notification.ts";
import { address4, createLab, peerTo } from "../support/lab.ts";
import { Subject, words } from "../support/session.ts";
import { tapped } from "../support/tap.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

/** A, and a peer that goes on speaking and can be kept from reading. */
async function pair(holdTimeS = 90) {
  const lab = createLab();
  const a = await lab.node(A);
  a.speaker.setOriginated([]);
  a.speaker.setPeers([peerTo(A, B, { passive: true, holdTimeS })]);
  const peer = tapped(lab.network).puppet(B, A);
  await peer.establish(lab, { holdTimeS });
  expect(a.speaker.status()).toMatchObject([{ state: "Established" }]);
  return { lab, a, peer };
}

describe("RFC 9687 §3 the send hold timer", () => {
  it("is eight minutes, or twice the hold time if that is longer", () => {
    expect(DEFAULT_TIMERS.sendHoldMs).toBe(480_000);
  });

  it.each([
    ["eight minutes", 90, 480],
    ["twice the hold time, if that is longer", 300, 600],
  ])(
    "ends the session with a peer that takes nothing, though it goes on sending: after %s",
    async (_what, hold, seconds) => {
      const { lab, a, peer } = await pair(hold);
      lab.network.stall(address4(B));
      peer.keepAlive(lab, (seconds - 10) * 1000);
      expect(a.speaker.status()).toMatchObject([{ state: "Established" }]);
      // One KEEPALIVE of ours more was taken, and another notices.
      peer.keepAlive(lab, 10_000 + 2 * (hold / 3) * 1000);
      expect(a.speaker.status()).toMatchObject([{ trouble: { kind: "send-hold-timer" } }]);
      expect(a.warnings.join()).toContain("Send Hold Timer Expired");
    },
  );

  it("does not run out while the peer takes what it is sent, or takes it late", async () => {
    const { lab, a, peer } = await pair();
    peer.keepAlive(lab, 1_000_000);
    lab.network.stall(address4(B));
    peer.keepAlive(lab, 400_000);
    lab.network.resume(address4(B));
    lab.advance(100);
    lab.network.stall(address4(B));
    peer.keepAlive(lab, 400_000);
    expect(a.speaker.status()).toMatchObject([{ state: "Established" }]);
  });

  it("resets the connection: what waits is thrown away, and the NOTIFICATION is 8/0", () => {
    const actions = words(new Subject().bring("outgoing", "Established").feed({ type: "send-hold-expired" }));
    expect(actions).toContain("send notification 8/0 outgoing");
    expect(actions).toContain("reset outgoing");
    expect(actions).toContain("hold 5000");
    expect(formatNotification(notification("send-hold-timer-expired"))).toBe("Send Hold Timer Expired");
  });

  it("means nothing before the session is Established", () => {
    for (const state of ["Idle", "Active", "Connect", "OpenSent", "OpenConfirm"] as const) {
      expect(words(new Subject().bring("outgoing", state).feed({ type: "send-hold-expired" }))).toEqual([]);
    }
  });
});
