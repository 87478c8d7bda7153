import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../../packages/bgp/test/support/real-clock.ts";
import type { Daemon, DaemonRoute, DaemonSession, SeenRoute } from "./daemon.ts";
import { DaemonProcess } from "./process.ts";
import type { Segment } from "./segment.ts";

/** Attributes as `gobgp … -j` prints them: told apart by their number. */
interface GobgpAttribute {
  readonly type: number;
  readonly value?: unknown;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly communities?: readonly number[];
  readonly as_paths?: readonly { readonly asns: readonly number[] }[];
}

export function gobgpDaemon(segment: Segment): Daemon {
  const directory = mkdtempSync(join(tmpdir(), "oct-gobgp-"));
  const config = join(directory, "gobgpd.toml");
  let running: DaemonProcess | undefined;
  let session: DaemonSession | undefined;

  const ask = (...command: readonly string[]) =>
    execFileSync("ip", ["netns", "exec", segment.namespace, "gobgp", ...command], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  /** Before the session is up it has no table to show. */
  const askOrNothing = (...command: readonly string[]) => {
    try {
      return ask(...command);
    } catch {
      return "";
    }
  };
  const isUp = () => {
    try {
      return ask("global");
    } catch (error) {
      return `${String(error)}${running?.log}`;
    }
  };
  const launch = async (...flags: readonly string[]) => {
    running = new DaemonProcess(segment.namespace, [
      "gobgpd",
      "-f",
      config,
      "--api-hosts",
      "127.0.0.1:50051",
      ...flags,
    ]);
    await eventually("GoBGP", isUp, (text) => text.includes("Router-ID"));
    for (const [index, route] of (session?.routes ?? []).entries()) {
      ask("global", "rib", "add", "-a", familyName(route.prefix), route.prefix, ...attributes(route, index + 1));
    }
  };
  const kill = async () => {
    await running?.kill();
    running = undefined;
  };
  return {
    name: "GoBGP",
    programs: false,
    start: (wanted) => {
      session = wanted;
      writeFileSync(config, configuration(segment, wanted));
      return launch();
    },
    seen: (prefix) => {
      const all = (session?.peers ?? []).flatMap((peer) => {
        const text = askOrNothing("neighbor", peer, "adj-in", "-a", familyName(prefix), "-j");
        return text.trim() === "" ? [] : [JSON.parse(text) as unknown];
      });
      return all.flatMap((table) => pathsOf(table, prefix)).map(seen);
    },
    shutdown: (communication) => void ask("neighbor", session?.peers[0] ?? "", "shutdown", "--reason", communication),
    kill,
    restart: () => launch("-r"),
    stop: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function familyName(prefix: string): string {
  return prefix.includes(":") ? "ipv6" : "ipv4";
}

function configuration(segment: Segment, session: DaemonSession): string {
  const { as, peerAs, transport, families, password, gracefulRestart, longLivedS, holdTimeS = 90 } = session;
  const restarts = gracefulRestart === true || longLivedS !== undefined;
  const family = (one: 4 | 6) =>
    [
      "[[neighbors.afi-safis]]",
      `[neighbors.afi-safis.config]\nafi-safi-name = "ipv${one}-unicast"`,
      restarts ? "[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true" : "",
      longLivedS === undefined
        ? ""
        : `[neighbors.afi-safis.long-lived-graceful-restart.config]\nenabled = true\nrestart-time = ${longLivedS}`,
      session.addPath === true ? "[neighbors.afi-safis.add-paths.config]\nreceive = true\nsend-max = 8" : "",
    ].join("\n");
  const neighbor = (address: string) =>
    [
      "[[neighbors]]",
      `[neighbors.config]\nneighbor-address = "${address}"\npeer-as = ${peerAs}`,
      password === undefined ? "" : `auth-password = "${password}"`,
      `[neighbors.timers.config]\nconnect-retry = 5\nhold-time = ${holdTimeS}\nkeepalive-interval = ${Math.floor(holdTimeS / 3)}\nidle-hold-time-after-reset = 2`,
      `[neighbors.transport.config]\nlocal-address = "${segment.theirs(transport)}"`,
      restarts ? "[neighbors.graceful-restart.config]\nenabled = true\nrestart-time = 60" : "",
      longLivedS === undefined ? "" : "long-lived-enabled = true",
      session.reflector === true
        ? '[neighbors.route-reflector.config]\nroute-reflector-client = true\nroute-reflector-cluster-id = "10.0.0.2"'
        : "",
      ...families.map(family),
    ].join("\n");
  const own = `[global.config]\nas = ${as}\nrouter-id = "10.0.0.2"\nlocal-address-list = ["${segment.theirs(transport)}"]`;
  const record =
    session.messages === undefined
      ? ""
      : `[[mrt-dump]]\n[mrt-dump.config]\ndump-type = "updates"\nfile-name = "${session.messages}"`;
  return [own, ...session.peers.map(neighbor), record, ""].join("\n");
}

function attributes(route: DaemonRoute, identifier: number): string[] {
  const { communities, largeCommunities, routeTargets, med } = route;
  return [
    "identifier",
    `${identifier}`,
    ...(communities === undefined ? [] : ["community", communities.join(",")]),
    ...(largeCommunities === undefined ? [] : ["large-community", largeCommunities.join(",")]),
    ...(routeTargets === undefined ? [] : ["rt", ...routeTargets]),
    ...(med === undefined ? [] : ["med", `${med}`]),
  ];
}

function pathsOf(table: unknown, prefix: string): { readonly attrs: readonly GobgpAttribute[] }[] {
  const entries = table as Readonly<Record<string, { readonly attrs: readonly GobgpAttribute[] }[]>> | null;
  return entries?.[prefix] ?? [];
}

const ATTRIBUTE = {
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  communities: 8,
  originator: 9,
  clusters: 10,
  mpReach: 14,
  ext: 16,
  large: 32,
};

function seen({ attrs }: { readonly attrs: readonly GobgpAttribute[] }): SeenRoute {
  const find = (type: number) => attrs.find((one) => one.type === type);
  const number = (type: number) => (typeof find(type)?.value === "number" ? Number(find(type)?.value) : undefined);
  const list = (type: number) => {
    const value = find(type)?.value;
    return Array.isArray(value) ? (value as readonly Readonly<Record<string, unknown>>[]) : [];
  };
  return {
    nextHop: find(ATTRIBUTE.nextHop)?.nexthop ?? find(ATTRIBUTE.mpReach)?.nexthop ?? "",
    asPath: (find(ATTRIBUTE.asPath)?.as_paths ?? []).flatMap(({ asns }) => asns).join(" "),
    med: find(ATTRIBUTE.med)?.metric,
    localPref: number(ATTRIBUTE.localPref),
    communities: (find(ATTRIBUTE.communities)?.communities ?? []).map((one) => `${one >>> 16}:${one & 0xffff}`),
    largeCommunities: list(ATTRIBUTE.large).map(
      (one) => `${String(one.ASN)}:${String(one.LocalData1)}:${String(one.LocalData2)}`,
    ),
    routeTargets: list(ATTRIBUTE.ext).map((one) => String(one.value)),
    originatorId:
      typeof find(ATTRIBUTE.originator)?.value === "string" ? String(find(ATTRIBUTE.originator)?.value) : undefined,
    clusterList: list(ATTRIBUTE.clusters).map(String),
  };
}
