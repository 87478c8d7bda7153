import { ACCEPT, type Policy, reject } from "@ocicat/bgp";
import type { PoolRow } from "@ocicat/routing";

/**
 * What external peers are told of the distance to another node's block. They hear of it from that node too, with no MED,
 * which is the nearest: so that a router on the segment sends packets to the node that has the pod.
 */
const SECOND_HAND_MED = 100;

/**
 * What peers are told, as Calico's export filter has it: nothing but what lies in pools. Without it a node with two routers
 * would tell each of what it learned from the other. Own routes were decided on already.
 */
export function exportPolicy(pools: Iterable<Pick<PoolRow, "cidr" | "disableBgpExport">>): Policy {
  const all = [...pools];
  return ({ prefix, source, attributes }, peer) => {
    if (source === undefined) return ACCEPT;
    const pool = all.find(({ cidr }) => cidr.covers(prefix));
    if (pool === undefined) return reject("in no IPPool");
    if (pool.disableBgpExport) return reject("its IPPool has disableBGPExport");
    return peer.internal ? ACCEPT : { accept: true, attributes: { ...attributes, med: SECOND_HAND_MED } };
  };
}
