import { formatAddress } from "@ocicat/net";
import type { Allocation } from "./rows.ts";
import { type ClusterState, namesContainer } from "./state.ts";
import type { Reason, Verdict } from "./verdict.ts";

/**
 * Whether a handle is garbage. All or none: while one of its addresses may be in use, none is touched.
 *
 *     nothing is held          ─► the handle is of nobody
 *     every holder is dead     ─► its addresses are given back
 *     else, if it miscounts    ─► it is made to count right
 */
export function judgeHandle(state: ClusterState, id: string): Verdict | undefined {
  const held = [...state.allocationsOf(id)];
  const dead = judgeHolders(state, held);
  if (dead !== undefined) return releaseOf(state, id, held, dead.reason, dead.why);
  return miscount(state, id, held);
}

/** A verdict to give back all that a handle holds. */
export function releaseOf(
  state: ClusterState,
  id: string,
  held: readonly Allocation[],
  reason: Reason,
  why: string,
): Verdict {
  const handle = state.handles.get(id);
  const handleRevision = handle?.revision;
  const blocks = new Set(held.map(({ block }) => `${block.prefix}`));
  const handleStays = [...(handle?.counts.keys() ?? [])].some((cidr) => !blocks.has(cidr));
  const endpoints = state.endpointsFollowPods ? [] : state.endpointsNaming(id);
  const goneNodes = reason === "node-gone" ? [...new Set(held.flatMap(({ node }) => node ?? []))] : [];
  const names = held.map(({ address, sequence }) => `${formatAddress(address)}@${sequence}`).sort();
  return {
    subject: `handle ${id}`,
    reason,
    why,
    evidence: `${handleRevision} ${names.join(" ")}`,
    node: held[0]?.node,
    action: { do: "release", handleId: id, handleRevision, handleStays, allocations: held, endpoints, goneNodes },
  };
}

interface Death {
  readonly reason: "container-gone" | "node-gone";
  readonly why: string;
}

function judgeHolders(state: ClusterState, held: readonly Allocation[]): Death | undefined {
  const deaths = held.map((allocation) => judgeHolder(state, allocation));
  const [first] = deaths;
  if (first === undefined || deaths.includes(undefined)) return undefined;
  // With both reasons the weaker one: of a container we know only that nobody names it.
  return deaths.find((death) => death?.reason === "container-gone") ?? first;
}

/** Undefined: it lives, or cannot be shown to be dead. */
function judgeHolder(state: ClusterState, allocation: Allocation): Death | undefined {
  const { kind, node, handleId } = allocation;
  if (kind === "other" || node === undefined) return undefined;
  const endpoints = state.endpointsNaming(handleId);
  if (endpoints.some((endpoint) => state.nodes.has(endpoint.node))) return undefined;
  if (!state.nodes.has(node)) return { reason: "node-gone", why: `node ${node} does not exist` };
  if (kind !== "container" || endpoints.length > 0) return undefined;
  if (!mayBeShownDead(state, allocation)) return undefined;
  const who = allocation.pod === undefined ? "the container" : `the container of pod ${allocation.pod}`;
  return { reason: "container-gone", why: `there is no WorkloadEndpoint of ${who}, and none with this address` };
}

/** That nobody names a container shows something only where its name is known and all endpoints could be read. */
function mayBeShownDead(state: ClusterState, { handleId, address }: Allocation): boolean {
  if (!namesContainer(handleId)) return false;
  // A pod may outlive its node for a while, and say an address that is another's by now.
  if ([...state.endpointsWith(formatAddress(address))].some(({ node }) => state.nodes.has(node))) return false;
  return ![...state.unreadable.keys()].some((key) => key.includes("/workloadendpoints/"));
}

function miscount(state: ClusterState, id: string, held: readonly Allocation[]): Verdict | undefined {
  const handle = state.handles.get(id);
  const actual = new Map<string, number>();
  const keys = new Set<string>();
  for (const { block } of held) {
    const cidr = `${block.prefix}`;
    actual.set(cidr, (actual.get(cidr) ?? 0) + 1);
    keys.add(block.key);
  }
  const counts = handle?.counts ?? new Map<string, number>();
  const wrong = [...new Set([...actual.keys(), ...counts.keys()])].filter(
    (cidr) => (actual.get(cidr) ?? 0) !== (counts.get(cidr) ?? 0),
  );
  if (wrong.length === 0 && (handle === undefined || counts.size > 0)) return undefined;
  // Of a block that cannot be read nobody knows what it gives.
  const named = [...counts.keys()].map(keyOfCidr);
  if (named.some((key) => state.unreadable.has(key))) return undefined;
  if (handle === undefined && held.every(({ kind }) => kind === "other")) return undefined;
  return {
    subject: `handle ${id}`,
    reason: "handle-wrong",
    why: describe(handle !== undefined, wrong, counts, actual),
    evidence: `${handle?.revision} ${wrong.join(" ")}`,
    node: held[0]?.node,
    action: {
      do: "recount",
      handleId: id,
      handleRevision: handle?.revision,
      blocks: [...new Set([...keys, ...named])],
    },
  };
}

function describe(
  exists: boolean,
  wrong: readonly string[],
  counts: ReadonlyMap<string, number>,
  actual: ReadonlyMap<string, number>,
): string {
  if (!exists) return "addresses are held under it, and it does not exist";
  if (actual.size === 0) return "it holds no address";
  const first = wrong[0] ?? "";
  return `it counts ${counts.get(first) ?? 0} addresses in ${first}, which gives it ${actual.get(first) ?? 0}`;
}

function keyOfCidr(cidr: string): string {
  return `/calico/ipam/v2/assignment/ipv${cidr.includes(":") ? 6 : 4}/block/${cidr.replace("/", "-")}`;
}
