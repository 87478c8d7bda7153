import { parseAddress } from "@ocicat/net";
import { TUNNELS } from "@ocicat/routing";
import { type Check, check } from "../check.ts";
import {
  type ClusterFacts,
  type HostFacts,
  type LinkFact,
  linkNamed,
  linkWith,
  podBehind,
  podLinks,
  selfIn,
  tunnelsUp,
  uplinkOf,
} from "../facts.ts";
import type { Found } from "../finding.ts";

/** What pods send to; on no interface anywhere: the node answers the ARP question. */
const GATEWAY = parseAddress("169.254.1.1");

export const SWITCH_CHECKS: readonly Check[] = [
  check({
    code: "FORWARDING_OFF",
    severity: "error",
    looksFor: "a node that does not forward packets",
    needs: ["host"],
    *find({ host }) {
      if (host.settings.get("net/ipv4/ip_forward") !== "0") return;
      yield off("net/ipv4/ip_forward", "the node forwards no IPv4 packet: no pod reaches anything but the node");
    },
  }),
  check({
    code: "FORWARDING6_OFF",
    severity: "error",
    looksFor: "a node that does not forward IPv6, with an IPv6 pool",
    needs: ["host", "cluster"],
    *find({ host, cluster }) {
      const setting = "net/ipv6/conf/all/forwarding";
      if (host.settings.get(setting) !== "0" || !cluster.pools.some(({ cidr }) => cidr.family === 6)) return;
      yield off(setting, "the node forwards no IPv6 packet, and a pool has IPv6 addresses");
    },
  }),
  check({
    code: "FORWARDING_OFF_INTERFACE",
    severity: "error",
    looksFor: "an interface of pods, nodes or tunnels that does not forward",
    needs: ["host", "cluster"],
    *find({ host, cluster, node }) {
      // Where nothing is forwarded at all, that is what is told.
      if (host.settings.get("net/ipv4/ip_forward") === "0") return;
      for (const link of carriers(host, cluster, node)) {
        const setting = `net/ipv4/conf/${link.name}/forwarding`;
        if (host.settings.get(setting) === "0") yield off(setting, `what comes in by ${link.name} is not forwarded`);
      }
    },
  }),
  check({
    code: "RP_FILTER_STRICT",
    severity: "error",
    looksFor: "a strict reverse path filter on the underlay or a tunnel, while there is a tunnel",
    needs: ["host", "cluster"],
    *find({ host, cluster, node }) {
      const tunnels = tunnelsUp(host);
      if (tunnels.length === 0) return;
      const all = Number(host.settings.get("net/ipv4/conf/all/rp_filter") ?? 0);
      for (const link of [...underlay(host, cluster, node), ...tunnelLinks(host)]) {
        const setting = `net/ipv4/conf/${link.name}/rp_filter`;
        // The kernel takes the greater of the two: 1 is strict, 2 is loose.
        if (Math.max(all, Number(host.settings.get(setting) ?? 0)) !== 1) continue;
        yield {
          where: `sysctl ${setting}`,
          what: `the reverse path filter of ${link.name} is strict`,
          why: "a packet that comes by the tunnel while its answer would go without it, or the other way round, is dropped: as while a pool is switched",
          mend: `sysctl -w ${setting}=2`,
        };
      }
    },
  }),
  check({
    code: "NO_GATEWAY_ROUTE",
    severity: "error",
    looksFor: "a node without a route to 169.254.1.1, the gateway of pods",
    needs: ["host"],
    *find({ host }) {
      const covered = host.routes.some(({ kind, destination }) => kind === "unicast" && destination.has(GATEWAY));
      if (covered) return;
      yield {
        where: "main routing table",
        what: "no route leads to 169.254.1.1 (there is no default route)",
        why: "proxy ARP answers only for what the node has a route to: its pods do not reach their gateway",
        mend: `ip route add 169.254.1.1/32 dev ${uplinkOf(host)?.name ?? "eth0"}`,
      };
    },
  }),
  check({
    code: "PROXY_ARP_OFF",
    severity: "error",
    looksFor: "a pod's interface on which the node does not answer ARP",
    needs: ["host"],
    *find({ host }) {
      for (const link of podLinks(host)) {
        const setting = `net/ipv4/conf/${link.name}/proxy_arp`;
        if (host.settings.get(setting) === "0")
          yield off(setting, `${podBehind(host, link)} does not find its gateway`);
      }
    },
  }),
];

function off(setting: string, why: string): Found {
  return { where: `sysctl ${setting}`, what: "is 0", why, mend: `sysctl -w ${setting}=1` };
}

/** By which the node reaches the others. */
function underlay(host: HostFacts, cluster: ClusterFacts, node: string): readonly LinkFact[] {
  const self = selfIn(cluster, node);
  const links = [self?.ipv4, self?.ipv6].flatMap((own) =>
    own === undefined ? [] : (linkWith(host, own.address) ?? []),
  );
  return [...new Set(links)];
}

function tunnelLinks(host: HostFacts): readonly LinkFact[] {
  return tunnelsUp(host).flatMap((name) => linkNamed(host, TUNNELS[name].device) ?? []);
}

function carriers(host: HostFacts, cluster: ClusterFacts, node: string): readonly LinkFact[] {
  return [...podLinks(host), ...underlay(host, cluster, node), ...tunnelLinks(host)];
}

/** The settings that these and the other checks ask for, for whoever gathers the facts. */
export function settingsOf(linkNames: Iterable<string>): readonly string[] {
  const one = [...linkNames].flatMap((name) =>
    ["forwarding", "rp_filter", "proxy_arp"].map((setting) => `net/ipv4/conf/${name}/${setting}`),
  );
  return [...GLOBAL_SETTINGS, ...one];
}

const GLOBAL_SETTINGS = [
  "net/ipv4/ip_forward",
  "net/ipv6/conf/all/forwarding",
  "net/ipv4/conf/all/rp_filter",
  "net/ipv4/neigh/default/gc_thresh3",
] as const;
