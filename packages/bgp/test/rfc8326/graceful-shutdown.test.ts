import { describe, expect, it } from "vitest";
import { COMMUNITY, formatCommunity } from "../../src/wire/attributes/communities.ts";
import { createLab, type Node, peerTo, route } from "../support/lab.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

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
