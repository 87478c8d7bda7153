import { ACCEPT, type Policy, reject } from "@ocicat/bgp";
import type { PoolRow } from "@ocicat/routing";

/**
 * What external peers are told of the distance to another node's block. They hear of it from that node too, with no MED,
 * which is the nearest: so that a router on the segment sends packets to the node that has the pod.
 */
const SECOND_HAND_MED = 100;

type ExportedPool = Pick<PoolRow, "cidr" | "disableBgpExport">;

/** `exportPolicy` that is the same function for as long as it decides alike: another one makes the speaker look at all routes. */
export function exportPolicies(): (pools: Iterable<ExportedPool>) => Policy {
  let known: { readonly key: string; readonly policy: Policy } | undefined;
  return (pools) => {
    const all = [...pools];
    const key = all
      .map(({ cidr, disableBgpExport }) => `${cidr} ${disableBgpExport}`)
      .sort()
      .join();
    if (known?.key !== key) known = { key, policy: exportPolicy(all) };
    return known.policy;
  };
}

/**
 * What peers are told, as Calico's export filter has it: nothing but what lies in pools. Without it a node with two routers
 * would tell each of what it learned from the other. Own routes were decided on already.
 */
export function exportPolicy(pools: readonly ExportedPool[]): Policy {
  return ({ prefix, source, attributes }, peer) => {
    if (source === undefined) return ACCEPT;
    const pool = pools.find(({ cidr }) => cidr.covers(prefix));
    if (pool === undefined) return reject("in no IPPool");
    if (pool.disableBgpExport) return reject("its IPPool has disableBGPExport");
    return peer.internal ? ACCEPT : { accept: true, attributes: { ...attributes, med: SECOND_HAND_MED } };
  };
}
