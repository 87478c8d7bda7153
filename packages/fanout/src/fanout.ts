import type { TLSSocket } from "node:tls";
import { clusterInformation } from "@ocicat/api";
import type { Datastore } from "@ocicat/datastore";
import { type Endpoint, GrpcCode, GrpcError, GrpcRouter, Listener, ServerCertificate } from "@ocicat/datastore/serving";
import {
  type Clock,
  createBackoff,
  type Logger,
  MetricsRegistry,
  type Random,
  Scope,
  type Timer,
  toError,
} from "@ocicat/kit";
import { healthRoutes, processMetrics, serveLocally } from "@ocicat/service";
import { Cache } from "./cache/cache.ts";
import type { FanoutOptions } from "./options.ts";
import { Counters } from "./serve/counters.ts";
import { identify } from "./serve/identity.ts";
import { serveKv } from "./serve/kv.ts";
import { WatchService } from "./serve/watch.ts";

export interface FanoutSurroundings {
  readonly upstream: Pick<Datastore, "list" | "watch">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface RunningFanout {
  /** Where it listens, with the port that the kernel chose. */
  readonly endpoint: Endpoint;
  /** Of metrics and health. */
  readonly healthPort: number;
  readonly counters: Counters;
  stop(): Promise<void>;
}

/** A request is a range, or a watch: some hundred bytes. */
const MAX_REQUEST_BYTES = 64 * 1024;
const EVICT_EVERY_MS = 1_000;
/** How long a list may take that has not been served when the fan-out ends. */
const GRACE_MS = 1_000;

/** Throws OcicatError if it cannot listen or its certificate cannot serve; nothing stays open then. */
export async function startFanout(
  options: FanoutOptions,
  surroundings: FanoutSurroundings,
  scope: Scope = new Scope("fanout"),
): Promise<RunningFanout> {
  return await scope.whole(() => start(options, surroundings, scope));
}

async function start(
  options: FanoutOptions,
  { upstream, clock, random, logger }: FanoutSurroundings,
  scope: Scope,
): Promise<RunningFanout> {
  const metrics = new MetricsRegistry();
  processMetrics(metrics, options.lagResolutionMs, scope);
  const counters = new Counters();
  const cache = new Cache({
    upstream,
    limits: options.limits,
    clock,
    random,
    logger: logger.child("cache"),
    scope,
    onList: () => {
      counters.upstreamLists += 1;
    },
  });
  counters.expose(metrics, cache);
  const certificate = options.tls && new ServerCertificate(options.tls, logger);
  const identity = identify(await clusterOf(upstream, { clock, random, logger, scope }), random);
  const router = new GrpcRouter({
    maxMessageBytes: MAX_REQUEST_BYTES,
    toGrpcError: (error) => new GrpcError(GrpcCode.INTERNAL, toError(error).message),
  });
  const watches = new WatchService({ cache, identity, counters, clock, logger, patienceMs: options.patienceMs });
  serveKv(router, cache, identity, counters);
  watches.serve(router);
  evictRegularly(watches, clock, scope);
  const listener = await Listener.open(options.listen, {
    router,
    logger,
    certificate,
    admits: (socket) => isNamed(socket, options.clientName, logger),
  });
  scope.add("listener", async () => {
    watches.end();
    const grace = clock.after(GRACE_MS, "close", () => listener.abort());
    await listener.drain();
    grace.cancel();
  });
  const conditions = {
    datastore: () => [...cache.streams()].map(({ problem }) => problem).find((problem) => problem !== undefined),
  };
  const at = { host: options.healthHost, port: options.healthPort };
  const { port } = await serveLocally(at, healthRoutes(conditions, metrics), logger.child("health"), scope);
  return { endpoint: listener.endpoint, healthPort: port, counters, stop: () => scope.close() };
}

/** What the cluster is known by, in its ClusterInformation. Waits for a datastore that does not answer. */
async function clusterOf(
  upstream: Pick<Datastore, "list">,
  { clock, random, logger, scope }: Omit<FanoutSurroundings, "upstream"> & { readonly scope: Scope },
): Promise<string> {
  const backoff = createBackoff(random, { initialMs: 100, maxMs: 5_000 });
  for (;;) {
    try {
      const { items } = await upstream.list(clusterInformation.storage.prefix());
      return /"clusterGUID":"([^"]*)"/.exec(items[0]?.value ?? "")?.[1] ?? "a cluster without a name";
    } catch (error) {
      if (scope.closed) throw error;
      logger.warning("the datastore does not answer, trying again", { problem: toError(error).message });
      await new Promise<void>((resolve) => clock.after(backoff.next(), "ask again", resolve));
    }
  }
}

function evictRegularly(watches: WatchService, clock: Clock, scope: Scope): void {
  let timer: Timer;
  const arm = () => {
    timer = clock.after(EVICT_EVERY_MS, "evict", () => {
      watches.evict();
      arm();
    });
  };
  arm();
  scope.add("eviction", () => timer.cancel());
}

/** The authority has signed it already; this is who of those it signs for may read. */
function isNamed(socket: TLSSocket, wanted: string | undefined, logger: Logger): boolean {
  if (wanted === undefined) return true;
  const { subject, subjectaltname = "" } = socket.getPeerCertificate();
  const names = [subject?.CN, ...subjectaltname.split(", ").map((name) => name.replace(/^(?:DNS|URI):/, ""))];
  if (names.flat().includes(wanted)) return true;
  logger.warning("a client of another name is not served", { client: socket.remoteAddress, name: subject?.CN, wanted });
  return false;
}
