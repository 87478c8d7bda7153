import { LOAD_BALANCER } from "@ocicat/ipam";
import type { AffinityRow, BlockRow } from "./rows.ts";
import type { ClusterState } from "./state.ts";
import type { Action, Reason, Verdict } from "./verdict.ts";

/**
 * Whether a block, or what is said of who has it, is garbage. The block is the truth; affinities follow it.
 *
 *     its node does not exist                          ─► it is given up: deleted, or left to those who hold addresses
 *     an affinity that is pending, or stands alone     ─► made to say what the block says
 *     nobody's, and unused                             ─► deleted
 *     unused, and its node has another                 ─► given up
 *     unused, of services                              ─► given up
 */
export function judgeBlock(state: ClusterState, block: BlockRow | undefined, place: string): Verdict | undefined {
  const affinities = [...state.affinitiesTo(place)].sort((a, b) => (a.key < b.key ? -1 : 1));
  const facts = { state, block, affinities, place };
  return ofGoneNode(facts) ?? halfDone(facts) ?? ofNobody(facts) ?? idle(facts);
}

interface Facts {
  readonly state: ClusterState;
  readonly block: BlockRow | undefined;
  readonly affinities: readonly AffinityRow[];
  readonly place: string;
}

function ofGoneNode({ state, block, affinities, place }: Facts): Verdict | undefined {
  const owner = block?.owner;
  if (block === undefined || owner?.type !== "host" || state.nodes.has(owner.name)) return undefined;
  const action: Action = {
    do: "give-up",
    prefix: block.prefix,
    owner,
    onlyUnused: false,
    sequence: undefined,
    affinities: affinities.filter((each) => each.owner.type === "host" && each.owner.name === owner.name),
    keeps: undefined,
    goneNodes: [owner.name],
  };
  return {
    ...verdict(place, "block-of-gone-node", `node ${owner.name} does not exist`, action),
    node: owner.name,
    // Writes to a block of a node that is gone are others' releases: they do not begin the grace period anew.
    evidence: owner.name,
  };
}

function halfDone({ state, block, affinities, place }: Facts): Verdict | undefined {
  const [first] = affinities;
  const prefix = block?.prefix ?? first?.prefix;
  if (prefix === undefined || (block === undefined && state.unreadable.size > 0 && isUnreadable(state, place))) {
    return undefined;
  }
  const wrong = affinities.find((each) => !isRight(block, each));
  const isUnnamed = block?.owner !== undefined && !affinities.some((each) => isOwner(block, each));
  if (wrong === undefined && !isUnnamed) return undefined;
  const node = wrong?.owner.type === "host" ? wrong.owner.name : block?.owner?.name;
  return {
    ...verdict(place, "affinity-half-done", explain(block, wrong), { do: "align", prefix, affinities }),
    node,
    evidence: `${block?.affinity} ${affinities.map(({ key, revision }) => `${key}@${revision}`).join(" ")}`,
  };
}

function ofNobody({ block, affinities, place }: Facts): Verdict | undefined {
  if (block?.affinity !== null || !block.isUnused) return undefined;
  const action: Action = {
    do: "give-up",
    prefix: block.prefix,
    owner: undefined,
    onlyUnused: true,
    sequence: block.sequence,
    affinities,
    keeps: undefined,
    goneNodes: [],
  };
  return {
    ...verdict(place, "block-of-nobody", "it is nobody's, and nobody has an address of it", action),
    evidence: `${block.sequence}`,
  };
}

function idle({ state, block, affinities, place }: Facts): Verdict | undefined {
  const owner = block?.owner;
  if (block === undefined || owner === undefined || !block.isUnused) return undefined;
  // A node's last block has a route to it; what services have no address of is nobody's.
  const isOfServices = owner.type === LOAD_BALANCER.type && owner.name === LOAD_BALANCER.name;
  const keeps = owner.type === "host" ? anotherOf(state, owner.name, block) : undefined;
  if (keeps === undefined && !isOfServices) return undefined;
  const action: Action = {
    do: "give-up",
    prefix: block.prefix,
    owner,
    onlyUnused: true,
    sequence: block.sequence,
    affinities: affinities.filter((each) => isOwner(block, each)),
    keeps,
    goneNodes: [],
  };
  const why =
    keeps === undefined
      ? "no service has an address of it"
      : `nobody has an address of it, and ${owner.name} has ${keeps.prefix} as well`;
  const node = isOfServices ? undefined : owner.name;
  return { ...verdict(place, "block-idle", why, action), node, evidence: `${block.sequence}` };
}

/** A confirmed block of the node's besides this one, of the same family: one with addresses in use if there is any. */
function anotherOf(state: ClusterState, node: string, block: BlockRow): AffinityRow | undefined {
  const others = [...state.affinitiesOf(node)].filter(
    (each) =>
      each.state === "confirmed" && each.prefix.family === block.prefix.family && !each.prefix.equals(block.prefix),
  );
  const used = new Set(
    [...state.blocksOf(`host:${node}`)].filter(({ isUnused }) => !isUnused).map(({ prefix }) => `${prefix}`),
  );
  return others.find(({ prefix }) => used.has(`${prefix}`)) ?? others[0];
}

function isOwner(block: BlockRow, { owner }: AffinityRow): boolean {
  return block.owner?.type === owner.type && block.owner.name === owner.name;
}

function isRight(block: BlockRow | undefined, affinity: AffinityRow): boolean {
  return affinity.state === "confirmed" && block !== undefined && isOwner(block, affinity);
}

function isUnreadable(state: ClusterState, place: string): boolean {
  return [...state.unreadable.keys()].some((key) => key.endsWith(`/block/${place.replace("/", "-")}`));
}

function explain(block: BlockRow | undefined, wrong: AffinityRow | undefined): string {
  if (wrong === undefined) return `the block is ${block?.affinity}'s, who has no affinity to it`;
  const name = wrong.owner.type === "host" ? wrong.owner.name : `${wrong.owner.type}:${wrong.owner.name}`;
  if (block === undefined) return `${name} has an affinity (${wrong.state}) to a block that does not exist`;
  if (isOwner(block, wrong)) return `the affinity of ${name} to its block stayed ${wrong.state}`;
  return `${name} has an affinity (${wrong.state}) to a block that is ${block.affinity ?? "nobody"}'s`;
}

function verdict(place: string, reason: Reason, why: string, action: Action): Omit<Verdict, "evidence"> {
  return { subject: `block ${place}`, reason, why, node: undefined, action };
}
