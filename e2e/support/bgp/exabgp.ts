import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../../packages/bgp/test/support/real-clock.ts";
import type { Daemon, DaemonRoute, DaemonSession, SeenRoute } from "./daemon.ts";
import { DaemonProcess } from "./process.ts";
import type { Segment } from "./segment.ts";

interface ExaNlri {
  readonly nlri: string;
  readonly "path-information"?: string;
}

interface ExaUpdate {
  readonly attribute?: {
    readonly "as-path"?: readonly number[];
    readonly med?: number;
    readonly "local-preference"?: number;
    readonly community?: readonly (readonly number[])[];
    readonly "large-community"?: readonly (readonly number[])[];
    readonly "extended-community"?: readonly { readonly string?: string }[];
    readonly "originator-id"?: string;
    readonly "cluster-list"?: readonly string[];
  };
  readonly announce?: Readonly<Record<string, Readonly<Record<string, readonly ExaNlri[]>>>>;
  readonly withdraw?: Readonly<Record<string, readonly ExaNlri[]>>;
}

/** It keeps no table: what it hears it tells a process, which writes it down. */
export function exabgpDaemon(segment: Segment): Daemon {
  const directory = mkdtempSync(join(tmpdir(), "oct-exabgp-"));
  const file = (name: string) => join(directory, name);
  let running: DaemonProcess | undefined;

  const launch = async () => {
    writeFileSync(file("heard"), "");
    rmSync(file("started"), { force: true });
    const env = { "exabgp.daemon.user": "root", "exabgp.api.cli": "false", "exabgp.log.level": "WARNING" };
    running = new DaemonProcess(segment.namespace, ["exabgp", file("exabgp.conf")], env);
    await eventually("ExaBGP", () => existsSync(file("started")), Boolean);
  };
  const kill = async () => {
    await running?.kill();
    running = undefined;
  };
  return {
    name: "ExaBGP",
    programs: false,
    start: async (session) => {
      const script = file("listen.sh");
      // With exec ExaBGP takes the process for dead.
      writeFileSync(script, `#!/bin/sh\n: >${file("started")}\ncat >>${file("heard")}\n`, { mode: 0o755 });
      writeFileSync(file("exabgp.conf"), configuration(segment, session, script));
      await launch();
    },
    seen: (prefix) => [
      ...(table(readFileSync(file("heard"), "utf8"))
        .get(prefix)
        ?.values() ?? []),
    ],
    kill,
    restart: launch,
    stop: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configuration(segment: Segment, session: DaemonSession, script: string): string {
  const { as, peerAs, transport, families, password, gracefulRestart, holdTimeS = 90 } = session;
  const neighbors = session.peers.map(
    (address) => `neighbor ${address} {
  router-id 10.0.0.2;
  local-address ${segment.theirs(transport)};
  local-as ${as};
  peer-as ${peerAs};
  hold-time ${holdTimeS};
  # Whom it cannot reach at once it tries again a minute later: it is better dialled.
  ${session.dials === true ? "" : "passive; listen 179;"}
  ${password === undefined ? "" : `md5-password '${password}';`}
  ${session.extendedNextHop === true ? "nexthop { ipv4 unicast ipv6; }" : ""}
  family { ${families.map((one) => `ipv${one} unicast;`).join(" ")} }
  capability {
    route-refresh enable;
    ${gracefulRestart === true ? "graceful-restart 60;" : ""}
    ${session.addPath === true ? "add-path send/receive;" : ""}
    ${session.extendedMessages === true ? "extended-message enable;" : ""}
    ${session.extendedNextHop === true ? "nexthop enable;" : ""}
  }
  api { processes [ listen ]; neighbor-changes; receive { parsed; update; } }
  static {
    ${session.routes.map((route, index) => routeLine(segment, route, index + 1, session)).join("\n    ")}
  }
}`,
  );
  return `process listen { run ${script}; encoder json; }\n${neighbors.join("\n")}\n`;
}

function routeLine(
  segment: Segment,
  route: DaemonRoute,
  identifier: number,
  { addPath = false, extendedNextHop = false }: DaemonSession,
): string {
  const { prefix, communities, largeCommunities, routeTargets, med } = route;
  const words = [
    `route ${prefix} next-hop ${segment.theirs(prefix.includes(":") || extendedNextHop ? 6 : 4)}`,
    ...(addPath ? [`path-information 0.0.0.${identifier}`] : []),
    ...(communities === undefined ? [] : [`community [ ${communities.join(" ")} ]`]),
    ...(largeCommunities === undefined ? [] : [`large-community [ ${largeCommunities.join(" ")} ]`]),
    ...(routeTargets === undefined
      ? []
      : [`extended-community [ ${routeTargets.map((one) => `target:${one}`).join(" ")} ]`]),
    ...(med === undefined ? [] : [`med ${med}`]),
  ];
  return `${words.join(" ")};`;
}

/** By prefix, and of each its paths by their identifiers. */
function table(text: string): Map<string, Map<string, SeenRoute>> {
  const routes = new Map<string, Map<string, SeenRoute>>();
  for (const line of text.split("\n")) {
    if (line.includes('"state": "down"')) routes.clear();
    if (!line.includes('"type": "update"')) continue;
    const event = JSON.parse(line) as { neighbor?: { message?: { update?: ExaUpdate } } };
    const update = event.neighbor?.message?.update;
    for (const list of Object.values(update?.withdraw ?? {})) {
      for (const one of list) routes.get(one.nlri)?.delete(pathOf(one));
    }
    for (const byHop of Object.values(update?.announce ?? {})) {
      for (const [nextHop, list] of Object.entries(byHop)) {
        for (const one of list) {
          const paths = routes.get(one.nlri) ?? new Map<string, SeenRoute>();
          routes.set(one.nlri, paths.set(pathOf(one), seen(nextHop, update?.attribute)));
        }
      }
    }
  }
  return routes;
}

function pathOf(nlri: ExaNlri): string {
  return nlri["path-information"] ?? "";
}

function seen(nextHop: string, attribute: ExaUpdate["attribute"] = {}): SeenRoute {
  const joined = (lists: readonly (readonly number[])[] = []) => lists.map((list) => list.join(":"));
  return {
    nextHop,
    asPath: (attribute["as-path"] ?? []).join(" "),
    med: attribute.med,
    localPref: attribute["local-preference"],
    communities: joined(attribute.community),
    largeCommunities: joined(attribute["large-community"]),
    routeTargets: (attribute["extended-community"] ?? []).map(({ string = "" }) => string.replace(/^target:/, "")),
    originatorId: attribute["originator-id"],
    clusterList: attribute["cluster-list"] ?? [],
  };
}
