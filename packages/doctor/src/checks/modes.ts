import { TUNNEL_KINDS, TUNNELS } from "@ocicat/routing";
import { type Check, check } from "../check.ts";
import { isBefore, linkNamed, selfIn, tunnelOf, withMode } from "../facts.ts";

export const MODE_CHECKS: readonly Check[] = [
  check({
    code: "BACKEND_WITHOUT_POOL",
    severity: "error",
    looksFor: "a vxlan backend without a VXLAN pool",
    needs: ["cluster"],
    *find({ cluster, node }) {
      const pools = cluster.pools.filter(({ disabled }) => !disabled);
      if (selfIn(cluster, node)?.backend !== "vxlan" || pools.some(({ vxlanMode }) => vxlanMode !== "Never")) return;
      const [first] = pools;
      yield {
        where: first === undefined ? "IPPools" : `IPPool ${first.name}`,
        what: "the backend is vxlan, and no pool has a vxlanMode",
        why: "there is no BGP with this backend, so no node learns another's blocks: pods reach only those of their own node",
        mend: first === undefined ? "ocicat get ippool" : withMode(first, "Always"),
        mendOn: "anywhere",
      };
    },
  }),
  check({
    code: "BACKEND_NONE",
    severity: "warning",
    looksFor: "backend none with pools whose addresses want routes",
    needs: ["cluster"],
    *find({ cluster, node }) {
      const pools = cluster.pools.filter(({ disabled }) => !disabled);
      if (selfIn(cluster, node)?.backend !== "none" || pools.length === 0) return;
      yield {
        where: `Node ${node}`,
        what: `the backend is none, and ${pools.map(({ name }) => `IPPool ${name}`).join(", ")} gives addresses here`,
        why: "no route to another node's pods is made by us: something else must route them",
        mend: "CALICO_NETWORKING_BACKEND=bird ocicat agent",
        sure: "possible",
      };
    },
  }),
  check({
    code: "KERNEL_WITHOUT_IPIP",
    severity: "error",
    looksFor: "an IPIP pool on a kernel that has no IPIP",
    needs: ["host", "cluster"],
    *find({ host, cluster }) {
      if (host.ipip === "loaded") return;
      for (const pool of cluster.pools) {
        if (pool.ipipMode === "Never" || pool.disabled) continue;
        yield {
          where: `IPPool ${pool.name}`,
          what: `its ipipMode is ${pool.ipipMode}, and the kernel (${host.release}) has no IPIP`,
          why: "there is no tunl0: pods of other nodes are not reached",
          ...(host.ipip === "loadable"
            ? { mend: "modprobe ipip" }
            : { mend: withMode(pool, pool.ipipMode), mendOn: "anywhere" as const }),
        };
      }
    },
  }),
  check({
    code: "VXLAN_OFFLOAD",
    severity: "warning",
    looksFor: "checksum offload of VXLAN devices on kernels where it is known to break",
    needs: ["host"],
    *find({ host }) {
      if (!isBefore(host.release, 5, 7)) return;
      for (const { name, kind, txChecksum } of host.links) {
        if (kind !== "vxlan" || txChecksum !== true) continue;
        yield {
          where: `interface ${name}`,
          what: `computes checksums late (tx-checksum-ip-generic), and the kernel is ${host.release}`,
          why: "kernels before 5.7 send wrong checksums from it: connections through NAT hang for a minute",
          mend: `ethtool -K ${name} tx-checksum-ip-generic off`,
        };
      }
    },
  }),
  check({
    code: "TUNNEL_KEPT",
    severity: "warning",
    looksFor: "a tunnel that no pool wants and that is kept because a node still sends by it",
    needs: ["host", "cluster"],
    *find({ host, cluster, node }) {
      for (const name of TUNNEL_KINDS) {
        const { device } = TUNNELS[name];
        if (linkNamed(host, device)?.up !== true || cluster.pools.some((pool) => tunnelOf(pool) === name)) continue;
        const senders = cluster.nodes.filter((row) => row.name !== node && row.sendsBy?.includes(name) === true);
        const [first] = senders;
        if (first === undefined) continue;
        yield {
          where: `interface ${device}`,
          what: `no pool wants it; ${senders.map((row) => row.name).join(", ")} still says that it sends by it`,
          why: "it stays until they have moved: an agent there is away, or waits",
          mend: "ocicat doctor",
          mendOn: { node: first.name },
        };
      }
    },
  }),
  check({
    code: "BLOCK_OF_NOBODY",
    severity: "warning",
    looksFor: "blocks that belong to nodes that do not exist",
    needs: ["cluster"],
    *find({ cluster }) {
      const known = new Set(cluster.nodes.map(({ name }) => name));
      const lost = Map.groupBy(
        cluster.affinities.filter((affinity) => !known.has(affinity.node)),
        (affinity) => affinity.node,
      );
      for (const [owner, affinities] of lost) {
        yield {
          where: affinities.map(({ block }) => `block ${block}`).join(", "),
          what: `belongs to ${owner}, and there is no such node`,
          why: "its addresses are lost to the pool",
          mend: `ocicat delete node ${owner} --skip-not-exists`,
          mendOn: "anywhere",
        };
      }
    },
  }),
];
