import {
  acceptAll,
  compilePolicy,
  createSpeaker,
  isPassive,
  memoryNetwork,
  type PeerConfig,
  type Speaker,
} from "@ocicat/bgp";
import { linesOf, MrtDecoder, MrtReader } from "@ocicat/bgp/mrt";
import { seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { type Ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import type { Answer, Download, Stream } from "@ocicat/service";
import { beforeEach, describe, expect, it } from "vitest";
import { SessionLog } from "../../src/bgp/session-log.ts";
import { type BgpSource, bgpRoutes } from "../../src/serve/bgp.ts";

const address = (text: string) => parseAddress(text) as Ipv4;

let clock: TestClock;
let log: SessionLog;
let speakers: Speaker[];
beforeEach(() => {
  clock = new TestClock();
  log = new SessionLog(clock);
  const network = memoryNetwork(clock);
  speakers = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((own, index) =>
    createSpeaker({
      clock,
      random: seededRandom(index),
      logger: silentLogger,
      transport: network.host(address(own)),
      localAs: 64512,
      routerId: address(own),
      listen: { port: 179, address: address(own) },
      onPeerState: index === 0 ? (peer, state, why) => log.note(peer, state, why) : undefined,
    }),
  );
});

async function connected(extra: Partial<PeerConfig> = {}): Promise<void> {
  const peer = (own: string, remote: string, more: Partial<PeerConfig> = {}): PeerConfig => ({
    name: `Mesh_${remote.replaceAll(".", "_")}`,
    remoteAddress: address(remote),
    localAddress: address(own),
    remoteAs: 64512,
    passive: isPassive(own, remote),
    ...more,
  });
  const [a, b, c] = speakers as [Speaker, Speaker, Speaker];
  for (const speaker of speakers) await speaker.start();
  a.setPeers([peer("10.0.0.1", "10.0.0.2", extra), peer("10.0.0.1", "10.0.0.3")]);
  b.setPeers([peer("10.0.0.2", "10.0.0.1")]);
  c.setPeers([peer("10.0.0.3", "10.0.0.1")]);
  const own = (prefix: string) => [{ prefix: parsePrefix(prefix), origin: `block ${prefix}` }];
  a.setOriginated(own("10.244.1.0/26"));
  b.setOriginated([...own("10.244.2.0/26"), ...own("10.98.0.0/24"), ...own("10.244.2.64/26")]);
  c.setOriginated(own("10.244.2.0/26"));
  clock.advance(5_000);
}

const refusing = compilePolicy(
  [
    {
      name: "BGPFilter pods importV4",
      rules: [{ destination: { network: parsePrefix("10.98.0.0/16"), operator: "In" }, action: "reject" }],
    },
  ],
  acceptAll,
);

function sourceOf(speaker = speakers[0]): BgpSource {
  const report = () =>
    (speaker?.status() ?? []).map((status) => ({ ...status, address: "10.0.0.2", node: "node2" }) as never);
  return { speaker, report, log };
}

async function ask(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const answer = await bgpRoutes(() => sourceOf())[path]?.(new URLSearchParams(query));
  return JSON.parse((answer as Answer).body);
}

const lines = async (query: Readonly<Record<string, string>>) =>
  ((await ask("/bgp/routes", query)) as { prefix: string; peer?: string; verdict: string; why: string }[]).map(
    ({ prefix, peer = "own", verdict, why }) => `${prefix} ${peer} ${verdict}: ${why}`,
  );

describe("/bgp/mrt", () => {
  it("is all paths that filters let in, of all peers, and the node's own", async () => {
    await connected({ importPolicy: refusing });
    const answer = (await bgpRoutes(() => sourceOf())["/bgp/mrt"]?.(new URLSearchParams())) as Download;
    const reader = new MrtReader("answer");
    const decoder = new MrtDecoder("answer");
    const told: string[] = [];
    for await (const piece of answer.pieces) reader.push(piece);
    for (let record = reader.next(); record !== undefined; record = reader.next())
      told.push(...linesOf(decoder.decode(record)).map((line) => line.split("|").slice(3, 6).join(" ")));
    reader.end();
    expect(told.sort()).toEqual([
      "0.0.0.0 0 10.244.1.0/26",
      "10.0.0.2 64512 10.244.2.0/26",
      "10.0.0.2 64512 10.244.2.64/26",
      "10.0.0.3 64512 10.244.2.0/26",
    ]);
  });

  it("is refused where there is no speaker", () => {
    const route = bgpRoutes(() => ({ ...sourceOf(), speaker: undefined }))["/bgp/mrt"];
    expect(() => route?.(new URLSearchParams())).toThrow("the agent itself does no BGP here");
  });
});

describe("/bgp/routes", () => {
  beforeEach(() => connected({ importPolicy: refusing }));

  it("tells every path, by network", async () => {
    expect(await lines({})).toEqual([
      "10.98.0.0/24 Mesh_10_0_0_2 refused: BGPFilter pods importV4[0]",
      "10.244.1.0/26 own best: only path",
      "10.244.2.0/26 Mesh_10_0_0_2 best: lowest BGP identifier",
      '10.244.2.0/26 Mesh_10_0_0_3 multipath: as good as the best up to "lowest BGP identifier"',
      "10.244.2.64/26 Mesh_10_0_0_2 best: only path",
    ]);
  });

  it("tells those within a network, those of a peer, the best ones", async () => {
    expect(await lines({ prefix: "10.244.2.0/25", best: "1" })).toEqual([
      "10.244.2.0/26 Mesh_10_0_0_2 best: lowest BGP identifier",
      "10.244.2.64/26 Mesh_10_0_0_2 best: only path",
    ]);
    // By the node's name: the first session of it.
    expect(await lines({ received: "node2", prefix: "10.98.0.0/16" })).toHaveLength(1);
    expect(await lines({ received: "Mesh_10_0_0_3" })).toHaveLength(1);
  });

  it("tells what a peer is told, and that nothing keeps it back", async () => {
    expect(await lines({ advertised: "Mesh_10_0_0_3" })).toEqual([
      "10.244.1.0/26 own advertised: nothing keeps it back",
    ]);
  });

  it("refuses a peer that is not there, and names those that are", async () => {
    await expect(lines({ received: "tor" })).rejects.toThrow(
      'no BGP session here is called "tor"; use one of Mesh_10_0_0_2, Mesh_10_0_0_3',
    );
  });
});

describe("/bgp/why", () => {
  beforeEach(() => connected());

  it("tells of the longest network that holds the address: its paths, and who is told what", async () => {
    expect(await ask("/bgp/why", { prefix: "10.244.2.70" })).toMatchObject({
      prefix: "10.244.2.64/26",
      paths: [{ peer: "Mesh_10_0_0_2", nextHop: "10.0.0.2", verdict: "best", attributes: expect.any(Array) }],
      exports: [
        { peer: "Mesh_10_0_0_2", told: false, why: "learned from this peer" },
        { peer: "Mesh_10_0_0_3", told: false, why: "learned from an internal peer, towards an internal peer" },
      ],
    });
    expect(await ask("/bgp/why", { prefix: "10.244.1.0/26" })).toMatchObject({
      paths: [{ origin: "block 10.244.1.0/26" }],
      exports: [{ told: true, attributes: ["ORIGIN: IGP", "AS_PATH: ", "LOCAL_PREF: 100"] }, { told: true }],
    });
    expect(await ask("/bgp/why", { prefix: "10.7.0.0/16" })).toEqual({ prefix: "10.7.0.0/16", paths: [], exports: [] });
  });
});

describe("/bgp/log", () => {
  it("tells when sessions came up and why they went, what repeats itself once", async () => {
    await connected();
    log.note("Mesh_10_0_0_2", "Active", "connection refused");
    log.note("Mesh_10_0_0_2", "Connect", "Connect");
    log.note("Mesh_10_0_0_2", "Active", "connection refused");
    const events = (await ask("/bgp/log")) as { session: string; state: string; why: string }[];
    expect(events.map(({ session, state, why }) => `${session} ${state} ${why}`)).toEqual([
      "Mesh_10_0_0_2 Established Established",
      "Mesh_10_0_0_3 Established Established",
      "Mesh_10_0_0_2 Active connection refused",
    ]);
  });

  it("is followed until the asker goes", () => {
    const source = { speaker: undefined, report: () => [], log };
    const followed = bgpRoutes(() => source)["/bgp/log"]?.(new URLSearchParams({ follow: "1" })) as Stream;
    const seen: string[] = [];
    const end = followed.open((line) => seen.push(line) > 0);
    log.note("Mesh_10_0_0_2", "Active", "no answer on port 179");
    end();
    log.note("Mesh_10_0_0_2", "Active", "connection refused");
    expect(seen.map((line) => JSON.parse(line).why)).toEqual(["no answer on port 179"]);
  });
});
