import { type Check, check } from "../check.ts";
import { podLinks } from "../facts.ts";

/** The share of a table that is in use when it is told of. */
const NEARLY = 0.9;

export const LIMIT_CHECKS: readonly Check[] = [
  check({
    code: "NEIGHBOUR_TABLE_SMALL",
    severity: "warning",
    looksFor: "a neighbour table with less room than nodes and pods need",
    needs: ["host", "cluster"],
    *find({ host, cluster }) {
      const setting = "net/ipv4/neigh/default/gc_thresh3";
      const room = Number(host.settings.get(setting) ?? Number.POSITIVE_INFINITY);
      const needed = Math.max(host.neighbours, cluster.nodes.length + podLinks(host).length);
      if (needed <= room * NEARLY) return;
      yield {
        where: `sysctl ${setting}`,
        what: `is ${room}, for ${needed} neighbours (${cluster.nodes.length} nodes, ${podLinks(host).length} pods here)`,
        why: "a neighbour more than that is not resolved: packets to it are lost, and the kernel logs an overflow",
        mend: `sysctl -w ${setting}=${2 ** Math.ceil(Math.log2(needed * 2))}`,
      };
    },
  }),
  check({
    code: "CONNTRACK_FULL",
    severity: "error",
    looksFor: "a connection table that is nearly full",
    needs: ["host"],
    *find({ host: { connections } }) {
      if (connections === undefined || connections.max === 0 || connections.count < connections.max * NEARLY) return;
      yield {
        where: "sysctl net/netfilter/nf_conntrack_max",
        what: `${connections.count} of ${connections.max} connections are in use`,
        why: "a new connection beyond that is dropped",
        mend: `sysctl -w net/netfilter/nf_conntrack_max=${connections.max * 2}`,
      };
    },
  }),
];
