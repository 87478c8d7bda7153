import { MetricsRegistry, Scope } from "@ocicat/kit";
import { type Conditions, healthRoutes, json, processMetrics, type Routes, serveLocally } from "@ocicat/service";
import { COLLECTED_PREFIXES } from "./collect/index.ts";
import { Collector } from "./collector.ts";
import { Compaction } from "./compaction.ts";
import { type Election, KeyElection, LeaseElection, type Term } from "./election/index.ts";
import { Listener } from "./listener.ts";
import { LOAD_BALANCER_READS, LoadBalancer } from "./load-balancer/load-balancer.ts";
import { controllerMetrics, ipamMetrics, Reclamations, syncMetrics } from "./metrics.ts";
import { Mirror, type MirrorSink } from "./mirror.ts";
import type { ControllersOptions } from "./options.ts";
import { type BacklogReport, reportBacklog } from "./report.ts";
import { DEFAULTS, SETTINGS_PREFIXES } from "./settings.ts";
import type { Surroundings } from "./surroundings.ts";
import { controllersFor, runningConfig, runningNames, Syncer } from "./sync/index.ts";

export interface RunningControllers {
  /** Of metrics and health. */
  readonly port: number;
  readonly isLeading: () => boolean;
  readonly backlog: () => BacklogReport;
  stop(): Promise<void>;
}

/** Everything of the datastore that is watched lies below this. */
const ROOT = "/calico/";

/** One instance of the controllers. Of several one acts; the others know what it knows. */
export async function startControllers(
  options: ControllersOptions,
  surroundings: Surroundings,
  scope: Scope = new Scope("controllers"),
): Promise<RunningControllers> {
  return await scope.whole(() => start(options, surroundings, scope));
}

async function start(
  options: ControllersOptions,
  { store, kubernetes, clock, random, logger }: Surroundings,
  scope: Scope,
): Promise<RunningControllers> {
  const metrics = new MetricsRegistry();
  processMetrics(metrics, options.lagResolutionMs, scope);
  const reclamations = new Reclamations();
  const compactions = metrics.counter("ocicat_controllers_compactions_total", "How often history was compacted.");
  const writes = new Map<string, number>();
  const parts = { store, clock, random, scope };
  // It is the datastore: what would be copied from it is there.
  const isKubernetes = kubernetes?.rows === store;
  const isBeside = kubernetes !== undefined && !isKubernetes;

  const collector: Collector = new Collector({
    ...parts,
    logger: logger.child("ipam"),
    perSecond: options.perSecond,
    term: () => election.term,
    depose: (term) => election.depose(term),
    outOfSync: () => (options.enabled.has("node") ? mirror.problem : "the node controller is not enabled"),
    endpointsFollowPods: isKubernetes,
    overrides: options.overrides,
    onDone: (verdict) => reclamations.note(verdict, collector.settings.pools, clock.monotonic()),
  });
  const compaction: Compaction = new Compaction({
    ...parts,
    logger: logger.child("compaction"),
    isLeading: () => election.term !== undefined,
    period: () => collector.settings.compactionMs,
    onCompacted: () => compactions.add(),
  });
  const busy = {
    ...parts,
    term: () => election.term,
    depose: (term: Term) => election.depose(term),
    onWrite: (name: string) => void writes.set(name, (writes.get(name) ?? 0) + 1),
    idleReason: () =>
      mirror.problem ??
      objects?.problem ??
      (collector.settings.isLocked ? "the datastore is locked for a migration" : undefined),
  };
  const syncer: Syncer = new Syncer({
    ...busy,
    logger: logger.child("sync"),
    controllers: [
      ...controllersFor(options.enabled, isBeside),
      runningConfig({
        running: runningNames(options.enabled, isBeside, kubernetes !== undefined),
        environment: options.environment,
        reconcilerPeriod: options.overrides.reconcilerPeriod,
      }),
    ],
    settings: () => collector.settings.controllers,
    periodMs: () => collector.settings.reconcilerMs,
  });
  const loadBalancer: LoadBalancer | undefined =
    kubernetes === undefined || !options.enabled.has("loadbalancer")
      ? undefined
      : new LoadBalancer({
          ...busy,
          tell: kubernetes.tell,
          logger: logger.child("load balancer"),
          assign: () => collector.settings.assignIps,
          reservations: () => collector.settings.reservations,
          cooldownSeconds: () => collector.settings.cooldownSeconds,
        });
  const electionOptions = {
    ...parts,
    logger: logger.child("election"),
    identity: options.identity,
    ttlSeconds: options.leaseSeconds,
    onChange: () => {
      for (const part of [collector, compaction, syncer, loadBalancer]) part?.wake();
    },
  };
  const election: Election =
    kubernetes !== undefined && isKubernetes
      ? new LeaseElection({ ...electionOptions, lease: kubernetes.lease })
      : new KeyElection(electionOptions);
  const conditions: Conditions = {
    datastore: () => mirror.problem,
    ...(kubernetes === undefined ? {} : { kubernetes: () => objects?.problem }),
  };
  const health = healthRoutes(conditions, metrics);
  const listener = new Listener(options, health, logger, scope);
  let settings = collector.settings.controllers;
  const settingsChanged = () => {
    for (const part of [compaction, syncer, loadBalancer]) part?.wake();
    if (settings !== collector.settings.controllers) {
      settings = collector.settings.controllers;
      for (const part of [syncer, loadBalancer]) part?.askAll();
    }
    void listener.follow(collector.settings.metricsPort);
  };
  const mirror: Mirror = new Mirror({
    ...parts,
    logger: logger.child("watch"),
    root: ROOT,
    prefixes: outermost([
      ...COLLECTED_PREFIXES,
      ...SETTINGS_PREFIXES,
      ...syncer.reads("store"),
      ...(loadBalancer === undefined ? [] : LOAD_BALANCER_READS.store),
    ]),
    // Settings first: the others go by them.
    sink: all([collector, called(settingsChanged), syncer.sink("store"), loadBalancer?.store]),
  });
  const objects: Mirror | undefined =
    kubernetes &&
    new Mirror({
      ...parts,
      store: kubernetes.rows,
      logger: logger.child("watch kubernetes"),
      root: ROOT,
      prefixes: outermost([
        ...syncer.reads("kubernetes"),
        ...(loadBalancer === undefined ? [] : LOAD_BALANCER_READS.kubernetes),
      ]),
      sink: all([syncer.sink("kubernetes"), loadBalancer?.kubernetes]),
    });
  const sources = { collector, election, reclamations, now: () => clock.monotonic() };
  ipamMetrics(metrics, sources);
  controllerMetrics(metrics, sources);
  syncMetrics(metrics, { writes, parts: [syncer, ...(loadBalancer === undefined ? [] : [loadBalancer])] });
  for (const part of [mirror, objects, collector, compaction, syncer, loadBalancer, election]) part?.start();
  const backlog = () => reportBacklog(collector, election, clock.monotonic());

  await listener.open(options.port ?? DEFAULTS.metricsPort);
  const routes: Routes = {
    ...health,
    "/backlog": () => json(backlog()),
    "/problems": () => json(Object.fromEntries([...syncer.problems, ...(loadBalancer?.problems ?? [])])),
    "/unreadable": () => json(Object.fromEntries([...collector.state.unreadable, ...collector.settings.unreadable])),
  };
  await serveLocally({ path: options.socket }, routes, logger.child("api"), scope);
  return {
    port: listener.port,
    isLeading: () => election.term !== undefined,
    backlog,
    stop: () => scope.close(),
  };
}

/** Those that lie in no other: each is listed once. */
function outermost(prefixes: readonly string[]): readonly string[] {
  const unique = [...new Set(prefixes)];
  return unique.filter((prefix) => !unique.some((other) => other !== prefix && prefix.startsWith(other)));
}

/** One sink of several, told in this order. */
function all(sinks: readonly (MirrorSink | undefined)[]): MirrorSink {
  return {
    replace(items) {
      const list = [...items];
      for (const sink of sinks) sink?.replace(list);
    },
    apply(events) {
      for (const sink of sinks) sink?.apply(events);
    },
  };
}

function called(changed: () => void): MirrorSink {
  return { replace: changed, apply: changed };
}
