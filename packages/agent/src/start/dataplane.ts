import { join } from "node:path";
import { durationMs, type FelixSettings } from "@ocicat/api";
import { createIpam, type Ipam } from "@ocicat/ipam";
import type { Kernel } from "@ocicat/linux";
import type { Address } from "@ocicat/net";
import { NftReconciler } from "@ocicat/nftables";
import { RouteProtocol } from "@ocicat/routing";
import { apiSecrets, eitherSecrets } from "../bgp/api-secrets.ts";
import { BirdRunner } from "../bgp/bird/bird-runner.ts";
import { MeshRunner } from "../bgp/mesh-runner.ts";
import { linkNeighbours } from "../bgp/neighbours.ts";
import type { BgpRunner } from "../bgp/runner.ts";
import { fileSecrets, type Secrets } from "../bgp/secrets.ts";
import { tcpTransport } from "../bgp/tcp-transport.ts";
import { ipamSettings } from "../node/ipam.ts";
import { makePolicy } from "../policy/policy.ts";
import { RouteReconciler } from "../program/route-reconciler.ts";
import { RuleReconciler } from "../program/rule-reconciler.ts";
import { farEndMissing, VtepReconciler } from "../program/vtep-reconciler.ts";
import { Engine } from "../resolve/engine.ts";
import type { Running } from "../serve/status.ts";
import type { Tables } from "../tables/tables.ts";
import { TunnelRunner } from "../tunnels/runner.ts";
import type { Foundation } from "./foundation.ts";

const MAIN_TABLE = 254;
/** FelixConfiguration's serviceLoopPrevention. */
const SERVICE_LOOPS = { Drop: "drop", Reject: "reject", Disabled: "leave" } as const;

/** What decides and what writes, joined, and nothing of it started. */
export interface Dataplane extends Running {
  readonly engine: Engine;
  readonly vteps: VtepReconciler;
  readonly ipam: Ipam;
  /** An earlier run's learned routes are in the kernel: peers are asked to bear with us. */
  readonly restarting: boolean;
}

/** Wants the tables in sync: pools, nodes and settings are read here. */
export function makeDataplane(foundation: Foundation, felix: FelixSettings): Dataplane {
  const { options, kernel, clock, random, logger, scope, metrics, onFatal } = foundation;
  const { store, client, tables, resolver, defer } = foundation;
  const routes = new RouteReconciler({
    kernel,
    clock,
    random,
    logger: logger.child("routes"),
    scope,
    interfacePrefix: felix.interfacePrefix,
    inPools: (destination) => resolver.poolOf(destination.address) !== undefined,
    refreshMs: durationMs(felix.routeRefreshInterval),
    notYet: (route) => farEndMissing(route, vteps),
    onReachChanged: () => mesh.nextHopsChanged(),
    onSettled: () => tunnels.routesSettled(),
    defer,
  });
  const vteps = new VtepReconciler({
    kernel,
    clock,
    logger: logger.child("vteps"),
    scope,
    refreshMs: durationMs(felix.routeRefreshInterval),
    onKnown: () => routes.wake(),
    defer,
  });
  const nft = new NftReconciler(kernel);
  const rules = new RuleReconciler({
    kernel,
    nft,
    onApplied: () => policy.engine.applied(),
    clock,
    logger: logger.child("rules"),
    scope,
    interfacePrefix: felix.interfacePrefix,
    widerSources: felix.workloadSourceSpoofing === "Any",
    natOutgoingExclusions: felix.natOutgoingExclusions,
    serviceLoops: SERVICE_LOOPS[felix.serviceLoopPrevention],
    hostAddresses: () => hostAddresses(tables),
    refreshMs: durationMs(felix.nftablesRefreshInterval),
    defer,
  });
  const policy = makePolicy({
    options,
    kernel,
    tables,
    nft,
    rules,
    felix,
    metrics,
    clock,
    logger,
    scope,
    defer,
  });
  const byBgp = options.backend === "bird";
  const byBird = options.bgpDaemon === "bird";
  // A BIRD keeps its routes itself, apart from ours.
  const restarting = byBgp && !byBird && hasLearnedRoutes(kernel);
  const secrets = secretsOf(foundation);
  const neighbours = linkNeighbours({
    kernel,
    clock,
    random,
    logger: logger.child("neighbours"),
    scope,
    onChange: () => engine.changed(),
  });
  const common = {
    secrets,
    neighbours,
    clock,
    logger: logger.child("bgp"),
    port: options.bgpPort,
    routerId: options.routerId,
  };
  const mesh: BgpRunner = byBird
    ? new BirdRunner({
        ...common,
        configuration: options.paths.birdConfiguration,
        socket: join(options.paths.birdSockets, "bird.ctl"),
      })
    : new MeshRunner({
        ...common,
        random,
        transport: tcpTransport(),
        restarting,
        resolveNextHop: (nextHop, prefix) => ({
          reachable: routes.reaches(nextHop) || resolver.tunnelReaches(nextHop.address, prefix),
          metric: 0,
        }),
        aggregateWithin: options.aggregateBlocks ? ({ address }) => resolver.poolOf(address)?.cidr : undefined,
        isOnLink: ({ address, link }) => (link ?? routes.interfaceTowards(address)) !== undefined,
        onChange: (changes) => engine.learn(changes),
        onReady: () => {
          engine.flush();
          routes.releaseLearned();
        },
        onFatal,
      });
  const engine = new Engine({
    self: options.nodeName,
    tables,
    resolver,
    routes,
    rules,
    vteps,
    mesh: byBgp ? mesh : undefined,
    defer,
  });
  secrets.subscribe(() => engine.changed());
  const ipam = createIpam({
    store,
    clock,
    random,
    node: options.nodeName,
    settings: () => ipamSettings(tables),
    logger: logger.child("ipam"),
  });
  const tunnels = new TunnelRunner({
    self: options.nodeName,
    backend: options.backend,
    kernel,
    client,
    ipam,
    tables,
    resolver,
    felix,
    clock,
    random,
    logger: logger.child("tunnels"),
    scope,
    linkAt: (index) => routes.linkAt(index),
    hasRoutesThrough: (device) => routes.hasRoutesThrough(device),
    guard: (present) => {
      rules.setTunnels(present);
      policy.setTunnels({
        ipip: present.ipip,
        vxlan: Object.values(present.vxlanPort).some((port) => port !== undefined),
      });
      rules.flush();
    },
    onChange: () => engine.changed(),
    refreshMs: durationMs(felix.routeRefreshInterval),
    defer,
  });
  return { engine, routes, rules, vteps, policy, mesh, tunnels, ipam, restarting };
}

/** The first write to the kernel is here, and when it returns the routes are there. */
export async function startDataplane({ scope, resolver }: Foundation, dataplane: Dataplane): Promise<void> {
  const { engine, routes, rules, vteps, policy, mesh, tunnels, restarting } = dataplane;
  scope.add("bgp", () => mesh.stop(true));
  // Guard and policy stand, by one transaction, before the first route leads anywhere.
  policy.engine.start();
  rules.start();
  tunnels.adopt();
  engine.start();
  vteps.start();
  rules.flush();
  routes.start();
  // Nothing to wait for: what an earlier run left and nobody wants may go.
  if (!restarting) routes.releaseLearned();
  mesh.declare(resolver.announcements.values());
  await routes.settled();
  tunnels.start();
}

function hostAddresses(tables: Tables): ReadonlyMap<Address, string> {
  return new Map(
    [...tables.nodes.rows()].flatMap(({ name, ipv4, ipv6 }) =>
      [ipv4, ipv6].flatMap((own) => (own === undefined ? [] : [[own.address, name] as const])),
    ),
  );
}

/** Routes through neighbours that an earlier run of ours left in the kernel: peers are then asked to bear with us. */
function hasLearnedRoutes(kernel: Kernel): boolean {
  return [...kernel.routes(4, MAIN_TABLE), ...kernel.routes(6, MAIN_TABLE)].some(
    (route) => route.protocol === RouteProtocol.bird && route.kind === "unicast",
  );
}

/** Files, and where the datastore is a cluster's API the secrets that it has. */
function secretsOf({ options, kubernetes, clock, random, logger, scope }: Foundation): Secrets {
  const files = fileSecrets({ directory: options.paths.secrets, clock, scope });
  if (kubernetes === undefined) return files;
  const { api } = kubernetes;
  const { namespace } = options;
  return eitherSecrets(files, apiSecrets({ api, namespace, clock, random, logger: logger.child("secrets"), scope }));
}
