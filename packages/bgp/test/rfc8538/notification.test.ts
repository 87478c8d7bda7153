import { describe, expect, it } from "vitest";
import { negotiate, ownOpen } from "../../src/session/negotiate.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { formatNotification, hardReset, notification, withoutHardReset } from "../../src/wire/notification.ts";
import { address4, createLab, peerTo, route } from "../support/lab.ts";
import { NOT_RESTARTING, openOf, Subject, sessionConfig, words } from "../support/session.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

function withFlag(notificationFlag: boolean) {
  const families = [{ family: 4 as const, forwarding: true }];
  return openOf({
    capabilities: {
      ...NO_CAPABILITIES,
      families: [4],
      as4: 64512,
      gracefulRestart: { restarting: false, notification: notificationFlag, restartTimeS: 120, families },
    },
  });
}

const BOTH = () => new Subject().bring("outgoing", "Established", withFlag(true));
const OURS_ONLY = () => new Subject().bring("outgoing", "Established", withFlag(false));

function received(kind: Parameters<typeof notification>[0]) {
  return { type: "message", slot: "outgoing", message: notification(kind) } as const;
}

describe("RFC 8538 §2 the N flag", () => {
  it("is said where it is configured, and counts where both say it", () => {
    const config = sessionConfig();
    const { gracefulRestart } = config;
    expect(ownOpen(config, NOT_RESTARTING).capabilities.gracefulRestart?.notification).toBe(true);
    expect(negotiate(config, withFlag(true))).toMatchObject({ restartsAfterNotification: true });
    expect(negotiate(config, withFlag(false))).toMatchObject({ restartsAfterNotification: false });
    const silent = sessionConfig({ gracefulRestart: { ...gracefulRestart, notification: false } });
    expect(ownOpen(silent, NOT_RESTARTING).capabilities.gracefulRestart?.notification).toBe(false);
    expect(negotiate(silent, withFlag(true))).toMatchObject({ restartsAfterNotification: false });
  });
});

describe("RFC 8538 §3 hard reset", () => {
  it("carries the NOTIFICATION that it stands for", () => {
    const inner = notification("cease/shutdown", "bye");
    const outer = hardReset(inner);
    expect(outer).toMatchObject({ code: 6, subcode: 9 });
    expect([...outer.data]).toEqual([6, 2, 3, 98, 121, 101]);
    expect(withoutHardReset(outer)).toEqual(inner);
    expect(formatNotification(outer)).toBe("Hard Reset: Cease: Administrative Shutdown (bye)");
    expect(withoutHardReset(inner)).toBe(inner);
  });

  it("without a body is just that", () => {
    expect(formatNotification(notification("cease/hard-reset"))).toBe("Cease: Hard Reset");
  });

  it("is what a farewell becomes towards such a peer, and only towards such a peer (§5)", () => {
    for (const kind of ["cease/shutdown", "cease/deconfigured"] as const) {
      const stop = { type: "stop", notification: notification(kind) } as const;
      expect(words(BOTH().feed(stop))).toContain("send notification 6/9 outgoing");
      expect(words(OURS_ONLY().feed(stop))).not.toContain("send notification 6/9 outgoing");
    }
    const change = { type: "stop", notification: notification("cease/configuration-change") } as const;
    expect(words(BOTH().feed(change))).toContain("send notification 6/6 outgoing");
  });
});

describe("RFC 8538 §4 routes after a NOTIFICATION", () => {
  it.each([
    ["received", received("update/malformed-as-path"), "down notification-received restartable"],
    ["received, a Cease", received("cease/reset"), "down notification-received restartable"],
    ["received, a hard reset", received("cease/hard-reset"), "down notification-received"],
    [
      "sent, as the hold timer runs out",
      { type: "timer", slot: "outgoing", timer: "hold" },
      "down notification-sent restartable",
    ],
  ] as const)("%s", (_what, event, down) => {
    expect(words(BOTH().feed(event))).toContain(down);
    expect(words(OURS_ONLY().feed(event))).toContain(down.replace(" restartable", ""));
  });

  it("stay over the hold time of a peer that is cut off, and are there without a gap when it is back", async () => {
    const lab = createLab();
    const gracefulRestart = { notification: true };
    const [a, b] = [await lab.node(A), await lab.node(B)];
    a.speaker.setOriginated([]);
    b.speaker.setOriginated([route("10.1.0.0/24")]);
    a.speaker.setPeers([peerTo(A, B, { gracefulRestart })]);
    b.speaker.setPeers([peerTo(B, A, { gracefulRestart })]);
    lab.advance(1000);
    expect(a.routes()).toHaveLength(1);
    a.changes.length = 0;
    lab.network.cut(address4(A), address4(B));
    lab.advance(100_000);
    expect(a.speaker.status()).toMatchObject([{ stale: 1, trouble: { kind: "hold-timer" } }]);
    lab.network.heal(address4(A), address4(B));
    lab.advance(60_000);
    expect(a.speaker.status()).toMatchObject([{ state: "Established", stale: 0, received: 1 }]);
    expect(a.changes).toEqual([]);
  });

  it("go at once when the peer is shut down for good", async () => {
    const lab = createLab();
    const gracefulRestart = { notification: true };
    const [a, b] = [await lab.node(A), await lab.node(B)];
    b.speaker.setOriginated([route("10.1.0.0/24")]);
    a.speaker.setPeers([peerTo(A, B, { gracefulRestart })]);
    b.speaker.setPeers([peerTo(B, A, { gracefulRestart })]);
    lab.advance(1000);
    await b.speaker.stop();
    lab.advance(100);
    expect(a.routes()).toEqual([]);
    expect(a.speaker.status()).toMatchObject([
      { stale: 0, lastError: "received Hard Reset: Cease: Administrative Shutdown" },
    ]);
  });
});
