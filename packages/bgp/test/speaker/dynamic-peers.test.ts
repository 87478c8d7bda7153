import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { DynamicPeerConfig } from "../../src/index.ts";
import { createLab, peerTo, route } from "../support/lab.ts";
import { tapped } from "../support/tap.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";
const C = "10.0.1.3";

const RACK: DynamicPeerConfig = { name: "rack", prefix: parsePrefix("10.0.0.0/16"), remoteAs: 64512 };

async function world(dynamic: readonly DynamicPeerConfig[] = [RACK]) {
  const lab = createLab();
  const a = await lab.node(A);
  a.speaker.setOriginated([route("10.9.0.0/24")]);
  a.speaker.setPeers([], dynamic);
  const join = async (ip: string) => {
    const node = await lab.node(ip);
    node.speaker.setOriginated([route(`172.16.${ip.split(".")[3]}.0/24`)]);
    node.speaker.setPeers([peerTo(ip, A, { passive: false })]);
    lab.advance(1000);
    return node;
  };
  const names = () => a.speaker.status().map(({ name, state }) => `${name} ${state}`);
  return { lab, a, join, names };
}

describe("peers that dial from within a prefix", () => {
  it("are taken, each as a peer of its own, and exchange routes", async () => {
    const { a, join, names } = await world();
    expect(names()).toEqual([]);
    const [b, c] = [await join(B), await join(C)];
    expect(names()).toEqual(["rack_10_0_0_2 Established", "rack_10_0_1_3 Established"]);
    expect(a.routes()).toEqual([`172.16.2.0/24 via ${B}`, `172.16.3.0/24 via ${C}`]);
    for (const node of [b, c]) expect(node.routes()).toContain(`10.9.0.0/24 via ${A}`);
  });

  it("from elsewhere are turned away", async () => {
    const { lab, names } = await world();
    const stranger = tapped(lab.network).puppet("10.1.0.1", A);
    await stranger.dial(lab);
    lab.advance(10);
    expect(stranger.heard()).toEqual(["notification Cease: Connection Rejected"]);
    expect(names()).toEqual([]);
  });

  it("are forgotten when they have gone for good, and kept while a restart is waited for", async () => {
    const { lab, a, join, names } = await world();
    const b = await join(B);
    await b.speaker.stop();
    lab.advance(100);
    expect(names()).toEqual([]);
    await join(C);
    lab.network.kill(peerTo(A, C).remoteAddress);
    lab.advance(60_000);
    expect(a.routes()).toEqual([`172.16.3.0/24 via ${C}`]);
    expect(names()).toEqual(["rack_10_0_1_3 Active"]);
    lab.advance(61_000);
    expect(a.routes()).toEqual([]);
    expect(names()).toEqual([]);
  });

  it("are as many as the limit allows", async () => {
    const { lab, join, names } = await world([{ ...RACK, limit: 1 }]);
    await join(B);
    const c = await join(C);
    expect(names()).toEqual(["rack_10_0_0_2 Established"]);
    expect(c.speaker.status()).toMatchObject([{ trouble: { kind: "rejected" } }]);
    lab.advance(60_000);
    expect(names()).toEqual(["rack_10_0_0_2 Established"]);
  });

  it("belong to the longest prefix, and to nobody's if the address has a peer of its own", async () => {
    const { lab, a, join, names } = await world([RACK, { ...RACK, name: "row", prefix: parsePrefix("10.0.1.0/24") }]);
    await join(C);
    expect(names()).toEqual(["row_10_0_1_3 Established"]);
    a.speaker.setPeers([peerTo(A, C, { name: "own", passive: true })], [RACK]);
    lab.advance(10_000);
    expect(names()).toEqual(["own Established"]);
  });

  it("follow changes of what they were made from: those that a session can take, on the session", async () => {
    const { lab, a, join, names } = await world();
    const b = await join(B);
    const since = a.speaker.status()[0]?.since;
    a.speaker.setPeers([], [{ ...RACK, exportPolicy: () => ({ accept: false, reason: "closed" }) }]);
    lab.advance(100);
    expect(b.routes()).toEqual([]);
    expect(a.speaker.status()).toMatchObject([{ state: "Established", since }]);
    a.speaker.setPeers([], []);
    lab.advance(100);
    expect(names()).toEqual([]);
    expect(b.speaker.status()).toMatchObject([{ trouble: { kind: "rejected" } }]);
  });

  it("with a bad configuration are refused whole", async () => {
    const { a, join, names } = await world();
    await join(B);
    expect(() => a.speaker.setPeers([], [{ ...RACK, remoteAs: 0 }])).toThrow(/AS 0/);
    expect(() => a.speaker.setPeers([], [RACK, { ...RACK, name: "twin" }])).toThrow(
      /the prefix of dynamic peer rack too/,
    );
    expect(names()).toEqual(["rack_10_0_0_2 Established"]);
  });
});
