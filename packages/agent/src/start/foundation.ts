import { ResourceClient } from "@ocicat/client";
import type { Datastore } from "@ocicat/datastore";
import { openFanout } from "@ocicat/fanout/client";
import type { MetricsRegistry, Scope } from "@ocicat/kit";
import type { KubernetesDatastore } from "@ocicat/kubernetes";
import { asKubernetes, connectionOf, openDatastore } from "@ocicat/kubernetes/open";
import type { Kernel } from "@ocicat/linux";
import { formatAddress } from "@ocicat/net";
import { RoutingResolver } from "@ocicat/routing";
import { DatastoreLock, guardedStore, WHY_LOCKED } from "../lock/index.ts";
import { OwnAddresses } from "../node/own-addresses.ts";
import type { AgentOptions } from "../options.ts";
import { apiMetrics } from "../serve/api-metrics.ts";
import type { Surroundings } from "../surroundings.ts";
import { makeTables, type Tables } from "../tables/tables.ts";

/** What an agent is made on: itself, and the world as it was handed in. */
export interface Ground extends Surroundings {
  readonly options: AgentOptions;
  readonly kernel: Kernel;
  readonly metrics: MetricsRegistry;
  readonly scope: Scope;
}

/** What all parts of an agent stand on. Nothing of it has asked the datastore, or waits for it. */
export interface Foundation extends Ground {
  /** Writes are refused while the datastore is locked. */
  readonly store: Datastore;
  /** Where tables are filled from: the datastore, or who watches it for many. */
  readonly reads: Pick<Datastore, "list" | "watch">;
  /** The same, where it is a cluster's API; what is written to it directly is not refused. */
  readonly kubernetes: KubernetesDatastore | undefined;
  /** Whether there is a connection to the datastore at the moment. */
  readonly reaches: () => boolean;
  readonly client: ResourceClient;
  readonly tables: Tables;
  readonly lock: DatastoreLock;
  readonly own: OwnAddresses;
  readonly resolver: RoutingResolver;
  /** Runs work once what is being done now is done. */
  readonly defer: (work: () => void) => void;
}

export async function layFoundation(ground: Ground): Promise<Foundation> {
  const { options, kernel, metrics, clock, random, logger, scope } = ground;
  const connection = await connectionOf(options.datastore, process.env, "the environment");
  const driver = { logger: logger.child("datastore"), clock, random, userAgent: "ocicat-agent" };
  const onAnswer = connection.type === "kubernetes" ? { onAnswer: apiMetrics(metrics) } : {};
  const datastore = await openDatastore(connection, { ...driver, ...onAnswer });
  scope.add("datastore", () => datastore.close());
  const tables = makeTables(options.nodeName, logger.child("tables"), options.serviceClusterIps);
  const lock = new DatastoreLock(tables.cluster);
  lock.subscribe((locked) => logger.warning(locked ? `${WHY_LOCKED}: changes wait` : "the datastore is unlocked"));
  const store = guardedStore(datastore, lock);
  const client = new ResourceClient({ store, clock, random });
  const fanout = options.fanout && openFanout({ ...options.fanout, clock, random, logger: logger.child("fan-out") });
  if (fanout !== undefined) scope.add("fan-out", () => fanout.close());
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
    onGone: (address) => datastore.localAddressGone(formatAddress(address)),
  });
  const resolver = new RoutingResolver(options.nodeName, options.backend, options.bgpDaemon === "bird");
  return {
    ...ground,
    store,
    reads: fanout ?? store,
    reaches: () => datastore.connected && fanout?.connected !== false,
    kubernetes: asKubernetes(datastore),
    client,
    tables,
    lock,
    own,
    resolver,
    defer: setImmediate,
  };
}
