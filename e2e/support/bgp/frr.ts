import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../../packages/bgp/test/support/real-clock.ts";
import type { Daemon, DaemonRoute, DaemonSession, SeenRoute } from "./daemon.ts";
import { DaemonProcess } from "./process.ts";
import type { Segment } from "./segment.ts";

const HOME = "/usr/lib/frr";

interface FrrPath {
  readonly aspath?: { readonly string?: string };
  readonly nexthops?: readonly { readonly ip?: string; readonly scope?: string }[];
  readonly metric?: number;
  readonly locPrf?: number;
  readonly community?: { readonly string?: string };
  readonly largeCommunity?: { readonly string?: string };
  readonly extendedCommunity?: { readonly string?: string };
  readonly originatorId?: string;
  readonly clusterList?: { readonly list?: readonly string[] };
}

export interface Frr extends Daemon {
  ask(...commands: readonly string[]): string;
}

/** zebra and bgpd. `extra`: lines of the configuration of the neighbours, at their end. */
export function frrDaemon(segment: Segment, extra: (session: DaemonSession) => readonly string[] = () => []): Frr {
  const directory = mkdtempSync(join(tmpdir(), "oct-frr-"));
  const file = (name: string) => join(directory, name);
  const running: DaemonProcess[] = [];
  let first: string | undefined;

  const ask = (...commands: readonly string[]) => {
    const args = ["--vty_socket", directory, ...commands.flatMap((command) => ["-c", command])];
    return execFileSync("vtysh", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  };
  const isUp = (what: string) => {
    try {
      return ask(what);
    } catch (error) {
      return `%${String(error)}${running.map(({ log }) => log).join("\n")}`;
    }
  };
  const run = async (name: "zebra" | "bgpd", probe: string) => {
    const own = ["-f", file(`${name}.conf`), "-i", file(`${name}.pid`)];
    const shared = ["-z", file("zserv.api"), "--vty_socket", directory];
    running.push(new DaemonProcess(segment.namespace, [`${HOME}/${name}`, ...own, ...shared]));
    await eventually(
      name,
      () => isUp(probe),
      (text) => !text.startsWith("%"),
    );
  };
  const launch = async () => {
    await run("zebra", "show interface brief");
    await run("bgpd", "show bgp summary");
  };
  const kill = async () => {
    for (const one of running.splice(0)) await one.kill();
  };
  return {
    name: "FRR",
    programs: true,
    ask,
    start: async (session) => {
      first = session.peers[0];
      writeFileSync(file("zebra.conf"), "log stdout\n");
      writeFileSync(file("bgpd.conf"), configuration(segment, session, extra(session)));
      // FRR's daemons give up root's rights.
      execFileSync("chown", ["-R", "frr:frr", directory]);
      await launch();
    },
    seen: (prefix) => {
      const family = prefix.includes(":") ? "ipv6" : "ipv4";
      const answer = JSON.parse(ask(`show bgp ${family} unicast ${prefix} json`)) as { paths?: readonly FrrPath[] };
      return (answer.paths ?? []).filter(({ nexthops }) => nexthops?.[0]?.ip !== "0.0.0.0").map(seen);
    },
    refresh: () => void ask("clear bgp * soft in"),
    shutdown: (communication) => {
      const line = `neighbor ${first} shutdown message ${communication}`;
      ask("configure terminal", "router bgp", line);
    },
    dumpTable: (target) => void ask("configure terminal", `dump bgp routes-mrt ${target}`),
    kill,
    restart: launch,
    stop: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configuration(segment: Segment, session: DaemonSession, extra: readonly string[]): string {
  const { as, peerAs, families, password, gracefulRestart, holdTimeS = 90 } = session;
  const own = ({ prefix }: DaemonRoute) => (prefix.includes(":") ? 6 : 4);
  const maps = session.routes.flatMap((route, index) => [`route-map R${index} permit 10`, ...attributes(route)]);
  const neighbors = session.peers.flatMap((address) => [
    ` neighbor ${address} remote-as ${peerAs}`,
    ` neighbor ${address} timers ${Math.floor(holdTimeS / 3)} ${holdTimeS}`,
    ` neighbor ${address} timers connect 1`,
    ` neighbor ${address} timers delayopen 1`,
    ` neighbor ${address} update-source ${segment.theirs(session.transport)}`,
    ...(password === undefined ? [] : [` neighbor ${address} password ${password}`]),
    ...(session.extendedNextHop === true ? [` neighbor ${address} capability extended-nexthop`] : []),
    ...(session.role === undefined ? [] : [` neighbor ${address} local-role ${session.role}`]),
  ]);
  const family = (one: 4 | 6) => [
    ` address-family ipv${one} unicast`,
    ...session.routes.flatMap((route, index) =>
      own(route) === one ? [`  network ${route.prefix} route-map R${index}`] : [],
    ),
    ...session.peers.flatMap((address) => [
      `  neighbor ${address} activate`,
      ...(session.reflector === true ? [`  neighbor ${address} route-reflector-client`] : []),
      ...(session.addPath === true ? [`  neighbor ${address} addpath-tx-all-paths`] : []),
    ]),
    " exit-address-family",
  ];
  return [
    "log stdout",
    ...(session.messages === undefined ? [] : [`dump bgp all-et ${session.messages}`]),
    // Else networks with a route map come five seconds late.
    "bgp route-map delay-timer 1",
    `router bgp ${as}`,
    " bgp router-id 10.0.0.2",
    " no bgp ebgp-requires-policy",
    " no bgp default ipv4-unicast",
    " no bgp network import-check",
    ...(gracefulRestart === true ? [" bgp graceful-restart", " bgp graceful-restart preserve-fw-state"] : []),
    ...(session.longLivedS === undefined ? [] : [` bgp long-lived-graceful-restart stale-time ${session.longLivedS}`]),
    ...neighbors,
    ...extra,
    ...families.flatMap(family),
    "exit",
    ...maps,
    "",
  ].join("\n");
}

function attributes({ communities, largeCommunities, routeTargets, med }: DaemonRoute): string[] {
  return [
    ...(communities === undefined ? [] : [` set community ${communities.join(" ")}`]),
    ...(largeCommunities === undefined ? [] : [` set large-community ${largeCommunities.join(" ")}`]),
    ...(routeTargets === undefined ? [] : [` set extcommunity rt ${routeTargets.join(" ")}`]),
    ...(med === undefined ? [] : [` set metric ${med}`]),
    "exit",
  ];
}

function seen(path: FrrPath): SeenRoute {
  const words = (text: string | undefined) => (text ?? "").split(" ").filter((word) => word !== "");
  const asPath = path.aspath?.string ?? "";
  const global = path.nexthops?.find(({ scope }) => scope !== "link-local") ?? path.nexthops?.[0];
  return {
    nextHop: global?.ip ?? "",
    asPath: asPath === "Local" ? "" : asPath,
    med: path.metric,
    localPref: path.locPrf,
    communities: words(path.community?.string),
    largeCommunities: words(path.largeCommunity?.string),
    routeTargets: words(path.extendedCommunity?.string).map((one) => one.replace(/^RT:/, "")),
    originatorId: path.originatorId,
    clusterList: path.clusterList?.list ?? [],
  };
}
