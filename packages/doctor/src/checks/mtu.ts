import { TUNNELS } from "@ocicat/routing";
import { type Check, check } from "../check.ts";
import {
  type ClusterFacts,
  type HostFacts,
  linkNamed,
  linkWith,
  podBehind,
  podLinks,
  selfIn,
  tunnelOf,
  tunnelsUp,
} from "../facts.ts";

export const MTU_CHECKS: readonly Check[] = [
  check({
    code: "MTU_TUNNEL",
    severity: "error",
    looksFor: "a tunnel whose packets, with what is put around them, do not fit the interface below",
    needs: ["host", "cluster"],
    *find({ host, cluster, node }) {
      const self = selfIn(cluster, node);
      for (const name of tunnelsUp(host)) {
        const { device, overhead, family } = TUNNELS[name];
        const own = family === 4 ? self?.ipv4 : self?.ipv6;
        const below = own === undefined ? undefined : linkWith(host, own.address);
        const tunnel = linkNamed(host, device);
        if (below === undefined || tunnel === undefined || tunnel.mtu + overhead <= below.mtu) continue;
        const setting = cluster.tunnelMtus.find((one) => one.tunnel === name);
        yield {
          where: `interface ${device}`,
          what: `its MTU ${tunnel.mtu} and ${overhead} bytes around each packet are more than ${below.name} carries, ${below.mtu}`,
          why: "full-size packets are cut up or lost: connections open, and stand still at the first large answer",
          ...(setting === undefined
            ? { mend: `ip link set ${device} mtu ${below.mtu - overhead}` }
            : { mend: without(setting), mendOn: "anywhere" as const }),
        };
      }
    },
  }),
  check({
    code: "MTU_POD",
    severity: "warning",
    looksFor: "pods whose MTU is larger than what the pool's mode allows now",
    needs: ["host", "cluster"],
    *find({ host, cluster, node }) {
      const limits = podMtu(host, cluster, node);
      if (limits === undefined) return;
      for (const link of podLinks(host)) {
        if (link.mtu <= limits.mtu) continue;
        yield {
          where: podBehind(host, link),
          what: `has an MTU of ${link.mtu}, and ${limits.mtu} is what passes: ${limits.because}`,
          why: "it was started before; each connection has to learn the smaller size from ICMP, and where ICMP is filtered it stands still",
          mend: bothEnds(link.name, limits.mtu),
        };
      }
    },
  }),
];

/** The agent takes it up when it starts. */
function without({ configuration, field }: ClusterFacts["tunnelMtus"][number]): string {
  return `ocicat get felixconfiguration ${configuration} -o yaml | sed '/${field}:/d' | ocicat apply -f -`;
}

/** The pod's end first: a larger packet than the other end takes would be dropped without a word. */
function bothEnds(name: string, mtu: number): string {
  const pod = `"$(ip link show ${name} | sed -n 's/.*link-netns //p')"`;
  return `ip -n ${pod} link set eth0 mtu ${mtu} && ip link set ${name} mtu ${mtu}`;
}

/** The most that passes between pods, and by whose doing. */
export function podMtu(
  host: HostFacts,
  cluster: ClusterFacts,
  node: string,
): { readonly mtu: number; readonly because: string } | undefined {
  const self = selfIn(cluster, node);
  const candidates = cluster.pools.flatMap((pool) => {
    if (pool.disabled) return [];
    const tunnel = tunnelOf(pool);
    const family = tunnel === undefined ? pool.cidr.family : TUNNELS[tunnel].family;
    const own = family === 4 ? self?.ipv4 : self?.ipv6;
    const below = own === undefined ? undefined : linkWith(host, own.address);
    if (below === undefined) return [];
    const overhead = tunnel === undefined ? 0 : TUNNELS[tunnel].overhead;
    const because =
      tunnel === undefined
        ? `${below.name} carries ${below.mtu}`
        : `${below.name} carries ${below.mtu}, and pool ${pool.name} puts ${overhead} bytes around each packet`;
    return [{ mtu: below.mtu - overhead, because }];
  });
  return candidates.toSorted((a, b) => a.mtu - b.mtu)[0];
}
