import { describe, expect, it } from "vitest";
import { encodeControl } from "../../src/wire/codec.ts";
import { bgpError, decodeOne, hex, message } from "../support/bytes.ts";
import { createLab, peerTo, route } from "../support/lab.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

describe("RFC 2918 route refresh", () => {
  it("is read and written", () => {
    expect(decodeOne(message(5, hex("0002 00 01")))).toEqual({ type: "route-refresh", family: 6, subtype: 0 });
    expect([...encodeControl({ type: "route-refresh", family: 4, subtype: 0 }).subarray(19)]).toEqual([0, 1, 0, 1]);
    expect(decodeOne(message(5, hex("0001 00 80")))).toMatchObject({ family: undefined });
  });

  it("of another length is an error of its own (RFC 7313 §5)", () => {
    expect(bgpError(() => decodeOne(message(5, hex("0001 00"))))).toMatchObject({ errorCode: 7, errorSubcode: 1 });
  });

  it("makes the peer send all its routes again, in as few UPDATEs as they need, and changes nothing", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B)];
    b.speaker.setOriginated(
      Array.from({ length: 300 }, (_, index) => route(`172.16.${index >> 2}.${(index & 3) * 64}/26`)),
    );
    a.speaker.setOriginated([]);
    a.speaker.setPeers([peerTo(A, B)]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    expect(a.routes()).toHaveLength(300);
    a.changes.length = 0;
    const before = a.speaker.status()[0]?.updatesIn ?? 0;
    expect(a.speaker.requestRefresh("Mesh_10_0_0_2", 4)).toBe(true);
    lab.advance(100);
    expect(a.speaker.status()).toMatchObject([{ updatesIn: before + 1, received: 300 }]);
    expect(a.changes).toEqual([]);
  });

  it("is not asked for where it cannot be: no session, no such family, no such peer", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B)];
    a.speaker.setPeers([peerTo(A, B)]);
    expect(a.speaker.requestRefresh("Mesh_10_0_0_2", 4)).toBe(false);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    expect(a.speaker.requestRefresh("Mesh_10_0_0_2", 4)).toBe(true);
    expect(a.speaker.requestRefresh("Mesh_10_0_0_2", 6)).toBe(false);
    expect(a.speaker.requestRefresh("nobody", 4)).toBe(false);
  });
});
