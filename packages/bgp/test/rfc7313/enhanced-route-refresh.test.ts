import { describe, expect, it } from "vitest";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { notificationOf } from "../../src/wire/notification.ts";
import { bgpError, decodeOne, hex, message } from "../support/bytes.ts";
import { createLab, type Node, peerTo, route } from "../support/lab.ts";
import { openOf, Subject, words } from "../support/session.ts";
import { tapped } from "../support/tap.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";
const PEER = "Mesh_10_0_0_2";

const ENHANCED = openOf({
  capabilities: { ...NO_CAPABILITIES, families: [4], as4: 64512, routeRefresh: true, enhancedRefresh: true },
});

function refresh(subtype: number) {
  return { type: "message", slot: "outgoing", message: { type: "route-refresh", family: 4, subtype } } as const;
}

/** B has two routes, and A has learned them. All that B says is recorded. */
async function pair() {
  const lab = createLab();
  const tap = tapped(lab.network);
  const a = await lab.node(A);
  const b = await lab.node(B, { transport: tap.host(B) });
  b.speaker.setOriginated([route("10.1.0.0/24"), route("10.2.0.0/24")]);
  a.speaker.setOriginated([]);
  a.speaker.setPeers([peerTo(A, B)]);
  b.speaker.setPeers([peerTo(B, A)]);
  lab.advance(1000);
  expect(a.routes()).toHaveLength(2);
  tap.clear();
  return { lab, a, b, tap };
}

function stale(node: Node): number | undefined {
  return node.speaker.status()[0]?.stale;
}

describe("RFC 7313 §3.1 capability", () => {
  it("is announced, and used where the peer has it too", () => {
    const plain = openOf();
    expect(words(new Subject().bring("outgoing", "Established", plain).feed(refresh(1)))).not.toContain(
      "refreshed begin",
    );
    expect(words(new Subject().bring("outgoing", "Established", ENHANCED).feed(refresh(1)))).toContain(
      "refreshed begin",
    );
  });
});

describe("RFC 7313 §4 operation", () => {
  it("an answer begins with BoRR, has all routes, and ends with EoRR", async () => {
    const { lab, a, tap } = await pair();
    a.speaker.requestRefresh(PEER, 4);
    lab.advance(100);
    expect(tap.said()).toEqual(["refresh 4/1", "update +2", "refresh 4/2"]);
  });

  it("what has not been told again by EoRR is dropped", async () => {
    const lab = createLab();
    const a = await lab.node(A);
    a.speaker.setPeers([peerTo(A, B, { passive: true })]);
    const peer = tapped(lab.network).puppet(B, A);
    await peer.establish(lab, { enhancedRefresh: true });
    peer.announce(["10.1.0.0/24", "10.2.0.0/24"]);
    peer.endOfRib();
    lab.advance(10);
    expect(a.routes()).toHaveLength(2);
    peer.refresh(1);
    lab.advance(10);
    expect(stale(a)).toBe(2);
    expect(a.routes()).toHaveLength(2);
    peer.announce(["10.1.0.0/24"]);
    lab.advance(10);
    expect(stale(a)).toBe(1);
    peer.refresh(2);
    lab.advance(10);
    expect(a.routes()).toEqual([`10.1.0.0/24 via ${B}`]);
  });

  it("a second BoRR begins anew, and an EoRR without a BoRR does nothing", async () => {
    const lab = createLab();
    const a = await lab.node(A);
    a.speaker.setPeers([peerTo(A, B, { passive: true })]);
    const peer = tapped(lab.network).puppet(B, A);
    await peer.establish(lab, { enhancedRefresh: true });
    peer.announce(["10.1.0.0/24", "10.2.0.0/24"]);
    peer.refresh(2);
    lab.advance(10);
    expect(a.routes()).toHaveLength(2);
    peer.refresh(1);
    peer.announce(["10.1.0.0/24"]);
    peer.refresh(1);
    lab.advance(10);
    expect(stale(a)).toBe(2);
    expect(a.routes()).toHaveLength(2);
    peer.announce(["10.2.0.0/24"]);
    peer.refresh(2);
    lab.advance(10);
    expect(a.routes()).toEqual([`10.2.0.0/24 via ${B}`]);
  });

  it("a peer that never ends is not waited for longer than six minutes", async () => {
    const lab = createLab();
    const a = await lab.node(A);
    a.speaker.setPeers([peerTo(A, B, { passive: true })]);
    const peer = tapped(lab.network).puppet(B, A);
    await peer.establish(lab, { enhancedRefresh: true });
    peer.announce(["10.1.0.0/24", "10.2.0.0/24"]);
    peer.refresh(1);
    peer.announce(["10.1.0.0/24"]);
    peer.keepAlive(lab, 359_000);
    expect(a.routes()).toHaveLength(2);
    peer.keepAlive(lab, 2000);
    expect(a.routes()).toEqual([`10.1.0.0/24 via ${B}`]);
  });

  it("a BoRR before the End-of-RIB of a peer that restarts gracefully is ignored", async () => {
    const lab = createLab();
    const a = await lab.node(A);
    a.speaker.setPeers([peerTo(A, B, { passive: true })]);
    const peer = tapped(lab.network).puppet(B, A);
    await peer.establish(lab, { enhancedRefresh: true, gracefulRestart: true });
    peer.announce(["10.1.0.0/24"]);
    peer.refresh(1);
    lab.advance(10);
    expect(stale(a)).toBe(0);
    peer.endOfRib();
    peer.refresh(1);
    lab.advance(10);
    expect(stale(a)).toBe(1);
  });

  it("a request that comes before our End-of-RIB is answered without marks", async () => {
    const lab = createLab();
    const b = await lab.node(B);
    b.speaker.announce(route("10.1.0.0/24"));
    b.speaker.setPeers([peerTo(B, A, { passive: true })]);
    const peer = tapped(lab.network).puppet(A, B);
    await peer.establish(lab, { enhancedRefresh: true });
    peer.refresh(0);
    lab.advance(100);
    expect(peer.heard().filter((one) => one.startsWith("refresh"))).toEqual([]);
    b.speaker.setOriginated([route("10.1.0.0/24")]);
    lab.advance(100);
    peer.refresh(0);
    lab.advance(100);
    expect(peer.heard().filter((one) => one.startsWith("refresh"))).toEqual(["refresh 4/1", "refresh 4/2"]);
  });
});

describe("RFC 7313 §5 errors", () => {
  it("a wrong length is answered with 7/1 and the whole message", () => {
    const bytes = message(5, hex("0001 01"));
    const error = bgpError(() => decodeOne(bytes));
    expect(notificationOf(error)).toMatchObject({ code: 7, subcode: 1, data: bytes });
  });

  it("an unknown subtype is ignored, and keeps the session alive", () => {
    expect(words(new Subject().bring("outgoing", "Established", ENHANCED).feed(refresh(3)))).toEqual([
      "start hold outgoing 90000",
    ]);
  });
});
