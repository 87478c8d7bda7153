import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { formatAsPath, type OriginatedRoute } from "../../../packages/bgp/src/index.ts";
import { formatExtCommunity } from "../../../packages/bgp/src/wire/attributes/communities.ts";
import { eventually } from "../../../packages/bgp/test/support/real-clock.ts";
import { formatAddress, formatScoped, ipv4, parseAddress, parsePrefix } from "../../../packages/net/src/index.ts";
import type { Daemon, DaemonSession, SeenRoute } from "./daemon.ts";
import { Ours, type OursOptions } from "./ours.ts";
import { Segment } from "./segment.ts";

const AS = 64512;
const OTHER_AS = 4_200_000_001;
const [OURS4, THEIRS4] = ["10.1.0.0/24", "10.2.0.0/24"];
const [OURS6, THEIRS6] = ["2001:db8:1::/48", "2001:db8:2::/48"];

const COMMUNITIES = {
  communities: ["64512:100", "64512:200"],
  largeCommunities: ["64512:1:2", "4200000001:3:4"],
  routeTargets: ["64512:300"],
} as const;

function own(prefix: string, attributes: OriginatedRoute["attributes"] = {}): OriginatedRoute {
  return { prefix: parsePrefix(prefix), origin: "test", attributes };
}

/** What a daemon cannot do by itself, or does not as the RFC says, and is not asked for. */
export type Lack =
  /** Once it could not reach us it leaves us alone for a while. */
  | "redialling"
  | "answering a refresh"
  /** Its routes are told of in an API and forgotten. */
  | "a table"
  | "reflector"
  /** It hides where a reflected route came from. */
  | "reflector client"
  | "roles"
  | "long-lived"
  | "shutdown communication"
  /** After a restart it does not say that its forwarding state is there. */
  | "preserved forwarding"
  | "IPv4 over IPv6"
  | "IPv6 next hops"
  /** It has none, or agrees on them and resets the session at the first. */
  | "extended messages";

/** What a daemon lacks, and why. */
export type Lacks = ReadonlyMap<Lack, string>;

/** A test of what not every daemon can do: where it is left out, its name says why. */
function row(lacks: Lacks, lack: Lack, what: string, test: () => Promise<void>): void {
  const why = lacks.get(lack);
  if (why === undefined) it(what, test);
  else it.skip(`${what} [not here: ${why}]`, test);
}

/** What every daemon must get through with us. */
export function interop(name: string, make: (segment: Segment) => Daemon, lacks: Lacks = new Map()): void {
  describe(`with ${name}`, () => {
    const segment = new Segment();
    const speakers: Ours[] = [];
    let daemon: Daemon;

    beforeAll(() => {
      segment.up();
      daemon = make(segment);
    });
    afterEach(async () => {
      for (const one of speakers.splice(0)) await one.stop();
      await daemon.kill();
    });
    afterAll(async () => {
      await daemon.stop();
      segment.down();
    });

    async function theirs(session: Partial<DaemonSession> = {}): Promise<void> {
      const transport = session.transport ?? 4;
      const peers = [segment.ours(transport)];
      const routes = [{ prefix: THEIRS4 }];
      await daemon.start({ as: AS, peerAs: AS, transport, families: [4], peers, routes, ...session });
    }

    async function ours(options: Partial<OursOptions> = {}, routes: readonly OriginatedRoute[] = [own(OURS4)]) {
      const speaker = new Ours({ segment, transport: 4, as: AS, peerAs: AS, ...options }, name);
      speakers.push(speaker);
      return speaker.start(routes);
    }

    async function seen(
      prefix: string,
      holds: (routes: readonly SeenRoute[]) => boolean = ({ length }) => length === 1,
    ) {
      const read = () => daemon.seen(prefix);
      const routes = await eventually(`${prefix} at ${name}`, read, holds, 20_000);
      return routes[0];
    }

    const gone = (prefix: string) => seen(prefix, ({ length }) => length === 0);

    it("exchanges routes as a mesh peer, and takes them back on both sides", async () => {
      await theirs();
      const local = await ours();
      const status = await local.established();
      expect(status.negotiated).toMatchObject({ families: [4], fourOctetAs: true, holdTimeS: 90 });
      expect(await seen(OURS4)).toMatchObject({ nextHop: segment.ours(4), asPath: "", localPref: 100 });
      const route = await local.route(THEIRS4);
      expect(route.nextHops.map(formatScoped)).toEqual([segment.theirs(4)]);
      expect(formatAsPath(route.attributes.asPath)).toBe("");
      if (daemon.programs) {
        const kernel = () => segment.kernelRoute(OURS4);
        await eventually("the kernel's route", kernel, (text) => text.includes(`via ${segment.ours(4)}`));
        local.speaker.withdraw(parsePrefix(OURS4));
        await eventually("no route in the kernel", kernel, (text) => text === "");
      }
      local.speaker.withdraw(parsePrefix(OURS4));
      await gone(OURS4);
      await daemon.kill();
      local.change({ gracefulRestart: { mode: "off" } });
      await eventually(
        "their route is gone",
        () => local.routes.size,
        (size) => size === 0,
        20_000,
      );
    });

    it("over IPv6, with routes of both families", async () => {
      const routes = [{ prefix: THEIRS6 }, ...(lacks.has("IPv4 over IPv6") ? [] : [{ prefix: THEIRS4 }])];
      const families = lacks.has("IPv4 over IPv6") ? ([6] as const) : ([4, 6] as const);
      await theirs({ transport: 6, families, routes });
      const local = await ours({ transport: 6, peer: { families: [4, 6] } }, [own(OURS4), own(OURS6)]);
      await local.established();
      expect(await seen(OURS6)).toMatchObject({ nextHop: segment.ours(6) });
      const route = await local.route(THEIRS6);
      expect(route.nextHops.map(formatScoped)).toEqual([segment.theirs(6)]);
      if (families.length === 2) expect(await seen(OURS4)).toMatchObject({ nextHop: segment.ours(4) });
      if (daemon.programs) {
        const kernel = () => segment.kernelRoute(OURS6);
        await eventually("the kernel's route", kernel, (text) => text.includes(`via ${segment.ours(6)}`));
      }
    });

    it("externally: with our AS of four octets in the path, a MED, and no LOCAL_PREF", async () => {
      await theirs({ peerAs: OTHER_AS, routes: [{ prefix: THEIRS4, med: 70 }] });
      const local = await ours({ as: OTHER_AS }, [own(OURS4, { med: 7 })]);
      await local.established();
      expect(await seen(OURS4)).toMatchObject({ nextHop: segment.ours(4), asPath: `${OTHER_AS}`, med: 7 });
      const route = await local.route(THEIRS4);
      expect(formatAsPath(route.attributes.asPath)).toBe(`${AS}`);
      expect(route.attributes).toMatchObject({ med: 70 });
      expect(route.attributes.localPref).toBeUndefined();
    });

    it("with communities of all three kinds, both ways", async () => {
      await theirs({ routes: [{ prefix: THEIRS4, ...COMMUNITIES }] });
      const attributes = {
        communities: [(64512 << 16) | 100, (64512 << 16) | 200].map((one) => one >>> 0),
        largeCommunities: [[64512, 1, 2] as const, [4_200_000_001, 3, 4] as const],
        extCommunities: [(0x0002n << 48n) | (64512n << 32n) | 300n],
      };
      const local = await ours({}, [own(OURS4, attributes)]);
      await local.established();
      expect(await seen(OURS4)).toMatchObject(COMMUNITIES);
      const route = await local.route(THEIRS4);
      expect(route.attributes).toMatchObject({
        communities: attributes.communities,
        largeCommunities: attributes.largeCommunities,
      });
      expect(route.attributes.extCommunities?.map(formatExtCommunity)).toEqual(["rt:64512:300"]);
    });

    it("under a password, and says so when it is another", async () => {
      await theirs({ password: "sesame" });
      const local = await ours({ peer: { security: { password: "sesame" } } });
      await local.established();
      await seen(OURS4);
      local.change({ security: { password: "other" } });
      const expected = lacks.has("redialling") ? "no-answer" : "md5-mismatch";
      await eventually(
        "the reason",
        () => local.status.trouble?.kind,
        (kind) => kind === expected,
        30_000,
      );
      // What the daemon drops its own kernel counts.
      if (lacks.has("redialling")) return;
      local.change({ security: undefined });
      await eventually(
        "the reason",
        () => local.status.trouble?.kind,
        (kind) => kind === "md5-unexpected",
        30_000,
      );
      local.change({ security: { password: "sesame" } });
      await local.established();
    });

    it("keeps its routes over a kill -9, and has ours kept over a restart of ours", async () => {
      await theirs({ gracefulRestart: true });
      const local = await ours();
      const { negotiated } = await local.established();
      expect(negotiated).toMatchObject({ gracefulRestart: true });
      await local.route(THEIRS4);
      await seen(OURS4);
      await daemon.kill();
      await eventually(
        "the end of the session",
        () => local.status.state,
        (state) => state !== "Established",
      );
      expect(local.status).toMatchObject({ stale: 1, received: 1 });
      await daemon.restart();
      await local.established();
      await eventually(
        "the end of the restart",
        () => local.status,
        ({ stale, received }) => stale === 0 && received === 1,
        20_000,
      );
      if (!lacks.has("preserved forwarding")) expect(local.lost).toEqual([]);

      if (lacks.has("a table")) return;
      await seen(OURS4);
      await local.speaker.stop({ graceful: true });
      expect(daemon.seen(OURS4)).toHaveLength(1);
      const next = await ours({ speaker: { restarting: true } });
      await next.established();
      await eventually("our restart is over", () => next.ready, Boolean, 20_000);
      expect(next.routes.has(THEIRS4)).toBe(true);
      expect(daemon.seen(OURS4)).toHaveLength(1);
    });

    row(lacks, "answering a refresh", "sends its routes again when asked, and asks for ours", async () => {
      await theirs();
      const local = await ours();
      await local.established();
      await local.route(THEIRS4);
      await seen(OURS4);
      const before = local.status.updatesIn;
      expect(local.speaker.requestRefresh(name, 4)).toBe(true);
      await eventually(
        "their answer",
        () => {
          // BIRD takes a refresh up at the next turn of its loop: a question makes it turn.
          daemon.seen(OURS4);
          return local.status.updatesIn;
        },
        (count) => count > before,
        20_000,
      );
      expect(local.status).toMatchObject({ state: "Established", received: 1, stale: 0 });
      if (daemon.refresh === undefined) return;
      const sent = local.status.updatesOut;
      daemon.refresh();
      await eventually(
        "our answer",
        () => local.status.updatesOut,
        (count) => count > sent,
        20_000,
      );
      await seen(OURS4);
      expect(local.status.state).toBe("Established");
    });

    row(
      lacks,
      "reflector",
      "is our reflector: each of two clients has the other's route, and where it came from",
      async () => {
        await theirs({ reflector: true, peers: [segment.ours(4, 1), segment.ours(4, 2)] });
        const first = await ours({ n: 1 }, [own("10.11.0.0/24")]);
        const second = await ours({ n: 2 }, [own("10.12.0.0/24")]);
        await Promise.all([first.established(), second.established()]);
        const [there, here] = [await first.route("10.12.0.0/24"), await second.route("10.11.0.0/24")];
        expect(there.nextHops.map(formatScoped)).toEqual([segment.ours(4, 2)]);
        expect(here.nextHops.map(formatScoped)).toEqual([segment.ours(4, 1)]);
        expect(formatAddress(there.attributes.originatorId ?? parsePrefix("0.0.0.0/0").address)).toBe("10.0.0.18");
        expect(there.attributes.clusterList?.map(formatAddress)).toEqual(["10.0.0.2"]);
        second.speaker.withdraw(parsePrefix("10.12.0.0/24"));
        await eventually(
          "the withdrawal",
          () => first.routes.has("10.12.0.0/24"),
          (has) => !has,
          20_000,
        );
      },
    );

    row(lacks, "extended messages", "agrees on messages of 65,535 bytes, and takes a table in them", async () => {
      await theirs({ extendedMessages: true });
      const many = Array.from({ length: 6000 }, (_, n) => own(`172.${16 + (n >> 8)}.${n & 255}.0/24`));
      const local = await ours({ peer: { extendedMessages: true } });
      const { negotiated } = await local.established();
      expect(negotiated?.maxMessage).toBe(65_535);
      local.speaker.setOriginated(many);
      await seen("172.16.0.0/24");
      await seen("172.39.111.0/24");
      expect(local.status).toMatchObject({ state: "Established", advertised: 6000 });
    });

    row(lacks, "shutdown communication", "tells us in words why it is shut down, and is told", async () => {
      await theirs();
      const local = await ours();
      await local.established();
      daemon.shutdown?.("TICKET-7");
      await eventually(
        "the words",
        () => local.status.trouble?.text,
        (text) => text?.includes("TICKET-7") === true,
        20_000,
      );
      expect(local.status.trouble).toMatchObject({ kind: "shut-down" });
    });

    row(lacks, "long-lived", "asks for a long life of its routes", async () => {
      await theirs({ gracefulRestart: true, longLivedS: 3600 });
      const local = await ours({ peer: { gracefulRestart: { longLivedS: 100 } } });
      const { negotiated } = await local.established();
      expect(negotiated?.longLived).toMatchObject([{ family: 4, staleTimeS: 3600 }]);
    });

    row(lacks, "IPv6 next hops", "takes IPv6 next hops of IPv4 routes, and names ours", async () => {
      await theirs({ transport: 6, families: [4, 6], extendedNextHop: true });
      const local = await ours({ transport: 6, peer: { families: [4, 6], extendedNextHop: true, ownNextHop: {} } });
      const { negotiated } = await local.established();
      expect(negotiated?.extendedNextHop).toEqual([4]);
      const route = await local.route(THEIRS4);
      expect(route.nextHops.map(formatScoped)).toEqual([segment.theirs(6)]);
      expect(await seen(OURS4)).toMatchObject({ nextHop: segment.ours(6) });
      if (!daemon.programs) return;
      const kernel = () => segment.kernelRoute(OURS4);
      await eventually("the kernel's route", kernel, (text) => text.includes(`via inet6 ${segment.ours(6)}`));
    });

    row(lacks, "roles", "agrees on roles, and refuses a wrong one", async () => {
      await theirs({ peerAs: OTHER_AS, role: "customer" });
      const local = await ours({ as: OTHER_AS, peer: { role: "provider", strictRole: true } });
      const { negotiated } = await local.established();
      expect(negotiated?.role).toBe("provider");
      local.change({ role: "peer" });
      await eventually(
        "the mismatch",
        () => local.status.trouble?.kind,
        (kind) => kind === "role-mismatch",
        20_000,
      );
    });

    row(
      lacks,
      "reflector client",
      "is our client: told of another client's route, and where it came from",
      async () => {
        await theirs({ routes: [{ prefix: THEIRS4 }] });
        const clusterId = ipv4(0x0a000063);
        const client = { clusterId, reflectorClient: true };
        const reflector = await ours({ n: 1, peer: client });
        const daemonsConfig = reflector.peer;
        const other = await ours({ n: 2 }, [own("10.12.0.0/24")]);
        const between = { localAs: AS, remoteAs: AS } as const;
        const [one, two] = [parseAddress(segment.ours(4, 1)), parseAddress(segment.ours(4, 2))];
        other.speaker.setPeers([{ name: "reflector", remoteAddress: one, localAddress: two, ...between }]);
        reflector.speaker.setPeers([
          daemonsConfig,
          { name: "client", remoteAddress: two, localAddress: one, passive: true, ...between, ...client },
        ]);
        expect(await seen("10.12.0.0/24")).toMatchObject({
          nextHop: segment.ours(4, 2),
          originatorId: "10.0.0.18",
          clusterList: ["10.0.0.99"],
        });
        const back = await other.route(THEIRS4);
        expect(back.nextHops.map(formatScoped)).toEqual([segment.theirs(4)]);
        expect(back.attributes.clusterList?.map(formatAddress)).toEqual(["10.0.0.99"]);
        expect(formatAddress(back.attributes.originatorId ?? clusterId)).toBe("10.0.0.2");
        other.speaker.withdraw(parsePrefix("10.12.0.0/24"));
        await gone("10.12.0.0/24");
      },
    );

    it("exchanges several paths to a prefix", async () => {
      await theirs({ addPath: true });
      const both = { send: true, receive: true };
      const reflector = { clusterId: ipv4(0x0a000063), reflectorClient: true };
      const local = await ours({ peer: { addPath: both, mostPaths: 4, ...reflector } }, []);
      const { negotiated } = await local.established();
      expect(negotiated?.addPath[4]).toMatchObject({ receive: true });
      await local.route(THEIRS4);
      if (negotiated?.addPath[4]?.send !== true) return;
      // Two clients of ours have the same prefix: the daemon is told of both paths.
      const daemonsConfig = local.peer;
      const one = parseAddress(segment.ours(4, 1));
      const clients = [2, 3].map((n) => parseAddress(segment.ours(4, n)));
      const between = { localAs: AS, remoteAs: AS } as const;
      local.speaker.setPeers([
        daemonsConfig,
        ...clients.map((remoteAddress, n) => ({
          name: `client${n}`,
          remoteAddress,
          localAddress: one,
          passive: true,
          ...between,
          ...reflector,
        })),
      ]);
      for (const [n, localAddress] of clients.entries()) {
        const client = await ours({ n: n + 2 }, [own("10.13.0.0/24")]);
        client.speaker.setPeers([{ name: "reflector", remoteAddress: one, localAddress, ...between }]);
      }
      const paths = () =>
        daemon
          .seen("10.13.0.0/24")
          .map(({ nextHop }) => nextHop)
          .sort();
      await eventually("both paths", paths, ({ length }) => length === 2, 20_000);
      expect(paths()).toEqual([segment.ours(4, 2), segment.ours(4, 3)]);
    });

    it("dials in from anywhere within a prefix", async () => {
      const local = await ours();
      const prefix = parsePrefix(`${segment.theirs(4)}/24`, { hostBits: "clear" });
      local.speaker.setPeers([], [{ name: "rack", prefix, remoteAs: AS }]);
      await theirs({ dials: true });
      await eventually(
        "the session",
        () => local.speaker.status()[0]?.state,
        (state) => state === "Established",
        30_000,
      );
      await local.route(THEIRS4);
      await seen(OURS4);
    });

    it("says why when the AS is another", async () => {
      await theirs();
      const local = await ours({ peerAs: 64_999 });
      const { trouble } = await eventually(
        "the reason",
        () => local.status,
        (status) => status.trouble?.kind === "wrong-as",
        30_000,
      );
      expect(trouble?.text).toMatch(/AS is 64512, expected 64999|Bad Peer AS/);
    });
  });
}
