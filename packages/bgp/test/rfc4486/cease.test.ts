import { describe, expect, it } from "vitest";
import { notification } from "../../src/wire/notification.ts";
import { createLab, peerTo, route } from "../support/lab.ts";
import { tapped } from "../support/tap.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

async function pair() {
  const lab = createLab();
  const tap = tapped(lab.network);
  const [a, b] = [await lab.node(A, { transport: tap.host(A) }), await lab.node(B)];
  a.speaker.setPeers([peerTo(A, B)]);
  b.speaker.setPeers([peerTo(B, A)]);
  lab.advance(1000);
  return { lab, a, b, said: () => tap.said().filter((one) => one.startsWith("notification")) };
}

describe("RFC 4486 §3 subcodes", () => {
  it("have the numbers of the registry", () => {
    const numbers = [
      "prefix-limit",
      "shutdown",
      "deconfigured",
      "reset",
      "rejected",
      "configuration-change",
      "collision",
      "out-of-resources",
    ] as const;
    expect(numbers.map((name) => notification(`cease/${name}`).subcode)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe("RFC 4486 §4 usage", () => {
  it("Maximum Number of Prefixes Reached: beyond the limit, and with a wait before the next session", async () => {
    const { lab, a, b, said } = await pair();
    a.speaker.setPeers([peerTo(A, B, { prefixLimit: 2 })]);
    b.speaker.setOriginated(["10.1.0.0/24", "10.2.0.0/24"].map((prefix) => route(prefix)));
    lab.advance(100);
    expect(a.routes()).toHaveLength(2);
    b.speaker.announce(route("10.3.0.0/24"));
    lab.advance(100);
    expect(said()).toEqual(["notification Cease: Maximum Number of Prefixes Reached"]);
    expect(a.speaker.status()).toMatchObject([{ state: "Idle", received: 0, trouble: { kind: "prefix-limit" } }]);
    b.speaker.withdraw(route("10.3.0.0/24").prefix);
    lab.advance(60_000);
    expect(a.speaker.status()).toMatchObject([{ state: "Established", received: 2 }]);
  });

  it("Administrative Shutdown: when the speaker ends, and when a peering is shut down", async () => {
    const { lab, a, b, said } = await pair();
    a.speaker.setPeers([peerTo(A, B, { shutdown: "" })]);
    lab.advance(100);
    expect(said()).toEqual(["notification Cease: Administrative Shutdown"]);
    expect(a.speaker.status()).toMatchObject([
      { state: "Idle", trouble: { kind: "shut-down", text: "shut down here" } },
    ]);
    lab.advance(60_000);
    expect(b.speaker.status()).toMatchObject([{ state: expect.not.stringMatching("Established") as string }]);
    a.speaker.setPeers([peerTo(A, B)]);
    lab.advance(60_000);
    expect(a.speaker.status()).toMatchObject([{ state: "Established" }]);
  });

  it("Peer De-configured: when a peer is taken out", async () => {
    const { lab, a, b, said } = await pair();
    a.speaker.setPeers([]);
    lab.advance(10);
    expect(said()).toEqual(["notification Cease: Peer De-configured"]);
    expect(b.speaker.status()).toMatchObject([{ trouble: { kind: "rejected" } }]);
  });

  it("Administrative Reset: when asked for, and the session is back", async () => {
    const { lab, a, said } = await pair();
    expect(a.speaker.resetPeer("Mesh_10_0_0_2")).toBe(true);
    expect(a.speaker.resetPeer("nobody")).toBe(false);
    lab.advance(10);
    expect(said()).toEqual(["notification Cease: Administrative Reset"]);
    lab.advance(5000);
    expect(a.speaker.status()).toMatchObject([{ state: "Established" }]);
  });

  it("Connection Rejected: to who is no peer", async () => {
    const lab = createLab();
    await lab.node(A);
    const stranger = tapped(lab.network).puppet(B, A);
    await stranger.dial(lab);
    lab.advance(10);
    expect(stranger.heard()).toEqual(["notification Cease: Connection Rejected"]);
  });

  it("Other Configuration Change: when a session must begin anew", async () => {
    const { lab, a, said } = await pair();
    a.speaker.setPeers([peerTo(A, B, { families: [4, 6] })]);
    lab.advance(10);
    expect(said()).toEqual(["notification Cease: Other Configuration Change"]);
  });

  it("Connection Collision Resolution: to the connection that is one too many", async () => {
    const { lab, a } = await pair();
    a.speaker.setPeers([peerTo(A, B, { gracefulRestart: { mode: "off" } })]);
    const second = tapped(lab.network).puppet("10.0.0.3", A);
    a.speaker.setPeers([peerTo(A, "10.0.0.3", { passive: true })]);
    await second.establish(lab);
    const third = tapped(lab.network).puppet("10.0.0.3", A);
    await third.dial(lab);
    lab.advance(10);
    expect(third.heard()).toEqual(["notification Cease: Connection Collision Resolution"]);
  });
});
