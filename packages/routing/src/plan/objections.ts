import type { Family } from "@ocicat/net";
import type { PoolRow } from "../inputs.ts";
import { peerSessions } from "../peers.ts";
import { poolPath } from "../pool-path.ts";
import { areNear, ownAddress, type PlanCluster, type PlanNode, routerOf, routerSessions } from "./cluster.ts";

/** Why packets to a pool's addresses would not arrive, though the pool is well-formed. */
export interface Objection {
  /** Stable. */
  readonly code: string;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

interface Question {
  readonly pool: PoolRow;
  readonly family: Family;
  readonly cluster: PlanCluster;
  /** Nodes that move packets by themselves. */
  readonly movers: readonly PlanNode[];
}

type Look = (question: Question) => Objection | undefined;

/** In the order in which they are told. */
const LOOKS: readonly Look[] = [withoutAddress, byVxlanBackend, withoutExport, withoutBgp, acrossSubnets];

/** What there is against a pool as it is given, on the nodes that there are. A pool that gives no more addresses counts too. */
export function objectionsTo(pool: PoolRow, cluster: PlanCluster): readonly Objection[] {
  const movers = cluster.nodes.filter(({ backend }) => backend !== "none");
  const question = { pool, family: pool.cidr.family, cluster, movers };
  return LOOKS.flatMap((look) => look(question) ?? []);
}

function withoutAddress({ family, movers }: Question): Objection | undefined {
  const lacking = movers.filter((node) => ownAddress(node, family) === undefined);
  if (lacking.length === 0) return undefined;
  const variable = family === 4 ? "IP" : "IP6";
  return {
    code: "NODE_WITHOUT_ADDRESS",
    what: `${namesOf(lacking)} ${has(lacking)} no IPv${family} address`,
    why: `packets to IPv${family} addresses of the pool travel between the nodes' own IPv${family} addresses`,
    fix: `start the agent there with ${variable}=autodetect, or set spec.bgp.ipv${family}Address of the Node`,
  };
}

function byVxlanBackend({ pool, movers }: Question): Objection | undefined {
  const nodes = movers.filter(({ backend }) => backend === "vxlan");
  if (nodes.length === 0 || isVxlan(pool)) return undefined;
  const mode = pool.ipipMode === "Never" ? "neither ipipMode nor vxlanMode" : `ipipMode ${pool.ipipMode}`;
  return {
    code: "BACKEND_VXLAN",
    what: `the pool has ${mode}, and the backend of ${namesOf(nodes)} is vxlan`,
    why: "there is no BGP with this backend, so that no node learns where another's addresses are: pods reach those of their own node only",
    fix: "set vxlanMode to Always or CrossSubnet, or start the agents with CALICO_NETWORKING_BACKEND=bird",
  };
}

function withoutExport({ pool, movers }: Question): Objection | undefined {
  if (isVxlan(pool) || !pool.disableBgpExport || movers.length < 2) return undefined;
  return {
    code: "EXPORT_DISABLED",
    what: "the pool has disableBGPExport",
    why: "without vxlanMode nodes learn of each other's blocks by BGP, which is told nothing of this pool",
    fix: "set disableBGPExport to false, or vxlanMode to Always or CrossSubnet",
  };
}

function withoutBgp({ pool, cluster, movers }: Question): Objection | undefined {
  const { settings, nodes, peers } = cluster;
  if (isVxlan(pool) || settings.meshEnabled || movers.length < 2) return undefined;
  const alone = movers.filter(
    (node) => node.backend === "bird" && peerSessions(node, nodes, peers, settings).every(({ refused }) => refused),
  );
  if (alone.length === 0) return undefined;
  return {
    code: "NO_BGP_SESSION",
    what: `the mesh between nodes is off (BGPConfiguration default), and no BGPPeer gives ${namesOf(alone)} a session`,
    why: "without vxlanMode nodes learn of each other's blocks by BGP",
    fix: "set nodeToNodeMeshEnabled to true, or apply BGPPeers for these nodes",
  };
}

function acrossSubnets({ pool, family, cluster, movers }: Question): Objection | undefined {
  if (poolPath(pool).tunnel !== undefined) return undefined;
  const bird = movers.filter((node) => node.backend === "bird" && ownAddress(node, family) !== undefined);
  const [first] = bird;
  if (first === undefined) return undefined;
  // Most clusters are one subnet: then nothing more is looked at.
  if (bird.every((node) => areNear(first, node, family))) return undefined;
  const lost = lostPair(bird, family, cluster);
  if (lost === undefined) return undefined;
  const [from, to] = lost;
  const subnets = new Set(bird.map((node) => String(ownAddress(node, family)?.subnet)));
  return {
    code: "NEVER_ACROSS_SUBNETS",
    what: `the pool has neither ipipMode nor vxlanMode, and the nodes are on ${subnets.size} subnets: ${[...subnets].join(", ")}`,
    why: `a router between them that does not know the blocks drops the packets, from ${from.name} to ${to.name} for one`,
    fix: "set vxlanMode or ipipMode to CrossSubnet, or apply BGPPeers by which the router peers with the nodes of each subnet",
  };
}

/** Two nodes of different subnets that no router brings together: one peers with neither of them, or with one only. */
function lostPair(
  nodes: readonly PlanNode[],
  family: Family,
  cluster: PlanCluster,
): readonly [from: PlanNode, to: PlanNode] | undefined {
  const told = new Set(nodes.filter((node) => routerSessions(node, cluster, family).length > 0));
  for (const from of nodes) {
    const hasRouter = told.has(from) && routerOf(from, cluster, family) !== undefined;
    const to = nodes.find((node) => !areNear(from, node, family) && !(hasRouter && told.has(node)));
    if (to !== undefined) return [from, to];
  }
  return undefined;
}

const isVxlan = ({ vxlanMode }: PoolRow) => vxlanMode !== "Never";

const MOST_NAMES = 5;

/** "node1, node2 and 8 more". */
export function named(names: readonly string[]): string {
  const first = names.slice(0, MOST_NAMES).join(", ");
  const more = names.length - MOST_NAMES;
  return more <= 0 ? first : `${first} and ${more} more`;
}

function namesOf(nodes: readonly PlanNode[]): string {
  return named(nodes.map(({ name }) => name));
}

function has(nodes: readonly unknown[]): string {
  return nodes.length === 1 ? "has" : "have";
}
