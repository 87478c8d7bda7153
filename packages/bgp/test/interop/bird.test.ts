import { seededRandom, silentLogger } from "@ocicat/kit";
import { formatScoped, parseAddress, parsePrefix } from "@ocicat/net";
import { afterEach, describe, expect, it } from "vitest";
import {
  acceptAll,
  compilePolicy,
  createSpeaker,
  type PeerConfig,
  type Speaker,
  type SpeakerOptions,
} from "../../src/index.ts";
import { type Bird, startBird } from "../support/bird.ts";
import { address4, route } from "../support/lab.ts";
import { eventually, realClock } from "../support/real-clock.ts";
import { tcpTransport } from "../support/tcp-transport.ts";

// Loopback addresses of this process's own, so that two runs at once do not meet.
const NET = `127.${1 + (process.pid & 63)}.${(process.pid >> 6) & 255}`;
const OURS = `${NET}.1`;
const THEIRS = `${NET}.2`;
const PORT = 1790;

const OUR_HOP = "192.0.2.1";
const THEIR_HOP = "192.0.2.2";

/** Routes of ours name a next hop that is a host's: loopback, where these sessions run, is none. */
function ours(prefix: string) {
  return route(prefix, { attributes: { nextHop: address4(OUR_HOP) } });
}

function birdConfig(session: string, statics: readonly string[], remoteAs = 64512): string {
  return `
    router id 10.0.0.2;
    protocol device {}
    protocol static {
      ipv4;
      ${statics.map((prefix) => `route ${prefix} blackhole;`).join("\n")}
    }
    protocol bgp peer {
      local ${THEIRS} port ${PORT} as 64512;
      neighbor ${OURS} port ${PORT} as ${remoteAs};
      multihop;
      strict bind;
      connect delay time 1;
      connect retry time 1;
      error wait time 1,1;
      graceful restart;
      ${session}
      ipv4 { import all; export filter { bgp_next_hop = ${THEIR_HOP}; accept; }; };
    }`;
}

describe("with BIRD 2", () => {
  const cleanup: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of cleanup.splice(0).reverse()) await end();
  });

  async function bird(config: string): Promise<Bird> {
    const started = await startBird(config);
    cleanup.push(() => started.stop());
    return started;
  }

  async function speaker(peer: Partial<PeerConfig> = {}, options: Partial<SpeakerOptions> = {}) {
    const routes = new Map<string, string>();
    const gone: string[] = [];
    const started: Speaker = createSpeaker({
      clock: realClock,
      random: seededRandom(process.pid),
      logger: silentLogger,
      transport: tcpTransport(),
      localAs: 64512,
      routerId: address4("10.0.0.1"),
      listen: { address: address4(OURS), port: PORT },
      onChange: (changes) => {
        for (const { prefix, best } of changes) {
          if (best === undefined) {
            gone.push(prefix.toString());
            routes.delete(prefix.toString());
          } else {
            routes.set(prefix.toString(), best.nextHops.map(formatScoped).join(" "));
          }
        }
      },
      ...options,
    });
    await started.start();
    cleanup.push(() => started.stop());
    started.setPeers([
      {
        name: "bird",
        remoteAddress: address4(THEIRS),
        remotePort: PORT,
        localAddress: address4(OURS),
        remoteAs: 64512,
        ...peer,
      },
    ]);
    return { speaker: started, routes, gone };
  }

  const established = (daemon: Bird) =>
    eventually(
      "the session",
      () => daemon.ask("show protocols all peer"),
      (text) => text.includes("Established"),
    );

  it("establishes a session that we dial, and routes go both ways", async () => {
    const daemon = await bird(birdConfig("passive on;", ["10.244.1.0/26", "10.244.1.7/32"]));
    const { speaker: local, routes } = await speaker();
    local.setOriginated([ours("10.244.2.0/26")]);
    const protocol = await established(daemon);
    expect(protocol).toContain("Neighbor AS:      64512");
    expect(protocol).toMatch(/Neighbor ID:\s+10\.0\.0\.1/);
    expect(protocol).toMatch(/Session:\s+internal multihop AS4/);
    await eventually(
      "their routes",
      () => [...routes],
      (list) => list.length === 2,
    );
    expect(Object.fromEntries(routes)).toEqual({ "10.244.1.0/26": THEIR_HOP, "10.244.1.7/32": THEIR_HOP });
    const table = await eventually(
      "our route at BIRD",
      () => daemon.ask("show route 10.244.2.0/26 all"),
      (text) => text.includes("BGP.next_hop"),
    );
    expect(table).toContain(`BGP.next_hop: ${OUR_HOP}`);
    expect(table).toContain("BGP.origin: IGP");
    expect(table).toContain("BGP.local_pref: 100");
    expect(table).toMatch(/BGP\.as_path: ?\n/);

    local.withdraw(parsePrefix("10.244.2.0/26"));
    await eventually(
      "the withdrawal at BIRD",
      () => daemon.ask("show route protocol peer"),
      (text) => !text.includes("10.244.2.0"),
    );
  });

  it("establishes a session that BIRD dials, with the routes of both sides", async () => {
    const { speaker: local, routes } = await speaker({ passive: true });
    local.setOriginated([ours("10.244.2.0/26"), ours("10.244.2.64/26")]);
    const daemon = await bird(birdConfig("", ["10.244.1.0/26"]));
    await established(daemon);
    await eventually(
      "their route",
      () => [...routes],
      (list) => list.length === 1,
    );
    const table = await eventually(
      "our routes at BIRD",
      () => daemon.ask("show route protocol peer"),
      (text) => text.includes("10.244.2.64/26"),
    );
    expect(table).toContain("10.244.2.0/26");
    expect(local.status()).toMatchObject([
      {
        state: "Established",
        received: 1,
        accepted: 1,
        advertised: 2,
        negotiated: { gracefulRestart: true, holdTimeS: 90 },
      },
    ]);
  });

  it("agrees with BIRD on what both announce: capabilities and the smaller hold time", async () => {
    const daemon = await bird(birdConfig("passive on; hold time 30;", []));
    const { speaker: local } = await speaker({ gracefulRestart: { restartTimeS: 77 } });
    const protocol = await established(daemon);
    const [, theirs] = protocol.split("Neighbor capabilities");
    expect(theirs).toContain("AF announced: ipv4");
    expect(theirs).toContain("Route refresh");
    expect(theirs).toContain("4-octet AS numbers");
    expect(theirs).toMatch(/Restart time: 77/);
    expect(theirs).toMatch(/AF supported: ipv4/);
    expect(theirs).toMatch(/AF preserved: ipv4/);
    expect(protocol).toMatch(/Hold timer:\s+[\d.]+\/30/);
    expect(local.status()[0]?.negotiated).toMatchObject({ holdTimeS: 30, keepaliveS: 10 });
  });

  it("peers externally: four-octet AS in the path, this speaker as the next hop's place, no LOCAL_PREF", async () => {
    const daemon = await bird(birdConfig("passive on;", ["10.244.1.0/26"], 4_200_000_001));
    const { speaker: local } = await speaker(
      { ownNextHop: { 4: address4(OUR_HOP) } },
      { localAs: 4_200_000_001, onChange: undefined },
    );
    local.setOriginated([route("10.244.2.0/26", { attributes: { med: 7, communities: [(64512 << 16) | 100] } })]);
    await established(daemon);
    const table = await eventually(
      "our route at BIRD",
      () => daemon.ask("show route 10.244.2.0/26 all"),
      (text) => text.includes("BGP.as_path"),
    );
    expect(table).toContain("BGP.as_path: 4200000001");
    expect(table).toContain(`BGP.next_hop: ${OUR_HOP}`);
    expect(table).toContain("BGP.med: 7");
    expect(table).toContain("BGP.community: (64512,100)");
    await eventually(
      "their route",
      () => [...local.routes()],
      (list) => list.length === 1,
    );
    expect([...local.routes()][0]?.attributes.asPath).toEqual([{ type: "sequence", asns: [64512] }]);
  });

  it("carries IPv6 routes over the same session", async () => {
    const ipv6 = `ipv6 { import all; export filter { bgp_next_hop = 2001:db8::2; accept; }; };`;
    const config = birdConfig(`passive on; ${ipv6}`, []).replace(
      "protocol bgp",
      "protocol static { ipv6; route fd00:1::/64 blackhole; }\nprotocol bgp",
    );
    const daemon = await bird(config);
    const { speaker: local, routes } = await speaker({
      families: [4, 6],
      ownNextHop: { 6: parseAddress("2001:db8::1") },
    });
    local.setOriginated([route("fd00:2::/122"), ours("10.244.2.0/26")]);
    await established(daemon);
    await eventually(
      "their route",
      () => [...routes],
      (list) => list.length === 1,
    );
    expect(Object.fromEntries(routes)).toEqual({ "fd00:1::/64": "2001:db8::2" });
    const table = await eventually(
      "our route at BIRD",
      () => daemon.ask("show route fd00:2::/122 all"),
      (text) => text.includes("BGP.next_hop"),
    );
    expect(table).toContain("BGP.next_hop: 2001:db8::1");
    expect(daemon.ask("show route 10.244.2.0/26")).toContain("10.244.2.0/26");
    local.withdraw(parsePrefix("fd00:2::/122"));
    await eventually(
      "the withdrawal",
      () => daemon.ask("show route protocol peer"),
      (text) => !text.includes("fd00:2"),
    );
  });

  it("answers BIRD's route refresh, and has its own answered", async () => {
    const daemon = await bird(birdConfig("passive on;", ["10.244.1.0/26"]));
    const { speaker: local } = await speaker();
    local.setOriginated([ours("10.244.2.0/26")]);
    await established(daemon);
    await eventually(
      "the exchange",
      () => local.status()[0],
      (status) => status?.received === 1 && status.updatesOut === 2,
    );
    const before = local.status()[0]?.updatesOut ?? 0;
    daemon.ask("reload in peer");
    await eventually(
      "our answer",
      () => local.status()[0]?.updatesOut ?? 0,
      (count) => count === before + 1,
    );

    const heard = local.status()[0]?.updatesIn ?? 0;
    expect(local.requestRefresh("bird", 4)).toBe(true);
    const heardNow = () => {
      // BIRD 2.0.12 takes up a refresh at the next turn of its loop, which may be seconds away: a question makes it turn.
      daemon.ask("show status");
      return local.status()[0]?.updatesIn ?? 0;
    };
    await eventually("BIRD's answer", heardNow, (count) => count > heard);
    expect(local.status()[0]).toMatchObject({ state: "Established", received: 1 });
  });

  it("tells BIRD what is wrong when the AS is not the one configured, and hears it from BIRD", async () => {
    const daemon = await bird(birdConfig("", [], 64513));
    const { speaker: local } = await speaker({ passive: true });
    const protocol = await eventually(
      "BIRD's complaint",
      () => daemon.ask("show protocols all peer"),
      (text) => text.includes("Last error:"),
    );
    expect(protocol).toMatch(/Bad peer AS/i);
    await eventually(
      "ours",
      () => local.status()[0]?.lastError ?? "",
      (text) => text.includes("Bad Peer AS"),
    );
  });

  it("keeps BIRD's routes over a kill -9 of BIRD, and removes afterwards what it does not announce again", async () => {
    const config = (statics: readonly string[]) => birdConfig("graceful restart time 60;", statics);
    const daemon = await bird(config(["10.244.1.0/26", "10.244.1.64/26"]));
    const { speaker: local, routes, gone } = await speaker();
    local.setOriginated([ours("10.244.2.0/26")]);
    await eventually(
      "their routes",
      () => routes.size,
      (size) => size === 2,
    );
    await daemon.kill();
    await eventually(
      "the end of the session",
      () => local.status()[0],
      (status) => status?.state !== "Established",
    );
    expect(local.status()[0]).toMatchObject({ received: 2, stale: 2 });

    daemon.configure(config(["10.244.1.0/26"]));
    await daemon.start({ recovering: true });
    await established(daemon);
    await eventually(
      "End-of-RIB",
      () => local.status()[0]?.stale,
      (stale) => stale === 0,
    );
    await eventually(
      "the leftover's end",
      () => gone.length,
      (count) => count === 1,
    );
    expect(gone).toEqual(["10.244.1.64/26"]);
    expect([...routes.keys()]).toEqual(["10.244.1.0/26"]);
  });

  it("has its routes kept by BIRD over a restart of this speaker, and is ready when BIRD has sent all", async () => {
    const daemon = await bird(birdConfig("", ["10.244.1.0/26"]));
    const first = await speaker();
    first.speaker.setOriginated([ours("10.244.2.0/26"), ours("10.244.2.64/26")]);
    const before = await eventually(
      "our routes at BIRD",
      () => daemon.ask("show route protocol peer"),
      (text) => text.includes("10.244.2.64/26"),
    );
    await first.speaker.stop({ graceful: true });
    const during = await eventually(
      "the helper",
      () => daemon.ask("show protocols all peer"),
      (text) => text.includes("graceful restart active"),
    );
    expect(during).not.toContain("Established");
    expect(daemon.ask("show route protocol peer")).toBe(before);

    let ready = 0;
    const second = await speaker(
      {},
      {
        restarting: true,
        onReady: () => {
          ready += 1;
        },
      },
    );
    expect(second.speaker.ready).toBe(false);
    second.speaker.setOriginated([ours("10.244.2.0/26")]);
    const protocol = await established(daemon);
    expect(protocol).toMatch(/Restart recovery/);
    await eventually(
      "readiness",
      () => ready,
      (count) => count === 1,
    );
    expect([...second.speaker.routes()].map(({ prefix }) => prefix.toString())).toEqual(["10.244.1.0/26"]);
    const after = await eventually(
      "the end of what is not announced again",
      () => daemon.ask("show route protocol peer"),
      (text) => !text.includes("10.244.2.64/26"),
    );
    // BIRD prints when a route came: the one that stayed was never gone.
    const line = before.split("\n").find((text) => text.includes("10.244.2.0/26"));
    expect(line).toMatch(/\[peer \d/);
    expect(after).toContain(line);
  });

  it("sends a table of many UPDATEs that BIRD takes in whole", async () => {
    const daemon = await bird(birdConfig("passive on;", []));
    const { speaker: local } = await speaker();
    const many = Array.from({ length: 5000 }, (_, index) => ours(`10.${index >> 8}.${index & 255}.0/24`));
    local.setOriginated(many);
    await eventually(
      "the table",
      () => daemon.ask("show route count"),
      (text) => /5000 of 5000 routes .* master4/.test(text),
    );
    local.setOriginated([]);
    await eventually(
      "the withdrawal",
      () => daemon.ask("show route count"),
      (text) => /0 of 0 routes .* master4/.test(text),
    );
    expect(local.status()).toMatchObject([{ state: "Established", advertised: 0 }]);
  });

  it("a filter that changes reaches the peer as UPDATEs on the session that is there", async () => {
    const daemon = await bird(birdConfig("passive on;", ["10.244.1.0/26", "10.245.1.0/26"]));
    const peer = { name: "bird", remoteAddress: address4(THEIRS), remotePort: PORT, remoteAs: 64512 };
    const { speaker: local, routes } = await speaker();
    local.setOriginated([ours("10.244.2.0/26"), ours("10.245.2.0/26")]);
    const exported = (count: string) =>
      eventually(
        "what BIRD has of us",
        () => daemon.ask("show protocols all peer"),
        (text) => text.includes(`Routes:         ${count} imported`),
      );
    const learned = (...prefixes: string[]) =>
      eventually(
        "what this speaker has of BIRD",
        () => [...routes.keys()].sort().join(),
        (keys) => keys === prefixes.join(),
      );
    const since = (text: string) => /^peer +BGP +--- +up +(\S+)/m.exec(text)?.[1];
    const before = since(await exported("2"));
    expect(before).toBeDefined();
    const keepsBack = (network: string) =>
      compilePolicy(
        [
          {
            name: "f",
            rules: [{ destination: { network: parsePrefix(network), operator: "In" }, action: "reject" }],
          },
        ],
        acceptAll,
      );
    const filtered = { localAddress: address4(OURS), ...peer };
    local.setPeers([
      { ...filtered, exportPolicy: keepsBack("10.245.0.0/16"), importPolicy: keepsBack("10.244.0.0/16") },
    ]);
    const after = await exported("1");
    expect(daemon.ask("show route")).not.toContain("10.245.2.0/26");
    await learned("10.245.1.0/26");
    local.setPeers([filtered]);
    expect(since(await exported("2"))).toBe(before);
    await learned("10.244.1.0/26", "10.245.1.0/26");
    // BIRD counts the connections that it has had.
    expect(after).not.toContain("Last error");
    expect(local.status()[0]?.lastError).toBeUndefined();
  });
});
