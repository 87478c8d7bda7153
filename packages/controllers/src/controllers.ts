import { type Clock, type Logger, MetricsRegistry, type Random, Scope, toError } from "@ocicat/kit";
import { type Conditions, healthRoutes, json, processMetrics, type Routes, serveLocally } from "@ocicat/service";
import { COLLECTED_PREFIXES } from "./collect/index.ts";
import { Collector } from "./collector.ts";
import { type Compactable, Compaction } from "./compaction.ts";
import { Election } from "./election.ts";
import { controllerMetrics, ipamMetrics, Reclamations } from "./metrics.ts";
import { Mirror, type MirrorSink } from "./mirror.ts";
import type { ControllersOptions } from "./options.ts";
import { type BacklogReport, reportBacklog } from "./report.ts";
import { DEFAULTS, SETTINGS_PREFIXES } from "./settings.ts";

/** The world controllers live in. */
export interface Surroundings {
  readonly store: Compactable;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

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
  try {
    return await start(options, surroundings, scope);
  } catch (error) {
    await scope.close();
    throw error;
  }
}

async function start(
  options: ControllersOptions,
  { store, clock, random, logger }: Surroundings,
  scope: Scope,
): Promise<RunningControllers> {
  const metrics = new MetricsRegistry();
  processMetrics(metrics, options.lagResolutionMs, scope);
  const reclamations = new Reclamations();
  const compactions = metrics.counter("ocicat_controllers_compactions_total", "How often history was compacted.");
  const parts = { store, clock, random, scope };

  const collector: Collector = new Collector({
    ...parts,
    logger: logger.child("ipam"),
    perSecond: options.perSecond,
    term: () => election.term,
    depose: (term) => election.depose(term),
    outOfSync: () => mirror.problem,
    onDone: (verdict) => reclamations.note(verdict, collector.settings.pools, clock.monotonic()),
  });
  const compaction: Compaction = new Compaction({
    ...parts,
    logger: logger.child("compaction"),
    isLeading: () => election.term !== undefined,
    period: () => collector.settings.compactionMs,
    onCompacted: () => compactions.add(),
  });
  const election: Election = new Election({
    ...parts,
    logger: logger.child("election"),
    identity: options.identity,
    ttlSeconds: options.leaseSeconds,
    onChange: () => {
      collector.wake();
      compaction.wake();
    },
  });
  const conditions: Conditions = { datastore: () => mirror.problem };
  const health = healthRoutes(conditions, metrics);
  const listener = new Listener(options, health, logger, scope);
  const settingsChanged = () => {
    compaction.wake();
    void listener.follow(collector.settings.metricsPort);
  };
  const mirror: Mirror = new Mirror({
    ...parts,
    logger: logger.child("watch"),
    root: ROOT,
    prefixes: [...COLLECTED_PREFIXES, ...SETTINGS_PREFIXES],
    sink: observed(collector, settingsChanged),
  });
  const sources = { collector, election, reclamations, now: () => clock.monotonic() };
  ipamMetrics(metrics, sources);
  controllerMetrics(metrics, sources);
  for (const part of [mirror, collector, compaction, election]) part.start();
  const backlog = () => reportBacklog(collector, election, clock.monotonic());

  await listener.open(options.port ?? DEFAULTS.metricsPort);
  const routes: Routes = {
    ...health,
    "/backlog": () => json(backlog()),
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

/** A sink that is followed by something else: settings may have changed with what it was told. */
function observed(sink: MirrorSink, changed: () => void): MirrorSink {
  return {
    replace(items) {
      sink.replace(items);
      changed();
    },
    apply(events) {
      sink.apply(events);
      changed();
    },
  };
}

/** Metrics and health over TCP, at the port that the configuration says, also when it says another. */
class Listener {
  readonly #options: ControllersOptions;
  readonly #routes: Routes;
  readonly #logger: Logger;
  readonly #scope: Scope;
  #wanted = -1;
  #open: { readonly scope: Scope; readonly port: number } | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ControllersOptions, routes: Routes, logger: Logger, scope: Scope) {
    this.#options = options;
    this.#routes = routes;
    this.#logger = logger;
    this.#scope = scope;
  }

  /** 0: it is closed. */
  get port(): number {
    return this.#open?.port ?? 0;
  }

  /** Throws OcicatError CANNOT_LISTEN. */
  async open(port: number): Promise<void> {
    this.#wanted = port;
    const scope = this.#scope.child("metrics");
    const at = { host: this.#options.host, port };
    this.#open = { scope, ...(await serveLocally(at, this.#routes, this.#logger.child("health"), scope)) };
  }

  /** Goes where the configuration says, unless the environment says otherwise. */
  follow(port: number): Promise<void> {
    if (this.#options.port !== undefined || port === this.#wanted) return this.#turn;
    this.#wanted = port;
    this.#turn = this.#turn.then(() => this.#move(port));
    return this.#turn;
  }

  async #move(port: number): Promise<void> {
    await this.#open?.scope.close();
    this.#open = undefined;
    if (port === 0 || this.#scope.closed) return;
    try {
      await this.open(port);
      this.#logger.info("metrics moved", { port });
    } catch (error) {
      this.#logger.error("metrics cannot be served where the configuration says", { error: toError(error).message });
    }
  }
}
