import { formatAddress, type Prefix } from "@ocicat/net";
import { RouteProtocol, TUNNELS } from "@ocicat/routing";
import { type Check, check } from "../check.ts";
import { type HostFacts, type LinkFact, linkOf, podLinks, type RouteFact, selfIn } from "../facts.ts";

/** Interfaces by which networks are known, and whose they are. */
const NETWORKS: readonly (readonly [name: RegExp, network: string])[] = [
  [/^flannel\.\d+$|^flannel-v6\.\d+$|^flannel0$/, "flannel"],
  [/^cni0$/, "the bridge plugin, as flannel uses it"],
  [/^weave$|^vethwe-|^vxlan-6784$/, "Weave"],
  [/^cilium_(host|net|vxlan|geneve)$|^lxc_health$/, "Cilium"],
  [/^kube-bridge$/, "kube-router"],
  [/^antrea-(gw0|tun0|egress0)$/, "Antrea"],
  [/^ovn0$|^ovn-k8s-mp0$/, "OVN"],
];

const KERNEL_PROTOCOL = 2;
const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  2: "kernel",
  3: "boot",
  4: "static",
  12: "bird",
  16: "dhcp",
};

export const LEFTOVER_CHECKS: readonly Check[] = [
  check({
    code: "LEFTOVER_INTERFACE",
    severity: "warning",
    looksFor: "interfaces of another network: flannel, Weave, Cilium, kube-router, Antrea, OVN",
    needs: ["host"],
    *find({ host }) {
      for (const { name } of host.links) {
        const network = NETWORKS.find(([pattern]) => pattern.test(name))?.[1];
        if (network === undefined) continue;
        yield {
          where: `interface ${name}`,
          what: `is of another network (${network})`,
          why: "two networks on a node route the same pods and take each other's addresses",
          mend: `ip link delete ${name}`,
          sure: "likely",
        };
      }
    },
  }),
  check({
    code: "LEFTOVER_CNI_FILE",
    severity: "error",
    looksFor: "a CNI configuration of another network that the runtime reads before ours",
    needs: ["host"],
    *find({ host }) {
      const ours = host.cniFiles.findIndex(({ plugins }) => plugins.some(isOurs));
      if (ours < 0) return;
      for (const { file, name, plugins } of host.cniFiles.slice(0, ours)) {
        yield {
          where: file,
          what: `comes before ours, and is of ${name === "" ? "no network" : `network ${name}`} (${plugins.join(", ") || "it cannot be read"})`,
          why: "the container runtime takes the first file: pods are started in the other network",
          mend: `mv ${file} ${file}.off`,
        };
      }
    },
  }),
  check({
    code: "BGP_PORT_TAKEN",
    severity: "error",
    looksFor: "another program on the port of BGP, such as the BIRD of an older Calico",
    needs: ["host"],
    *find({ host }) {
      for (const { program, pid, ours } of host.listeners) {
        if (ours) continue;
        yield {
          where: `process ${pid} (${program})`,
          what: "listens on the port of BGP",
          why: "the other nodes speak with it instead of our agent, which cannot start beside it",
          mend: `kill ${pid}`,
        };
      }
    },
  }),
  check({
    code: "POOL_OVERLAPS_ROUTE",
    severity: "error",
    looksFor: "routes and interfaces of the node inside a pool",
    needs: ["host", "cluster"],
    *find({ host, cluster }) {
      for (const route of host.routes) {
        const pool = cluster.pools.find(({ cidr }) => cidr.overlaps(route.destination));
        if (pool === undefined || route.destination.length === 0 || isOurRoute(route, host)) continue;
        if (cluster.nodes.some(({ ipv4, ipv6 }) => isSubnet(route, ipv4) || isSubnet(route, ipv6))) continue;
        const link = linkOf(host, route.nextHops[0]?.linkIndex ?? 0);
        const own = route.protocol === KERNEL_PROTOCOL && link !== undefined;
        yield {
          where: `route ${route.destination}${link === undefined ? "" : ` dev ${link.name}`}`,
          what: `lies in IPPool ${pool.name} (${pool.cidr}) and is not ours (proto ${protocolName(route.protocol)})`,
          why: "packets for pods with these addresses go there",
          mend: own ? withoutAddress(host, link, route.destination) : `ip route delete ${textOf(route, link)}`,
          sure: own ? "likely" : "certain",
        };
      }
    },
  }),
  check({
    code: "POOL_OVERLAPS_NODES",
    severity: "error",
    looksFor: "a pool that holds addresses of the nodes' own subnet",
    needs: ["cluster"],
    *find({ cluster, node }) {
      const self = selfIn(cluster, node);
      for (const own of [self?.ipv4, self?.ipv6]) {
        if (own === undefined || own.subnet.isHost) continue;
        for (const pool of cluster.pools) {
          if (!pool.cidr.overlaps(own.subnet)) continue;
          yield {
            where: `IPPool ${pool.name}`,
            what: `${pool.cidr} overlaps the subnet of ${node}, ${own.subnet}`,
            why: "pods get addresses that machines have; a pool's range cannot be changed: make another pool, then take this one away",
            mend: `ocicat delete ippool ${pool.name}`,
            mendOn: "anywhere",
          };
        }
      }
    },
  }),
];

function isOurs(plugin: string): boolean {
  return plugin === "ocicat" || plugin === "calico";
}

/** The agent's own; it takes away what it does not want of them. Boot is also what `ip route add` writes. */
const CLUSTER_PROTOCOLS: ReadonlySet<number> = new Set(
  Object.values(RouteProtocol).filter((protocol) => protocol !== RouteProtocol.boot),
);

/** What the agent and its tunnels have there: cluster routes, pods, and the tunnels' own addresses. */
function isOurRoute({ protocol, nextHops }: RouteFact, host: HostFacts): boolean {
  if (CLUSTER_PROTOCOLS.has(protocol)) return true;
  const link = linkOf(host, nextHops[0]?.linkIndex ?? 0);
  if (link === undefined) return false;
  return podLinks(host).includes(link) || Object.values(TUNNELS).some(({ device }) => device === link.name);
}

function isSubnet({ destination }: RouteFact, own: { readonly subnet: Prefix } | undefined): boolean {
  return own?.subnet.equals(destination) === true;
}

function protocolName(protocol: number): string {
  return PROTOCOL_NAMES[protocol] ?? String(protocol);
}

/** As `ip route delete` takes it. */
function textOf({ kind, destination, nextHops, protocol }: RouteFact, link: LinkFact | undefined): string {
  const via = nextHops[0]?.via;
  return [
    ...(kind === "unicast" ? [] : [kind]),
    destination.toString(),
    ...(via === undefined ? [] : [`via ${formatAddress(via)}`]),
    ...(link === undefined ? [] : [`dev ${link.name}`]),
    `proto ${protocolName(protocol)}`,
  ].join(" ");
}

/** A connected route goes with its address; a bridge that other software made goes as a whole. */
function withoutAddress(host: HostFacts, link: LinkFact, subnet: Prefix): string {
  if (link.kind === "bridge") return `ip link delete ${link.name}`;
  const entry = host.addresses.find(({ linkIndex, address }) => linkIndex === link.index && subnet.has(address));
  if (entry === undefined) return `ip route delete ${subnet} dev ${link.name}`;
  return `ip address delete ${formatAddress(entry.address)}/${entry.prefixLength} dev ${link.name}`;
}
