import type { PoolRow } from "../inputs.ts";
import { wantedTunnels } from "../pool-path.ts";
import { TUNNEL_KINDS, TUNNELS, type TunnelKind } from "../tunnels.ts";
import type { PlanNode } from "./cluster.ts";

/** One thing that nodes do; each by itself, as soon as what it waits for is so. */
export interface PlanStep {
  readonly nodes: readonly string[];
  readonly when: string;
  readonly does: string;
}

export interface PoolChange {
  /** Undefined: the pool is new. */
  readonly before: PoolRow | undefined;
  readonly after: PoolRow;
  readonly poolsBefore: readonly PoolRow[];
  readonly poolsAfter: readonly PoolRow[];
}

/**
 * What nodes do, in the order in which it can happen: the protocol by which agents take up and give up tunnels under
 * traffic (`agent/src/tunnels/protocol.ts`), in words.
 */
export function stepsOf(change: PoolChange, nodes: readonly PlanNode[]): readonly PlanStep[] {
  const kinds = (choose: (node: PlanNode, kind: TunnelKind) => boolean) =>
    TUNNEL_KINDS.flatMap((kind) => {
      const members = nodes.filter((node) => choose(node, kind)).map(({ name }) => name);
      return members.length === 0 ? [] : [{ kind, members }];
    });
  const wants = (pools: readonly PoolRow[], node: PlanNode, kind: TunnelKind) =>
    wantedTunnels(pools, node.backend).has(kind);
  const taken = kinds((node, kind) => wants(change.poolsAfter, node, kind) && !wants(change.poolsBefore, node, kind));
  const given = kinds((node, kind) => !wants(change.poolsAfter, node, kind) && wants(change.poolsBefore, node, kind));
  const movers = nodes.filter(({ backend }) => backend !== "none").map(({ name }) => name);
  return [
    ...taken.map(({ kind, members }) => takeUp(kind, members)),
    ...move(
      change,
      taken.map(({ kind }) => kind),
      movers,
    ),
    ...given.flatMap(({ kind, members }) => giveUp(kind, members)),
    ...nat(change, movers),
  ];
}

function takeUp(kind: TunnelKind, nodes: readonly string[]): PlanStep {
  const { device, title } = TUNNELS[kind];
  return {
    nodes,
    when: "it sees the pool's change",
    does: `makes ${device} with an address of the pool, then publishes it and declares that it sends by ${title}, in its Node`,
  };
}

function move({ before, after }: PoolChange, taken: readonly TunnelKind[], nodes: readonly string[]): PlanStep[] {
  if (nodes.length === 0 || (before?.ipipMode === after.ipipMode && before.vxlanMode === after.vxlanMode)) return [];
  const [kind] = taken;
  if (kind === undefined) return [{ nodes, when: "it sees the pool's change", does: "moves its routes" }];
  return [
    {
      nodes,
      when: "it sees its own declaration",
      does: `moves its routes to ${TUNNELS[kind].device}, each once the other node has published; until then the packets go as before`,
    },
  ];
}

function giveUp(kind: TunnelKind, nodes: readonly string[]): PlanStep[] {
  const { device, title } = TUNNELS[kind];
  return [
    {
      nodes,
      when: `no route of its own leads through ${device}`,
      does: `takes back the declaration that it sends by ${title}`,
    },
    {
      nodes,
      when: `no node declares that it sends by ${title}`,
      does: `withdraws its address, then removes ${device} and gives the address back to the pool`,
    },
  ];
}

function nat({ before, after }: PoolChange, nodes: readonly string[]): PlanStep[] {
  if (nodes.length === 0 || (before?.natOutgoing ?? false) === after.natOutgoing) return [];
  const does = after.natOutgoing
    ? "masquerades new connections from the pool to the outside of every pool"
    : "masquerades no more new connections from the pool: the outside must know the way back to the pods";
  return [{ nodes, when: "it sees the pool's change", does }];
}
