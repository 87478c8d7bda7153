import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../../packages/bgp/test/support/real-clock.ts";
import type { Daemon, DaemonRoute, DaemonSession, SeenRoute } from "./daemon.ts";
import { DaemonProcess } from "./process.ts";
import type { Segment } from "./segment.ts";

export function birdDaemon(segment: Segment): Daemon {
  const directory = mkdtempSync(join(tmpdir(), "oct-bird-"));
  const [config, socket] = [join(directory, "bird.conf"), join(directory, "bird.ctl")];
  let running: DaemonProcess | undefined;

  const ask = (...command: readonly string[]) => {
    try {
      return execFileSync("birdc", ["-s", socket, ...command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    } catch {
      // "Network not found" is an exit status.
      return "";
    }
  };
  const launch = async (...flags: readonly string[]) => {
    rmSync(socket, { force: true });
    running = new DaemonProcess(segment.namespace, ["bird", "-f", "-c", config, "-s", socket, ...flags]);
    await eventually(
      "BIRD",
      () => ask("show", "status") || running?.log,
      (text) => text?.includes("Daemon is up and running") === true,
    );
  };
  const kill = async () => {
    await running?.kill();
    running = undefined;
  };
  return {
    name: "BIRD",
    programs: true,
    start: (session) => {
      writeFileSync(config, configuration(segment, session));
      return launch();
    },
    seen: (prefix) => paths(ask("show", "route", prefix, "all")),
    refresh: () => void ask("reload", "in", "peer0"),
    shutdown: (communication) => void ask("disable", "peer0", `"${communication}"`),
    dumpTable: (file) => void ask("mrt", "dump", "table", '"master4"', "to", `"${file}"`),
    kill,
    restart: () => launch("-R"),
    stop: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configuration(segment: Segment, session: DaemonSession): string {
  const { as, peerAs, transport, families, password, gracefulRestart, longLivedS, holdTimeS } = session;
  const options = [
    password === undefined ? "" : `password "${password}";`,
    gracefulRestart === true ? "graceful restart on;" : "",
    longLivedS === undefined ? "" : `long lived graceful restart on; long lived stale time ${longLivedS};`,
    session.extendedMessages === true ? "enable extended messages on;" : "",
    session.reflector === true ? "rr client;" : "",
    session.role === undefined ? "" : `local role ${session.role};`,
    `hold time ${holdTimeS ?? 90};`,
  ].join(" ");
  const channel = (family: 4 | 6) => `ipv${family} {
    import all;
    export where source ~ [ RTS_STATIC${session.reflector === true ? ", RTS_BGP" : ""} ];
    ${session.addPath === true ? "add paths on;" : ""}
    ${session.extendedNextHop === true && family === 4 ? "extended next hop on;" : ""}
    ${session.reflector === true ? "" : "next hop self;"}
  };`;
  const peers = session.peers.map(
    (address, index) => `protocol bgp peer${index} {
  local ${segment.theirs(transport)} as ${as};
  neighbor ${address} as ${peerAs};
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${options}
  ${families.map(channel).join("\n  ")}
}`,
  );
  const record = session.messages === undefined ? "" : `mrtdump "${session.messages}"; mrtdump protocols all;`;
  return `log stderr all;
router id 10.0.0.2;
${record}
protocol device { }
protocol direct { ipv4; ipv6; }
${([4, 6] as const).map((family) => `protocol kernel { ipv${family} { import none; export where source = RTS_BGP; }; }`).join("\n")}
${([4, 6] as const).map((family) => statics(session.routes, family)).join("\n")}
${peers.join("\n")}
`;
}

function statics(routes: readonly DaemonRoute[], family: 4 | 6): string {
  const mine = routes.filter(({ prefix }) => prefix.includes(":") === (family === 6));
  // One protocol a path: of two routes to a prefix each comes from its own.
  return mine
    .map(
      (route, index) => `protocol static s${family}_${index} {
  ipv${family};
  route ${route.prefix} blackhole { ${attributes(route)} };
}`,
    )
    .join("\n");
}

function attributes({ communities = [], largeCommunities = [], routeTargets = [], med }: DaemonRoute): string {
  return [
    ...communities.map((one) => `bgp_community.add((${one.replace(":", ",")}));`),
    ...largeCommunities.map((one) => `bgp_large_community.add((${one.replaceAll(":", ",")}));`),
    ...routeTargets.map((one) => `bgp_ext_community.add((rt, ${one.replace(":", ", ")}));`),
    med === undefined ? "" : `bgp_med = ${med};`,
  ].join(" ");
}

/** `show route P all`: a paragraph of "BGP.x: value" lines for each path. */
function paths(text: string): SeenRoute[] {
  return text
    .split(/\n(?=\S|\s+unicast \[|\s+blackhole \[)/)
    .filter((part) => part.includes("BGP.origin"))
    .map((part) => {
      const value = (name: string) => new RegExp(`BGP\\.${name}: ?(.*)`).exec(part)?.[1]?.trim();
      const number = (name: string) => (value(name) === undefined ? undefined : Number(value(name)));
      const list = (name: string) =>
        [...(value(name) ?? "").matchAll(/\(([^)]*)\)/g)].map(([, one = ""]) => one.replaceAll(/,\s*/g, ":"));
      return {
        nextHop: value("next_hop")?.split(" ")[0] ?? "",
        asPath: value("as_path") ?? "",
        med: number("med"),
        localPref: number("local_pref"),
        communities: list("community"),
        largeCommunities: list("large_community"),
        routeTargets: list("ext_community").map((one) => one.replace(/^rt:/, "")),
        originatorId: value("originator_id"),
        clusterList: value("cluster_list")?.split(" ") ?? [],
      };
    });
}
