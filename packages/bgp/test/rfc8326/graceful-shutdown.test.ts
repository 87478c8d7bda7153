import { describe, expect, it } from "vitest";
import { COMMUNITY, formatCommunity } from "../../src/wire/attributes/communities.ts";
import { createLab, type Node, peerTo, route } from "../support/lab.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";
const C = "10.0.0.3";

function attributesOf(node: Node, prefix: string) {
  return [...node.speaker.routes()].find((one) => one.prefix.toString() === prefix)?.attributes;
}

describe("RFC 8326 §3 the community", () => {
  it("is 65535:0", () => {
    expect(COMMUNITY.gracefulShutdown).toBe(0xffff_0000);
    expect(formatCommunity(COMMUNITY.gracefulShutdown)).toBe("graceful-shutdown");
  });
});

describe("RFC 8326 §4.1 before a session is shut down", () => {
  it("what the peer is told carries the community, and a new UPDATE says so on the session that is there", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B)];
    a.speaker.setOriginated([]);
    b.speaker.setOriginated([route("10.1.0.0/24")]);
    a.speaker.setPeers([peerTo(A, B)]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    const since = a.speaker.status()[0]?.since;
    b.speaker.setPeers([peerTo(B, A, { gracefulShutdown: true })]);
    lab.advance(100);
    expect(attributesOf(a, "10.1.0.0/24")).toMatchObject({ communities: [COMMUNITY.gracefulShutdown], localPref: 0 });
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(100);
    expect(attributesOf(a, "10.1.0.0/24")?.communities).toBeUndefined();
    expect(a.speaker.status()).toMatchObject([{ state: "Established", since }]);
  });
});

describe("RFC 8326 §4.2 the receiver", () => {
  it("takes another path, if there is one, before the session ends", async () => {
    const lab = createLab();
    const a = await lab.node(A);
    const [b, c] = [await lab.node(B, { localAs: 64513 }), await lab.node(C, { localAs: 64514 })];
    a.speaker.setPeers([peerTo(A, B, { remoteAs: 64513 }), peerTo(A, C, { remoteAs: 64514 })]);
    for (const [ip, { speaker }] of [
      [B, b],
      [C, c],
    ] as const) {
      speaker.setOriginated([route("10.1.0.0/24")]);
      speaker.setPeers([peerTo(ip, A)]);
    }
    lab.advance(1000);
    b.speaker.setPeers([peerTo(B, A, { gracefulShutdown: true })]);
    lab.advance(100);
    expect(a.routes()).toEqual([`10.1.0.0/24 via ${C}`]);
    b.speaker.setPeers([peerTo(B, A)]);
    c.speaker.setPeers([peerTo(C, A, { gracefulShutdown: true })]);
    lab.advance(100);
    expect(a.routes()).toEqual([`10.1.0.0/24 via ${B}`]);
  });
});
