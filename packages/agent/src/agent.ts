import { clusterInformation, durationMs, randomUid } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { openEtcd } from "@ocicat/datastore/etcd";
import { createIpam } from "@ocicat/ipam";
import {
  type Clock,
  createBackoff,
  isOcicatError,
  type Logger,
  MetricsRegistry,
  type Random,
  Scope,
  silentLogger,
  toError,
} from "@ocicat/kit";
import { type Kernel, openKernel } from "@ocicat/linux";
import { type Address, formatAddress } from "@ocicat/net";
import { NftReconciler } from "@ocicat/nftables";
import { RouteProtocol, RoutingResolver } from "@ocicat/routing";
import { type Conditions, healthRoutes, processMetrics, serveLocally, unmet } from "@ocicat/service";
import { MeshRunner } from "./bgp/mesh-runner.ts";
import { tcpTransport } from "./bgp/tcp-transport.ts";
import { serveCni } from "./cni/serve.ts";
import { agentFacts } from "./doctor/agent-facts.ts";
import type { Examination } from "./doctor/examine.ts";
import { collectFlows, type FlowCollector, flowRoutes } from "./flows/index.ts";
import { DatastoreLock, guardedStore, WHY_LOCKED } from "./lock/index.ts";
import { missingGatewayRoute } from "./node/address.ts";
import { collectGarbage } from "./node/collect-garbage.ts";
import { readFelix } from "./node/felix.ts";
import { forwardIpv4, forwardIpv6WhenNeeded } from "./node/forwarding.ts";
import { ipamSettings, leavePools, mendIpam } from "./node/ipam.ts";
import { OwnAddresses, reportOwn } from "./node/own-addresses.ts";
import { registerCluster } from "./node/register.ts";
import type { AgentOptions } from "./options.ts";
import { makePolicy } from "./policy/policy.ts";
import { RouteReconciler } from "./program/route-reconciler.ts";
import { RuleReconciler } from "./program/rule-reconciler.ts";
import { farEndMissing, VtepReconciler } from "./program/vtep-reconciler.ts";
import { limitTraffic } from "./qos/index.ts";
import { Engine } from "./resolve/engine.ts";
import { doctorRoutes } from "./serve/doctor.ts";
import { agentMetrics } from "./serve/metrics.ts";
import { policyRoutes } from "./serve/policy.ts";
import { statusRoutes } from "./serve/status.ts";
import { BlocksWatch, makeTables, type Tables, watchCluster, watchTables } from "./tables/tables.ts";
import { TunnelRunner } from "./tunnels/runner.ts";

const MAIN_TABLE = 254;
/** By then what a start leaves behind is garbage, and pods that waited for it have been added. */
const AFTER_START_MS = 2_000;

/** The world an agent lives in. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The agent cannot go on (port 179 taken): say why and end the process. */
  readonly onFatal: (error: Error) => void;
}

/** Everything that lives as long as the agent. */
export interface RunningAgent {
  /** Graceful: peers keep our routes, the kernel keeps everything. */
  stop(): Promise<void>;
}

/**
 * One agent, from its options to programming:
 *
 *   own address → datastore → tables in sync → resolvers → reconcilers (first write here) → BGP → the plugin's socket
 *
 * Nothing is written to the kernel before the datastore is in sync, and no ADD is taken before the kernel is. Who may want
 * it to end before it runs (a signal, a port that is taken) hands in a scope and closes that.
 */
export async function startAgent(
  options: AgentOptions,
  surroundings: Surroundings,
  scope: Scope = new Scope(`agent ${options.nodeName}`),
): Promise<RunningAgent> {
  try {
    await start(options, surroundings, scope);
  } catch (error) {
    await scope.close();
    throw error;
  }
  return { stop: () => scope.close() };
}

async function start(options: AgentOptions, surroundings: Surroundings, scope: Scope): Promise<void> {
  const { clock, random, logger, onFatal } = surroundings;
  const metrics = new MetricsRegistry();
  processMetrics(metrics, options.lagResolutionMs, scope);
  const kernel = openKernel();
  scope.add("kernel", () => kernel.close());
  forwardIpv4(kernel);

  const progress = new Progress();
  // Pods' gateway of IPv4; that of IPv6 is on the cable itself.
  const gatewayProblem = () => (options.ip.kind === "none" ? undefined : missingGatewayRoute(kernel, options.nodeName));
  const conditions: Conditions = {
    datastore: () => progress.waitingFor,
    gateway: gatewayProblem,
  };
  const noGateway = gatewayProblem();
  if (noGateway !== undefined) logger.warning(noGateway);
  await serveLocally(
    { host: options.healthHost, port: options.healthPort },
    healthRoutes(conditions, metrics),
    logger.child("health"),
    scope,
  );

  const etcd = openEtcd({ endpoints: options.endpoints, logger: logger.child("datastore"), clock, random });
  scope.add("datastore", () => etcd.close());
  const tables = makeTables(options.nodeName, logger.child("tables"));
  const lock = new DatastoreLock(tables.cluster);
  lock.subscribe((locked) => logger.warning(locked ? `${WHY_LOCKED}: changes wait` : "the datastore is unlocked"));
  const store = guardedStore(etcd, lock);
  const client = new ResourceClient({ store, clock, random });
  const own = new OwnAddresses({
    ...options,
    kernel,
    client,
    refreshMs: options.addressRefreshMs,
    clock,
    random,
    logger: logger.child("addresses"),
    scope,
    defer: setImmediate,
    onGone: (address) => etcd.localAddressGone(formatAddress(address)),
  });
  const resolver = new RoutingResolver(options.nodeName, options.backend);
  const status = statusRoutes({ ...options, tables, resolver, own });
  let flows: FlowCollector | undefined;
  const patient: Examination = {
    node: options.nodeName,
    kernel,
    clock,
    random,
    store,
    client,
    interfacePrefix: () => readFelix(tables, options, silentLogger).interfacePrefix,
    pods: () => new Map([...tables.endpoints.rows()].map((row) => [row.interfaceName, row.workload])),
    agent: () => ({ ok: true, value: agentFacts(status.running(), own.found, unmet(conditions)) }),
  };
  // Most agents are never asked: what it takes to look is loaded then.
  const whenAsked = async () => (await import("./doctor/examine.ts")).examine(patient);
  const asked = { tables, kernel, running: () => status.running() };
  await serveLocally(
    { path: options.paths.apiSocket },
    {
      ...healthRoutes(conditions, metrics),
      ...status.routes,
      ...policyRoutes(asked),
      ...doctorRoutes(whenAsked),
      ...flowRoutes(() => flows, options.nodeName, clock),
    },
    logger.child("api"),
    scope,
  );

  const watching = { store, clock, random, logger: logger.child("watch"), scope, lock };
  // First a question that has an end: who waits for the datastore says so, and stops waiting when it is told to end.
  await untilItAnswers(surroundings, scope, async () => void (await etcd.list(clusterInformation.storage.prefix())));
  await watchCluster(tables, watching);
  const register = () =>
    untilItAnswers(surroundings, scope, () => registerCluster(client, () => randomUid(random).replaceAll("-", "")));
  // A locked cluster is there; what else it lacks it has lacked till now. An agent that need not write starts all the same.
  const fail = (error: unknown) => (scope.closed ? undefined : onFatal(toError(error)));
  if (lock.locked) lock.whenOpen(() => void register().catch(fail));
  else await register();
  await untilItAnswers(surroundings, scope, () => own.establish());
  await watchTables(tables, options.nodeName, watching);
  const blocks = new BlocksWatch(tables, watching);
  await blocks.ifNeeded();
  const felix = readFelix(tables, options, logger);
  flows = collectFlows({ options, kernel, tables, clock, logger: logger.child("flows"), metrics, scope });
  own.watch(felix.interfacePrefix);
  forwardIpv6WhenNeeded(kernel, tables, { nodeName: options.nodeName, interfacePrefix: felix.interfacePrefix, logger });

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
    defer: setImmediate,
  });
  const vteps = new VtepReconciler({
    kernel,
    clock,
    logger: logger.child("vteps"),
    scope,
    refreshMs: durationMs(felix.routeRefreshInterval),
    onKnown: () => routes.wake(),
    defer: setImmediate,
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
    hostAddresses: () => hostAddresses(tables),
    refreshMs: durationMs(felix.nftablesRefreshInterval),
    defer: setImmediate,
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
    defer: setImmediate,
  });
  const byBgp = options.backend === "bird";
  const restarting = byBgp && hasLearnedRoutes(kernel);
  const mesh = new MeshRunner({
    clock,
    random,
    logger: logger.child("bgp"),
    transport: tcpTransport(),
    port: options.bgpPort,
    restarting,
    resolveNextHop: (nextHop, prefix) => ({
      reachable: routes.reaches(nextHop) || resolver.tunnelReaches(nextHop, prefix),
      metric: 0,
    }),
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
    defer: setImmediate,
  });
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
    defer: setImmediate,
  });
  scope.add("bgp", () => mesh.stop(true));
  status.attach({ routes, rules, policy, mesh, tunnels });
  agentMetrics(metrics, { routes, rules, mesh, tables, lock });

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

  limitTraffic({ kernel, tables, felix, clock, logger: logger.child("qos"), metrics, scope, defer: setImmediate });
  await serveCni({
    options,
    kernel,
    store,
    client,
    tables,
    engine,
    routes,
    rules,
    policy: policy.engine,
    ipam,
    clock,
    random,
    logger,
    scope,
    felix,
    lock,
  });
  progress.done();
  lock.whenOpen(() => void mendIpam(ipam, logger.child("ipam")));
  leavePools({ ipam, tables, lock, defer: setImmediate, logger: logger.child("ipam") });
  // What was to be written meanwhile need not wait for its next try.
  lock.subscribe((locked) => {
    if (locked) return;
    own.lookAgain();
    tunnels.schedule();
  });
  const garbage = clock.after(AFTER_START_MS, "garbage of the start", collectGarbage);
  scope.add("garbage", () => garbage.cancel());
  logger.info("ready", { node: options.nodeName, ...reportOwn(own), restarting });
}

/** What start-up is waiting for, for /readyz. */
class Progress {
  waitingFor: string | undefined = "not in sync yet";

  done(): void {
    this.waitingFor = undefined;
  }
}

/** Repeats `work` while the datastore does not answer: an agent that starts before its datastore waits for it, and says so. */
async function untilItAnswers(
  { clock, random, logger }: Surroundings,
  scope: Scope,
  work: () => Promise<void>,
): Promise<void> {
  const backoff = createBackoff(random, { initialMs: 100, maxMs: 2_000 });
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (scope.closed || !isOcicatError(error) || !error.retryable) throw error;
      const isLocked = error.code === "DATASTORE_LOCKED";
      const why = isLocked ? WHY_LOCKED : "the datastore does not answer";
      logger.warning(`${why}, waiting for it`, { error: error.message });
      await new Promise<void>((resolve) => clock.after(backoff.next(), "datastore", resolve));
    }
  }
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
