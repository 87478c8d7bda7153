import { formatAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { acceptAll, compilePolicy, type FilterRule, formatAttributes, type Policy } from "../../src/index.ts";
import { createLab, type Node, peerTo, route } from "../support/lab.ts";

const [A, B, C] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as const;

function policy(...rules: FilterRule[]): Policy {
  return compilePolicy([{ name: "BGPFilter f exportV4", rules }], acceptAll);
}

const to = (network: string, action: FilterRule["action"]): FilterRule => ({
  destination: { network: parsePrefix(network), operator: "In" },
  action,
});

async function pair() {
  const lab = createLab();
  const [a, b] = [await lab.node(A), await lab.node(B)];
  a.speaker.setPeers([peerTo(A, B)]);
  b.speaker.setPeers([peerTo(B, A)]);
  a.speaker.setOriginated(["172.16.0.0/24", "172.16.1.0/24", "172.17.0.0/24"].map((prefix) => route(prefix)));
  b.speaker.setOriginated([]);
  lab.advance(1_000);
  const since = () => [a, b].map(({ speaker }) => speaker.status()[0]?.since);
  return { lab, a, b, since };
}

const prefixesOf = (node: Node) => node.routes().map((line) => line.split(" ")[0]);

describe("a filter that changes under a session", () => {
  it("towards a peer: tells it the difference and nothing else, and the session stays", async () => {
    const { lab, a, b, since } = await pair();
    const before = since();
    expect(prefixesOf(b)).toEqual(["172.16.0.0/24", "172.16.1.0/24", "172.17.0.0/24"]);
    const updates = a.speaker.status()[0]?.updatesOut ?? 0;
    a.speaker.setPeers([peerTo(A, B, { exportPolicy: policy(to("172.16.0.0/16", "reject")) })]);
    lab.advance(10);
    expect(prefixesOf(b)).toEqual(["172.17.0.0/24"]);
    expect(a.speaker.status()[0]?.updatesOut).toBe(updates + 1);
    a.speaker.setPeers([peerTo(A, B, { exportPolicy: policy(to("172.16.1.0/24", "reject")) })]);
    lab.advance(10);
    expect(prefixesOf(b)).toEqual(["172.16.0.0/24", "172.17.0.0/24"]);
    expect(a.speaker.status()[0]?.updatesOut).toBe(updates + 2);
    expect(since()).toEqual(before);
  });

  it("of what a peer tells: judges again what it has told, without asking it", async () => {
    const { lab, a, b, since } = await pair();
    const before = since();
    const updates = b.speaker.status()[0]?.updatesIn;
    b.speaker.setPeers([peerTo(B, A, { importPolicy: policy(to("172.16.0.0/16", "reject")) })]);
    lab.advance(10);
    expect(prefixesOf(b)).toEqual(["172.17.0.0/24"]);
    expect(b.speaker.explain(parsePrefix("172.16.0.0/24")).paths).toMatchObject([
      { peer: "Mesh_10_0_0_1", verdict: "refused", why: "BGPFilter f exportV4[0]" },
    ]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(10);
    expect(prefixesOf(b)).toHaveLength(3);
    expect(b.speaker.status()[0]?.updatesIn).toBe(updates);
    expect(since()).toEqual(before);
    expect(a.speaker.status()[0]?.state).toBe("Established");
  });
});

describe("what peers are told", () => {
  it("is explained for each: with which attributes and by which rule, or why not", async () => {
    const lab = createLab();
    const nodes = [await lab.node(A), await lab.node(B), await lab.node(C)];
    const [a, b, c] = nodes as [Node, Node, Node];
    const prepending: FilterRule = { action: "accept", operations: [{ prependAsPath: [64599] }] };
    const deny = to("172.16.0.0/24", "reject");
    a.speaker.setPeers([peerTo(A, B), peerTo(A, C, { exportPolicy: policy(deny, prepending) })]);
    b.speaker.setPeers([peerTo(B, A)]);
    a.speaker.setOriginated([route("172.16.0.0/24"), route("172.17.0.0/24")]);
    b.speaker.setOriginated([route("172.20.0.0/24")]);
    lab.advance(1_000);
    const explained = (prefix: string) => a.speaker.explainExports(parsePrefix(prefix)).map(({ why }) => why);
    expect(explained("172.16.0.0/24")).toEqual(["nothing keeps it back", "the session is not up"]);
    c.speaker.setPeers([peerTo(C, A)]);
    c.speaker.setOriginated([]);
    lab.advance(10_000);
    expect(explained("172.16.0.0/24")).toEqual(["nothing keeps it back", "BGPFilter f exportV4[0]"]);
    const [, told] = a.speaker.explainExports(parsePrefix("172.17.0.0/24"));
    expect(told?.why).toBe("BGPFilter f exportV4[1]");
    expect(told?.attributes && formatAttributes(told.attributes)).toContain("AS_PATH: 64599");
    expect(told?.attributes && formatAddress(told.attributes.nextHop)).toBe(A);
    expect(explained("172.20.0.0/24")).toEqual([
      "learned from this peer",
      "learned from an internal peer, towards an internal peer",
    ]);
    expect(explained("172.99.0.0/24")[0]).toBe("there is no path that can be used");
    expect([...a.speaker.prefixes()].map(String).sort()).toEqual(["172.16.0.0/24", "172.17.0.0/24", "172.20.0.0/24"]);
  });
});
