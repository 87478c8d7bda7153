import { seededRandom } from "@ocicat/kit";
import { type Family, type Prefix, parseAddress, parsePrefix, parseScoped } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  NO_RANGES,
  RoutingResolver,
  ServiceAnnouncements,
  type ServiceRanges,
  type ServiceReach,
  type ServiceRow,
} from "../src/index.ts";

const CLUSTER = "10.96.0.0/16";
const EXTERNAL = "203.0.113.0/24";
const BALANCER = "198.51.100.0/24";

function ranges(parts: Partial<Record<"cluster" | "external" | "loadBalancer", readonly string[]>>, aggregate = true) {
  const of = (list: readonly string[] = []) => list.map((text) => parsePrefix(text));
  return {
    cluster: of(parts.cluster),
    external: of(parts.external),
    loadBalancer: of(parts.loadBalancer),
    aggregate,
  } satisfies ServiceRanges;
}

interface Texts {
  readonly cluster?: readonly string[];
  readonly external?: readonly string[];
  readonly balancer?: readonly string[];
  readonly local?: boolean;
}

function service({ cluster = ["10.96.0.10"], external = [], balancer = [], local = false }: Texts = {}): ServiceRow {
  const of = (list: readonly string[]) => list.map((text) => parseAddress(text));
  return {
    namespace: "shop",
    name: "web",
    clusterIps: of(cluster),
    externalIps: of(external),
    loadBalancerIps: of(balancer),
    isLocal: local,
  };
}

function reach(anywhere: readonly Family[], here: readonly Family[] = []): ServiceReach {
  return { anywhere: new Set(anywhere), here: new Set(here) };
}

/** What is announced, as a resolver would keep it. */
function announcer() {
  const told = new Map<string, string>();
  const announcements = new ServiceAnnouncements("node1", (prefix: Prefix, announcement) => {
    if (announcement === undefined) told.delete(prefix.toString());
    else told.set(prefix.toString(), announcement.origin.resources.map(({ kind, name }) => `${kind} ${name}`).join());
  });
  return { announcements, told, prefixes: () => [...told.keys()].sort() };
}

function announced(of: ServiceRanges, row: ServiceRow, where: ServiceReach | undefined): readonly string[] {
  const { announcements, prefixes } = announcer();
  announcements.setRanges(of);
  announcements.setService("shop/web", row);
  announcements.setReach("shop/web", where);
  return prefixes();
}

const everything = ranges({ cluster: [CLUSTER], external: [EXTERNAL], loadBalancer: [BALANCER] });
const WHOLE = [CLUSTER, BALANCER, EXTERNAL].sort();
const all: Texts = { external: ["203.0.113.7"], balancer: ["198.51.100.1"] };
const ALL = ["10.96.0.10/32", "203.0.113.7/32", "198.51.100.1/32"];

describe("what a node announces of services", () => {
  it.each<[string, ServiceRanges, Texts, ServiceReach | undefined, readonly string[]]>([
    ["nothing, unless ranges are given", NO_RANGES, all, reach([4], [4]), []],
    ["ranges as a whole, of services of the policy Cluster", everything, all, reach([4], [4]), WHOLE],
    [
      "and each address of a Local one with a ready endpoint here",
      everything,
      { ...all, local: true },
      reach([4], [4]),
      [...WHOLE, ...ALL],
    ],
    ["but not of one whose endpoints are elsewhere", everything, { ...all, local: true }, reach([4]), WHOLE],
    ["nor of one that has none", everything, { ...all, local: true }, undefined, WHOLE],
    [
      "only addresses in a range of their own kind",
      ranges({ external: [BALANCER] }),
      { ...all, local: true },
      reach([4], [4]),
      [BALANCER],
    ],
    [
      "a service without an address of its own: nothing",
      everything,
      { ...all, cluster: [], local: true },
      reach([4], [4]),
      WHOLE,
    ],
    [
      "of two families those that an endpoint here has",
      ranges({ cluster: ["10.96.0.0/16", "fd00:96::/112"] }),
      { cluster: ["10.96.0.10", "fd00:96::a"], local: true },
      reach([4, 6], [6]),
      ["10.96.0.0/16", "fd00:96::/112", "fd00:96::a/128"],
    ],
    [
      "an address with a range of its own, by every node, and no such range as a whole",
      ranges({ external: ["203.0.113.7/32"], loadBalancer: ["198.51.100.1/32"] }),
      all,
      undefined,
      ["203.0.113.7/32", "198.51.100.1/32"],
    ],
    [
      "but a Local one's by nodes with an endpoint alone",
      ranges({ external: ["203.0.113.7/32"] }),
      { ...all, local: true },
      reach([4]),
      [],
    ],
    [
      "of balancers' ranges that are not told as a whole each address, while there is an endpoint somewhere",
      ranges({ loadBalancer: [BALANCER], external: [EXTERNAL] }, false),
      all,
      reach([4]),
      [EXTERNAL, "198.51.100.1/32"],
    ],
    ["and not without one", ranges({ loadBalancer: [BALANCER] }, false), all, reach([]), []],
    ["nor with one of another family alone", ranges({ loadBalancer: [BALANCER] }, false), all, reach([6]), []],
  ])("%s", (_, of, texts, where, expected) => {
    expect(announced(of, service(texts), where)).toEqual([...expected].sort());
  });

  it("says why, and of which service", () => {
    const { announcements, told } = announcer();
    announcements.setRanges(everything);
    announcements.setService("shop/web", service({ local: true }));
    announcements.setReach("shop/web", reach([4], [4]));
    expect(told.get("10.96.0.10/32")).toBe("Service shop/web,BGPConfiguration default");
    expect(told.get(CLUSTER)).toBe("BGPConfiguration default");
  });

  it("is nothing while the node is kept out of load balancing", () => {
    const { announcements, prefixes } = announcer();
    announcements.setExcluded(true);
    announcements.setRanges(everything);
    announcements.setService("shop/web", service({ local: true }));
    announcements.setReach("shop/web", reach([4], [4]));
    expect(prefixes()).toEqual([]);
    announcements.setExcluded(false);
    expect(prefixes()).toEqual([...WHOLE, "10.96.0.10/32"].sort());
    announcements.setExcluded(true);
    expect(prefixes()).toEqual([]);
  });

  it("stays while one of two services calls for it", () => {
    const { announcements, told } = announcer();
    const shared = service({ cluster: ["10.96.0.10"], external: ["203.0.113.7"], local: true });
    announcements.setRanges(ranges({ external: [EXTERNAL] }));
    for (const name of ["a", "b"]) {
      announcements.setService(`shop/${name}`, { ...shared, name });
      announcements.setReach(`shop/${name}`, reach([4], [4]));
    }
    announcements.setService("shop/a", undefined);
    expect(told.get("203.0.113.7/32")).toContain("Service shop/b");
    announcements.setReach("shop/b", reach([4]));
    expect([...told.keys()]).toEqual([EXTERNAL]);
  });

  it("follows from what holds, in whatever order it became known", () => {
    const rows = [service({ ...all, local: true }), service(all), service({ ...all, cluster: [] }), undefined];
    const reaches = [reach([4], [4]), reach([4]), undefined];
    const settings = [
      everything,
      NO_RANGES,
      ranges({ loadBalancer: [BALANCER] }, false),
      ranges({ external: ["203.0.113.7/32"] }),
    ];
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed);
      const pick = <T>(list: readonly T[]): T => list[random.uint32() % list.length] as T;
      const { announcements, told } = announcer();
      const last = {
        ranges: NO_RANGES,
        excluded: false,
        rows: new Map<string, ServiceRow | undefined>(),
        reach: new Map<string, ServiceReach | undefined>(),
      };
      for (let step = 0; step < 12; step++) {
        const key = pick(["shop/a", "shop/b"]);
        pick([
          () => {
            last.ranges = pick(settings);
            announcements.setRanges(last.ranges);
          },
          () => {
            last.excluded = pick([true, false, false]);
            announcements.setExcluded(last.excluded);
          },
          () => {
            last.rows.set(key, pick(rows));
            announcements.setService(key, last.rows.get(key));
          },
          () => {
            last.reach.set(key, pick(reaches));
            announcements.setReach(key, last.reach.get(key));
          },
        ])();
      }
      const fresh = announcer();
      fresh.announcements.setExcluded(last.excluded);
      for (const [key, where] of last.reach) fresh.announcements.setReach(key, where);
      for (const [key, row] of last.rows) fresh.announcements.setService(key, row);
      fresh.announcements.setRanges(last.ranges);
      expect([...told.keys()].sort(), `seed ${seed}`).toEqual(fresh.prefixes());
    }
  });
});

describe("a resolver, told of services", () => {
  const address = parsePrefix("198.51.100.1/32");
  const origin = { reason: "because", resources: [] };
  const pool = (disableBgpExport: boolean) => ({
    name: "balancers",
    cidr: parsePrefix(BALANCER),
    ipipMode: "Never" as const,
    vxlanMode: "Never" as const,
    natOutgoing: false,
    disabled: false,
    disableBgpExport,
  });

  it("announces them, whether they lie in a pool or not, until they are taken back", () => {
    const resolver = new RoutingResolver("node1");
    resolver.setService(address, { prefix: address, origin });
    expect([...resolver.flush().announcements.keys()]).toEqual(["198.51.100.1/32"]);
    resolver.setPool("balancers", pool(false));
    expect(resolver.flush().announcements.size).toBe(0);
    resolver.setPool("balancers", pool(true));
    expect(resolver.flush().announcements.get("198.51.100.1/32")?.announcement).toBeUndefined();
    resolver.setPool("balancers", pool(false));
    expect(resolver.flush().announcements.size).toBe(1);
    resolver.setService(address, undefined);
    expect(resolver.flush().announcements.get("198.51.100.1/32")).toMatchObject({ announcement: undefined });
    expect(resolver.why(address)).toEqual([]);
  });

  it("programs nothing that others announce of them, also where it lies in a pool, and says why", () => {
    const resolver = new RoutingResolver("node1");
    resolver.setNode("node1", {
      name: "node1",
      ipv4: { address: parseAddress("192.168.0.81"), subnet: parsePrefix("192.168.0.0/24") },
      ipv6: undefined,
      asNumber: undefined,
      routeReflectorClusterId: undefined,
      tunnels: { ipip: undefined, vxlan: undefined, vxlan6: undefined },
    });
    resolver.setPool("balancers", pool(false));
    const learned = { prefix: address, nextHops: [parseScoped("192.168.0.82")], from: "node2", peering: undefined };
    resolver.setLearned(address, learned);
    expect(resolver.flush().routes.size).toBe(1);
    resolver.setServiceRanges([parsePrefix(BALANCER)]);
    expect(resolver.flush().routes.get("198.51.100.1/32")?.route).toBeUndefined();
    expect(resolver.why(address)[0]?.refused).toContain("of services");
    resolver.setServiceRanges([]);
    expect(resolver.flush().routes.get("198.51.100.1/32")?.route).toMatchObject({ kind: "via" });
  });
});
