import { hostname } from "node:os";
import {
  acceptAll,
  type BestChange,
  compilePolicy,
  createSpeaker,
  type DynamicPeerConfig,
  type PeerConfig,
  type Policy,
  reject,
  type Speaker,
} from "@ocicat/bgp";
import { type Clock, type Logger, OcicatError, type Random, type Scope } from "@ocicat/kit";
import { type Kernel, openKernel } from "@ocicat/linux";
import { compareAddresses, type Family, formatAddress, ipv6 } from "@ocicat/net";
import { RouteProtocol } from "@ocicat/routing";
import { serveLocally } from "@ocicat/service";
import { serveBirdSockets } from "../bgp/bird-ctl/serve.ts";
import { type LinkNeighbours, linkNeighbours } from "../bgp/neighbours.ts";
import { fileSecrets, type Secrets } from "../bgp/secrets.ts";
import { SessionLog } from "../bgp/session-log.ts";
import { refusedReport, type Session, type SessionReport, sessionReport } from "../bgp/sessions.ts";
import { tcpTransport } from "../bgp/tcp-transport.ts";
import { RouteReconciler } from "../program/route-reconciler.ts";
import { Recorder } from "../record/recorder.ts";
import { bgpRoutes } from "../serve/bgp.ts";
import type { SpeakConfiguration, SpeakPeer } from "./configuration.ts";
import { Replay, type ReplaySettings } from "./replay.ts";

export interface SpeakSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
}

export interface RunningSpeaker {
  readonly speaker: Speaker;
  /** Plays an MRT file; see `Replay`. */
  readonly replay: (settings: ReplaySettings) => Promise<void>;
}

/**
 * A speaker by itself, without nodes and datastore: a daemon for routes, or a reflector. Runs until the scope is closed. Throws
 * OcicatError if it cannot begin.
 */
export async function startSpeaking(
  configuration: SpeakConfiguration,
  surroundings: SpeakSurroundings,
): Promise<RunningSpeaker> {
  const { clock, random, logger, scope } = surroundings;
  const log = new SessionLog(clock);
  const secrets = fileSecrets({ directory: configuration.secrets, clock, scope });
  const { asNumber: localAs, routerId } = configuration;
  const recorder = new Recorder({
    settings: configuration.record,
    localAs,
    speaker: () => speaker,
    clock,
    logger: logger.child("record"),
    scope,
  });
  const { peers: wanted } = configuration;
  const links = wanted.flatMap(({ at }) => ("neighbourOn" in at ? [at.neighbourOn] : []));
  const kernel = configuration.kernelRoutes || links.length > 0 ? openKernel() : undefined;
  scope.add("kernel", () => kernel?.close());
  const routes =
    kernel !== undefined && configuration.kernelRoutes
      ? kernelRoutes(kernel, surroundings, () => speaker.nextHopsChanged())
      : undefined;
  const neighbours = kernel && linkNeighbours({ ...surroundings, kernel, onChange: () => apply() });
  const speaker: Speaker = createSpeaker({
    clock,
    random,
    logger: logger.child("bgp"),
    transport: recorder.over(tcpTransport()),
    localAs,
    routerId,
    listen: configuration.listen,
    multipath: routes !== undefined,
    resolveNextHop: routes === undefined ? undefined : (hop) => ({ reachable: routes.reaches(hop), metric: 0 }),
    onChange: (changes) => program(changes, routes),
    onPeerState: (peer, state, why) => {
      log.note(peer, state, why);
      recorder.stateChanged(peer, state);
    },
  });
  scope.add("speaker", () => speaker.stop());
  recorder.start();
  routes?.start();
  routes?.releaseLearned();
  await speaker.start();
  speaker.setOriginated(configuration.routes.map((prefix) => ({ prefix, origin: "the configuration's routes" })));
  let played: readonly PeerConfig[] = [];
  const apply = () => {
    const { peers, dynamic } = peersOf(configuration, secrets, neighbours);
    const others = peers.filter(({ remoteAddress }) => !played.some((one) => one.remoteAddress === remoteAddress));
    speaker.setPeers([...played, ...others], dynamic);
  };
  neighbours?.want(links);
  apply();
  secrets.subscribe(apply);
  const waiting = () => wanted.flatMap((peer) => waitingReport(peer, neighbours, clock.now()));
  await serve(configuration, surroundings, speaker, log, waiting);
  logger.info("speaking", { asNumber: localAs, routerId: formatAddress(routerId) });
  const replay = (settings: ReplaySettings) =>
    new Replay({
      ...settings,
      clock,
      logger,
      scope,
      speaker,
      configured: (address) =>
        peersOf(configuration, secrets, neighbours).peers.find((peer) => peer.remoteAddress === address),
      setPlayed: (peers) => {
        played = peers;
        apply();
      },
    }).run();
  return { speaker, replay };
}

/** Best routes go into the main table under BIRD's number; nothing else there is touched. */
function kernelRoutes(
  kernel: Kernel,
  { clock, random, logger, scope }: SpeakSurroundings,
  onReachChanged: () => void,
): RouteReconciler {
  return new RouteReconciler({
    kernel,
    clock,
    random,
    logger: logger.child("routes"),
    scope,
    interfacePrefix: "cali",
    inPools: () => true,
    refreshMs: 90_000,
    onReachChanged,
    defer: setImmediate,
  });
}

function program(changes: readonly BestChange[], routes: RouteReconciler | undefined): void {
  for (const { prefix, best } of changes) {
    const ways = best?.nextHops.map(({ address, link }) => ({ via: address, device: link, onlink: false })) ?? [];
    const [first, ...also] = ways;
    const origin = { reason: `learned by BGP from ${best?.peer}`, resources: [] };
    const common = { kind: "via", destination: prefix, protocol: RouteProtocol.bird, origin } as const;
    routes?.setDesired(prefix, first && { ...common, ...first, also });
  }
}

/** Those at the other end of a link come when they are known. */
function peersOf(configuration: SpeakConfiguration, secrets: Secrets, neighbours: LinkNeighbours | undefined) {
  const peers: PeerConfig[] = [];
  const dynamic: DynamicPeerConfig[] = [];
  for (const peer of configuration.peers) {
    const common = commonOf(peer, configuration, secrets);
    const { at, passive } = peer;
    if ("prefix" in at) dynamic.push({ ...common, prefix: at.prefix });
    else if ("neighbourOn" in at) {
      const found = neighbours?.on(at.neighbourOn);
      if (typeof found === "bigint") peers.push({ ...common, remoteAddress: found, link: at.neighbourOn, passive });
    } else peers.push({ ...common, remoteAddress: at.address, link: at.link, remotePort: at.port, passive });
  }
  return { peers, dynamic };
}

/** What is shown of a peer that is not known yet. `now`: milliseconds since 1970. */
function waitingReport({ row, at, asNumber }: SpeakPeer, neighbours: LinkNeighbours | undefined, now: number) {
  const found = "neighbourOn" in at ? neighbours?.on(at.neighbourOn) : undefined;
  if (!("neighbourOn" in at) || found === undefined || typeof found === "bigint") return [];
  const end = { remoteAddress: ipv6(0n), link: at.neighbourOn };
  return [refusedReport({ ...SESSION, ...end, name: row.name, remoteAs: asNumber, refused: found.unknown }, now)];
}

function commonOf(peer: SpeakPeer, configuration: SpeakConfiguration, secrets: Secrets) {
  const { row, families, asNumber, client } = peer;
  const answer = row.password === undefined ? undefined : secrets.read(row.password);
  if (answer !== undefined && "missing" in answer && row.password?.optional !== true) {
    const fix = "put it there, for its owner alone";
    throw new OcicatError({ code: "BGP_PASSWORD", where: `peer ${row.name}`, what: answer.missing, fix });
  }
  const hops = row.mostHops === undefined ? {} : { ttl: 255, minTtl: 256 - row.mostHops };
  const password = answer !== undefined && "value" in answer ? answer.value : undefined;
  return {
    name: row.name,
    remoteAs: asNumber,
    localAs: row.localAsNumber,
    families,
    extendedNextHop: "neighbourOn" in peer.at || ("link" in peer.at && peer.at.link !== undefined),
    nextHopMode: row.nextHop,
    allowedOwnAs: row.allowedOwnAs,
    keepaliveS: row.keepaliveS,
    gracefulRestart: { restartTimeS: row.restartTimeS ?? 120 },
    clusterId: asNumber === configuration.asNumber ? configuration.clusterId : undefined,
    reflectorClient: client,
    security: password === undefined && row.mostHops === undefined ? undefined : { password, ...hops },
    importPolicy: policyFor("import", row.filters, configuration),
    exportPolicy: policyFor("export", row.filters, configuration),
  } as const;
}

/** A session may carry both families. */
function policyFor(
  direction: "import" | "export",
  names: readonly string[],
  configuration: SpeakConfiguration,
): Policy {
  const [four, six] = ([4, 6] as const).map((family) => policyOf(names, `${direction}V${family}`, configuration));
  return (route, peer) => ((route.prefix.family === 4 ? four : six) ?? acceptAll)(route, peer);
}

function policyOf(
  names: readonly string[],
  field: `${"import" | "export"}V${Family}`,
  { filters }: SpeakConfiguration,
): Policy {
  const named = names.map((name) => filters.find((filter) => filter.name === name));
  const missing = names.find((name) => !filters.some((filter) => filter.name === name));
  if (missing !== undefined) return () => reject(`filter ${missing} is not in the configuration`);
  return compilePolicy(
    named.flatMap((filter) => (filter === undefined ? [] : [filter[field]])),
    acceptAll,
  );
}

async function serve(
  configuration: SpeakConfiguration,
  { clock, logger, scope }: SpeakSurroundings,
  speaker: Speaker,
  log: SessionLog,
  waiting: () => readonly SessionReport[],
): Promise<void> {
  const report = () => [
    ...[...speaker.status()]
      .sort((a, b) => compareAddresses(a.remoteAddress, b.remoteAddress))
      .map((status) => sessionReport(SESSION, status)),
    ...waiting(),
  ];
  if (configuration.socket !== undefined)
    await serveLocally(
      { path: configuration.socket },
      bgpRoutes(() => ({ speaker, report, log })),
      logger.child("api"),
      scope,
    );
  if (configuration.birdSocketDirectory === undefined) return;
  const bootedAt = clock.now();
  await serveBirdSockets(
    configuration.birdSocketDirectory,
    (family) => ({
      family,
      speaker,
      sessions: report,
      routerId: formatAddress(configuration.routerId),
      hostName: hostname(),
      localAs: configuration.asNumber,
      now: clock.now(),
      bootedAt,
      configuredAt: bootedAt,
      kernelRoutes: () => [],
      interfaceTowards: () => "the network",
    }),
    logger.child("bird"),
    scope,
  );
}

/** Sessions here follow from the file, and are with nobody's node. */
const SESSION: Pick<Session, "type" | "node" | "origin"> = {
  type: "node specific",
  node: undefined,
  origin: { reason: "the configuration", resources: [] },
};
