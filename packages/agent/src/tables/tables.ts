import {
  bgpConfiguration,
  bgpFilter,
  bgpPeer,
  type CalicoNodeStatus,
  type ClusterInformation,
  calicoNodeStatus,
  clusterInformation,
  decodeAffinity,
  decodeIpamConfig,
  decodeStored,
  type FelixConfiguration,
  felixConfiguration,
  HOSTS_PREFIX,
  IPAM_CONFIG_KEY,
  type IpamConfig,
  ippool,
  ipReservation,
  node,
  parseIpamKey,
  reservedNetworks,
  type WorkloadEndpoint,
  workloadEndpoint,
} from "@ocicat/api";
import type { Datastore, KeyValue } from "@ocicat/datastore";
import { type Clock, type Logger, parseJson, type Random, type Scope } from "@ocicat/kit";
import { readService, type ServiceFacts } from "@ocicat/kubernetes/derive";
import type { Prefix } from "@ocicat/net";
import { readWorkload } from "@ocicat/policy";
import type { AffinityRow, BlockRow, PeerRow, ServiceRanges } from "@ocicat/routing";
import { type DatastoreLock, HeldSink } from "../lock/index.ts";
import { makePolicyRows, type PolicyRows, policySources } from "../policy/tables.ts";
import { serviceRangesOf } from "../services/ranges.ts";
import { Reflector, type ReflectorSink } from "../watch/reflector.ts";
import { type BgpFilterRow, bgpFilterRow } from "./bgp-filter-row.ts";
import { type BgpConfigurationRow, bgpConfigurationRow, peerRow } from "./bgp-rows.ts";
import {
  type AgentEndpointRow,
  type AgentNodeRow,
  type AgentPoolRow,
  blockRow,
  endpointRow,
  nodeRow,
  poolRow,
} from "./rows.ts";
import { Table } from "./table.ts";

/** Everything the agent knows of the datastore: one table a kind, each kept by one reflector. */
export interface Tables {
  readonly pools: Table<AgentPoolRow>;
  readonly nodes: Table<AgentNodeRow>;
  /** This node's own row, without looking through all others. */
  readonly ownNode: () => AgentNodeRow | undefined;
  /** This node's affinities. */
  readonly affinities: Table<AffinityRow>;
  /** Every node's blocks, by where their addresses are. Empty until a pool needs them: only VXLAN pools are routed by them. */
  readonly blocks: Table<BlockRow>;
  /** This node's endpoints; others' are not kept. */
  readonly endpoints: Table<AgentEndpointRow>;
  readonly bgp: Table<BgpConfigurationRow>;
  readonly peers: Table<PeerRow>;
  readonly filters: Table<BgpFilterRow>;
  /** Who wants to know this or another node's state. */
  readonly statusRequests: Table<CalicoNodeStatus>;
  readonly felix: Table<FelixConfiguration>;
  readonly cluster: Table<ClusterInformation>;
  /** Networks whose addresses are not given away. */
  readonly reservations: Table<readonly Prefix[]>;
  readonly ipam: Table<IpamConfig>;
  readonly policy: PolicyRows;
  /** Empty until their addresses are announced. */
  readonly services: Table<ServiceFacts>;
  /** Which of those are announced, by BGPConfiguration. */
  readonly serviceRanges: Table<ServiceRanges>;
  /** Those of services' own addresses that are announced whatever it says; none: what it says. */
  readonly serviceClusterIps: readonly Prefix[];
}

export function makeTables(self: string, logger: Logger, serviceClusterIps: readonly Prefix[] = []): Tables {
  const nodes = new Table("nodes", (item) => nodeRow(decodeStored(node, item)), logger);
  const ownKey = node.storage.key(self, undefined) ?? "";
  return {
    nodes,
    ownNode: () => nodes.get(ownKey),
    pools: new Table("pools", (item) => poolRow(decodeStored(ippool, item)), logger),
    affinities: new Table("affinities", (item) => affinityRow(item.key, item.value), logger),
    blocks: new Table("blocks", (item) => blockRow(item.key, item.value), logger),
    endpoints: new Table("own endpoints", (item) => ownEndpoint(self, item), logger),
    bgp: new Table("bgp configurations", (item) => bgpConfigurationRow(decodeStored(bgpConfiguration, item)), logger),
    filters: new Table("BGP filters", (item) => bgpFilterRow(decodeStored(bgpFilter, item)), logger),
    peers: new Table("BGP peers", (item) => peerRow(decodeStored(bgpPeer, item)), logger),
    statusRequests: new Table("node status", (item) => decodeStored(calicoNodeStatus, item), logger),
    felix: new Table("felix configurations", (item) => decodeStored(felixConfiguration, item), logger),
    cluster: new Table("cluster information", (item) => decodeStored(clusterInformation, item), logger),
    reservations: new Table("reservations", (item) => reservedNetworks(decodeStored(ipReservation, item)), logger),
    ipam: new Table("ipam configuration", (item) => decodeIpamConfig(item.key, item.value), logger),
    policy: makePolicyRows(logger),
    services: new Table("services", (item) => readService(parseJson(item.value)), logger),
    serviceClusterIps,
    serviceRanges: new Table(
      "announced services",
      (item) => serviceRangesOf(decodeStored(bgpConfiguration, item)),
      logger,
    ),
  };
}

/** Every one of them. */
export function allTables(tables: Tables): readonly Table<unknown>[] {
  return [...Object.values(tables), ...Object.values(tables.policy)].filter(
    (each): each is Table<unknown> => each instanceof Table,
  );
}

export interface WatchOptions {
  readonly store: Pick<Datastore, "list" | "watch">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  /** While it is set, changes wait. */
  readonly lock: DatastoreLock;
}

/** Starts watching what says whether the datastore is locked. Resolves when that is known. */
export async function watchCluster(tables: Tables, options: WatchOptions): Promise<void> {
  await new Reflector({ ...options, prefix: clusterInformation.storage.prefix(), sink: tables.cluster }).inSync;
}

/** Starts watching all else but what few clusters need (needed.ts). Resolves when every table of it has been filled once. */
export async function watchTables(tables: Tables, self: string, options: WatchOptions): Promise<void> {
  const sources = [
    [ippool.storage.prefix(), tables.pools],
    [node.storage.prefix(), tables.nodes],
    [`${HOSTS_PREFIX}${self}/`, tables.affinities],
    [workloadEndpoint.storage.prefix(), endpointSink(tables, self)],
    [bgpConfiguration.storage.prefix(), both(tables.bgp, tables.serviceRanges)],
    [bgpPeer.storage.prefix(), tables.peers],
    [bgpFilter.storage.prefix(), tables.filters],
    [calicoNodeStatus.storage.prefix(), tables.statusRequests],
    [felixConfiguration.storage.prefix(), tables.felix],
    [ipReservation.storage.prefix(), tables.reservations],
    [IPAM_CONFIG_KEY, tables.ipam],
    ...policySources(tables.policy),
  ] as const;
  await Promise.all(
    sources.map(
      ([prefix, sink]) => new Reflector({ ...options, prefix, sink: new HeldSink(sink, options.lock) }).inSync,
    ),
  );
}

/** One reflector for two tables that are made of the same rows. */
function both(one: ReflectorSink, other: ReflectorSink): ReflectorSink {
  return {
    replace(items) {
      one.replace(items);
      other.replace(items);
    },
    put(item) {
      one.put(item);
      other.put(item);
    },
    remove(key, revision) {
      one.remove(key, revision);
      other.remove(key, revision);
    },
  };
}

function affinityRow(key: string, value: string): AffinityRow | undefined {
  const parsed = parseIpamKey(key);
  if (parsed?.kind !== "affinity" || parsed.owner.type !== "host") return undefined;
  const affinity = decodeAffinity(key, value);
  return affinity.deleted ? undefined : { node: parsed.owner.name, block: parsed.prefix, state: affinity.state };
}

function ownEndpoint(self: string, item: KeyValue): AgentEndpointRow | undefined {
  const row = endpointRow(item.key, decodeStored(workloadEndpoint, item));
  return row.node === self ? row : undefined;
}

/** Endpoints go to two tables: this node's own to one, for cables and routes; everybody's to the other, for policy. */
export interface EndpointSink extends ReflectorSink {
  /** Takes an endpoint that this process has just written (undefined: deleted), ahead of the watch. */
  wrote(key: string, endpoint: WorkloadEndpoint | undefined, revision: bigint): void;
}

export function endpointSink({ endpoints, policy: { workloads } }: Tables, self: string): EndpointSink {
  // Another node's endpoint can be told by its key, without reading it: there are many of them.
  const isOwn = ({ key }: { readonly key: string }) => mayBeOn(self, key);
  return {
    replace(items) {
      workloads.replace(items);
      endpoints.replace(items.filter(isOwn));
    },
    put(item) {
      workloads.put(item);
      if (isOwn(item)) endpoints.put(item);
    },
    remove(key, revision) {
      workloads.remove(key, revision);
      endpoints.remove(key, revision);
    },
    wrote(key, endpoint, revision) {
      workloads.wrote(key, endpoint && readWorkload(endpoint), revision);
      endpoints.wrote(key, endpoint && endpointRow(key, endpoint), revision);
    },
  };
}

/** The endpoint's name begins with its node's, dashes doubled, and one dash: `node--a-k8s-…` is on node-a, not on node. */
function mayBeOn(self: string, key: string): boolean {
  const name = workloadEndpoint.storage.parse(key)?.name;
  const node = self.replaceAll("-", "--");
  return name?.startsWith(`${node}-`) === true && name.charAt(node.length + 1) !== "-";
}
