import { describe, expect, it } from "vitest";
import { type Md5Refusals, type PeerConfig, TROUBLES, type Transport } from "../../src/index.ts";
import { address4, createLab, peerTo } from "../support/lab.ts";
import { tapped } from "../support/tap.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

async function trouble(ours: Partial<PeerConfig>, theirs: Partial<PeerConfig>, theirAs = 64512) {
  const lab = createLab();
  const [a, b] = [await lab.node(A), await lab.node(B, { localAs: theirAs })];
  a.speaker.setPeers([peerTo(A, B, ours)]);
  b.speaker.setPeers([peerTo(B, A, theirs)]);
  lab.advance(1000);
  return [a, b].map(({ speaker }) => speaker.status()[0]?.trouble);
}

describe("why a session is not up", () => {
  it("another AS than expected, on both sides", async () => {
    const [ours, theirs] = await trouble({}, {}, 64513);
    expect([ours?.kind, theirs?.kind]).toEqual(["wrong-as", "wrong-as"]);
    expect([ours?.text, theirs?.text].join()).toContain("AS is 64513, expected 64512");
  });

  it("no family in common", async () => {
    const [ours, theirs] = await trouble({ families: [6] }, {});
    expect([ours?.kind, theirs?.kind]).toEqual(["capability-missing", "capability-missing"]);
    expect([ours?.text, theirs?.text].join()).toMatch(/no address family in common; this side speaks IPv(6|4) unicast/);
  });

  it("the same identifier", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B, { routerId: address4(A) })];
    a.speaker.setPeers([peerTo(A, B)]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    expect(a.speaker.status()).toMatchObject([{ trouble: { kind: "bad-identifier" } }]);
    expect(b.speaker.status()).toMatchObject([{ trouble: { kind: "bad-identifier" } }]);
  });

  it("nobody listens, nobody answers, nobody is expected", async () => {
    const lab = createLab();
    const a = await lab.node("10.0.0.9");
    a.speaker.setPeers([peerTo("10.0.0.9", B)]);
    lab.advance(50);
    expect(a.speaker.status()).toMatchObject([{ trouble: { kind: "refused" } }]);
    lab.network.cut(address4("10.0.0.9"), address4(B));
    lab.advance(20_000);
    expect(a.speaker.status()).toMatchObject([{ trouble: { kind: "no-answer" } }]);
    lab.network.heal(address4("10.0.0.9"), address4(B));
    await lab.node(B);
    lab.advance(20_000);
    expect(a.speaker.status()).toMatchObject([{ trouble: { kind: "rejected" } }]);
  });

  it("silence for the hold time, on both sides; nothing while the session is up", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B)];
    a.speaker.setPeers([peerTo(A, B)]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    expect(a.speaker.status()).toMatchObject([{ state: "Established", trouble: undefined }]);
    lab.network.cut(address4(A), address4(B));
    lab.advance(91_000);
    expect(a.speaker.status()).toMatchObject([{ trouble: { kind: "hold-timer" } }]);
    expect(b.speaker.status()).toMatchObject([{ trouble: { kind: "hold-timer" } }]);
  });

  it("what the peer sent was not to be understood", async () => {
    const lab = createLab();
    const a = await lab.node(A);
    a.speaker.setPeers([peerTo(A, B, { passive: true })]);
    const peer = tapped(lab.network).puppet(B, A);
    await peer.dial(lab);
    peer.sayBytes(new Uint8Array(19));
    lab.advance(10);
    expect(a.speaker.status()).toMatchObject([{ trouble: { kind: "protocol-error" } }]);
  });

  it.each([
    ["mismatched", "secret", "md5-mismatch"],
    ["missing", "secret", "md5-missing"],
    ["unexpected", undefined, "md5-unexpected"],
  ] as const)(
    "the system counts segments as %s while a peer that dials is waited for",
    async (count, password, kind) => {
      const lab = createLab();
      const counts: Record<keyof Md5Refusals, number> = { missing: 3, unexpected: 3, mismatched: 3 };
      const inner = lab.network.host(address4(A));
      const transport: Transport = {
        connect: (options, onConnected, onFailed) => inner.connect(options, onConnected, onFailed),
        listen: (options, onConnection) => inner.listen(options, onConnection),
        md5Refusals: () => ({ ...counts }),
      };
      const a = await lab.node(A, { transport });
      a.speaker.setPeers([peerTo(A, B, { passive: true, security: { password } })]);
      lab.advance(1000);
      expect(a.speaker.status()).toMatchObject([{ state: "Active", trouble: undefined }]);
      counts[count] += 1;
      expect(a.speaker.status()).toMatchObject([{ state: "Active", trouble: { kind } }]);
      // What concerns peers of the other sort says nothing about this one.
      counts[count] -= 1;
      counts[count === "unexpected" ? "mismatched" : "unexpected"] += 1;
      expect(a.speaker.status()).toMatchObject([{ trouble: undefined }]);
    },
  );

  it("each kind knows what mends it", () => {
    for (const fix of Object.values(TROUBLES)) expect(fix).not.toBe("");
  });
});
