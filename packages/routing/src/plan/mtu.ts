import type { PoolRow } from "../inputs.ts";
import { wantedTunnels } from "../pool-path.ts";
import { TUNNELS, type TunnelKind } from "../tunnels.ts";
import type { PoolChange } from "./steps.ts";

/** What becomes of pods' MTU: the interface's less the largest overhead of the tunnels in use. */
export interface MtuConsequence {
  /** Bytes that tunnels take of each packet, before and after. */
  readonly overheadBefore: number;
  readonly overheadAfter: number;
  readonly text: string;
}

const ETHERNET = 1500;

export function mtuOf({ poolsBefore, poolsAfter }: PoolChange): MtuConsequence {
  const [overheadBefore, overheadAfter] = [largestOverhead(poolsBefore), largestOverhead(poolsAfter)];
  return { overheadBefore, overheadAfter, text: tell(overheadBefore, overheadAfter, largestTunnel(poolsAfter)) };
}

function tell(before: number, after: number, by: TunnelKind | undefined): string {
  if (before === after) return "pods' MTU stays as it is";
  const taken = by === undefined ? "no tunnel takes anything of it" : `${TUNNELS[by].title} takes ${after} bytes`;
  const fresh = `pods made from now on get ${ETHERNET - after} where the interface has ${ETHERNET}: ${taken}`;
  return after > before
    ? `${fresh}; pods that run keep ${ETHERNET - before} until they are made again, and what is too large for the way is ` +
        "answered by ICMP (fragmentation needed), by which connections shrink their packets: ICMP must not be filtered"
    : `${fresh}; pods that run keep ${ETHERNET - before} until they are made again, and lose nothing by it`;
}

function largestOverhead(pools: readonly PoolRow[]): number {
  const kind = largestTunnel(pools);
  return kind === undefined ? 0 : TUNNELS[kind].overhead;
}

function largestTunnel(pools: readonly PoolRow[]): TunnelKind | undefined {
  return [...wantedTunnels(pools, "bird")].sort((a, b) => TUNNELS[b].overhead - TUNNELS[a].overhead)[0];
}
