import { seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { formatAddress, formatScoped, ipv4, ipv6, parseAddress, parsePrefix, parseScoped } from "@ocicat/net";
import { beforeEach, describe, expect, it } from "vitest";
import { type BestRoute, createSpeaker, memoryNetwork, type PeerConfig, type Speaker } from "../../src/index.ts";

const FOUR = "10.1.0.0/16";
const SIX = "2001:db8:1::/48";
let clock: TestClock;
let network: ReturnType<typeof memoryNetwork>;

beforeEach(() => {
  clock = new TestClock();
  network = memoryNetwork(clock);
});

/** A speaker on a host that has nothing but this link-local address. */
async function speaker(address: string, as: number, id: number) {
  const routes = new Map<string, BestRoute>();
  const own: Speaker = createSpeaker({
    clock,
    random: seededRandom(id),
    logger: silentLogger,
    transport: network.host(parseAddress(address)),
    localAs: as,
    routerId: ipv4(id),
    listen: { port: 179, address: parseAddress(address) },
    onChange: (changes) => {
      for (const { prefix, best } of changes) if (best !== undefined) routes.set(prefix.toString(), best);
    },
  });
  await own.start();
  return { speaker: own, routes };
}

function peer(text: string, remoteAs: number, extra: Partial<PeerConfig> = {}): PeerConfig {
  const { address, link } = parseScoped(text);
  const both = { families: [4, 6] as const, extendedNextHop: true };
  return { name: link ?? text, remoteAddress: address, link, remoteAs, ...both, ...extra };
}

const originated = [FOUR, SIX].map((text) => ({ prefix: parsePrefix(text), origin: "test" }));
const hops = (route: BestRoute | undefined) => route?.nextHops.map(formatScoped);

async function pair(extra: Partial<PeerConfig> = {}) {
  const [left, right] = [await speaker("fe80::1", 65001, 1), await speaker("fe80::2", 65002, 2)];
  left.speaker.setOriginated(originated);
  left.speaker.setPeers([peer("fe80::2%eth1", 65002, extra)]);
  right.speaker.setPeers([peer("fe80::1%eth1", 65001)]);
  clock.advance(2_000);
  return { left, right };
}

describe("RFC 8950 on a link without numbers", () => {
  it("routes of both families are handed to the neighbour's link-local address, on its link", async () => {
    const { right } = await pair();
    for (const prefix of [FOUR, SIX]) expect(hops(right.routes.get(prefix))).toEqual(["fe80::1%eth1"]);
    expect(right.speaker.status()[0]).toMatchObject({ state: "Established", link: "eth1" });
  });

  it("§3 the next hop is 16 bytes: this end's link-local address", async () => {
    const { right } = await pair();
    const { nextHop, linkLocalNextHop } = right.routes.get(FOUR)?.attributes ?? {};
    expect(nextHop && formatAddress(nextHop)).toBe("fe80::1");
    expect(linkLocalNextHop).toBeUndefined();
  });

  it("§3 it is 32 bytes where this end has a global address too, and the link-local one is used", async () => {
    const { right } = await pair({ ownNextHop: { 6: parseAddress("2001:db8::1") } });
    const { nextHop, linkLocalNextHop } = right.routes.get(FOUR)?.attributes ?? {};
    expect([nextHop, linkLocalNextHop].map((one) => one && formatAddress(one))).toEqual(["2001:db8::1", "fe80::1"]);
    expect(hops(right.routes.get(FOUR))).toEqual(["fe80::1%eth1"]);
  });

  it("two links with the same addresses are two peers, and two ways", async () => {
    const left = await speaker("fe80::1", 65001, 1);
    const right = await speaker("fe80::2", 65002, 2);
    left.speaker.setOriginated(originated);
    left.speaker.setPeers(["eth1", "eth2"].map((link) => peer(`fe80::2%${link}`, 65002)));
    right.speaker.setPeers(["eth1", "eth2"].map((link) => peer(`fe80::1%${link}`, 65001)));
    clock.advance(2_000);
    expect(right.speaker.status().map(({ state }) => state)).toEqual(["Established", "Established"]);
    expect(hops(right.routes.get(FOUR))).toEqual(["fe80::1%eth1", "fe80::1%eth2"]);
    expect(right.speaker.explain(parsePrefix(FOUR)).paths.map(({ verdict }) => verdict)).toEqual(["best", "multipath"]);
  });

  it("what was learned on one link is told on another with this speaker as the next hop (RFC 2545 §3)", async () => {
    const middle = await speaker("fe80::2", 65000, 2);
    const [left, right] = [await speaker("fe80::1", 65000, 1), await speaker("fe80::3", 65003, 3)];
    left.speaker.setOriginated(originated);
    left.speaker.setPeers([peer("fe80::2%eth1", 65000)]);
    const keep = { nextHopMode: "keep" } as const;
    middle.speaker.setPeers([peer("fe80::1%eth1", 65000), peer("fe80::3%eth2", 65003, keep)]);
    right.speaker.setPeers([peer("fe80::2%eth2", 65000)]);
    clock.advance(3_000);
    expect(hops(right.routes.get(FOUR))).toEqual(["fe80::2%eth2"]);
    expect(right.routes.get(FOUR)?.attributes.linkLocalNextHop).toBeUndefined();
  });
});

describe("a link-local next hop", () => {
  it("of a peer that is on no one link leads nowhere, and is refused", async () => {
    const left = await speaker("2001:db8::1", 65001, 1);
    const right = await speaker("2001:db8::2", 65002, 2);
    const none = parseAddress("fe80::9");
    left.speaker.setOriginated(originated);
    left.speaker.setPeers([peer("2001:db8::2", 65002, { ownNextHop: { 6: ipv6(BigInt(none)) } })]);
    right.speaker.setPeers([peer("2001:db8::1", 65001)]);
    clock.advance(2_000);
    expect([...right.routes.keys()]).toEqual([]);
    expect([...right.speaker.received("2001:db8::1")].map(({ why }) => why)).toEqual([
      "next hop fe80::9 is link-local, and the peer is on no one link",
      "next hop fe80::9 is link-local, and the peer is on no one link",
    ]);
  });
});

describe("a peer's link", () => {
  it.each([
    ["is needed for a link-local address", peer("fe80::2", 65002), /is link-local, and no link is named/],
    ["means nothing beside another one", { ...peer("2001:db8::2", 65002), link: "eth1" }, /which is not link-local/],
  ])("%s", async (_what, config, message) => {
    const { speaker: own } = await speaker("fe80::1", 65001, 1);
    expect(() => own.setPeers([config])).toThrow(message);
  });
});
