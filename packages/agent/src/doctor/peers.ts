import {
  type Answer,
  type ClusterFacts,
  type ClusterNode,
  type HostFacts,
  linkNamed,
  linkWith,
  type PeerFact,
  podLinks,
  type SessionFact,
  selfIn,
  type TunnelName,
} from "@ocicat/doctor";
import { type Address, compareAddresses, formatAddress } from "@ocicat/net";
import { TUNNEL_KINDS, TUNNELS } from "@ocicat/routing";
import { type ProbeTools, probeEcho, probePort } from "./probe.ts";

/** Nodes asked at once. */
const AT_ONCE = 128;
/** What every IP network carries (RFC 791, RFC 8200). */
const SMALLEST = { ipv4: 576, ipv6: 1280 } as const;

export interface PeersOptions {
  readonly node: string;
  readonly host: HostFacts;
  readonly cluster: ClusterFacts;
  /** Those that there are to be; none are known of an agent that is away. */
  readonly sessions: readonly SessionFact[];
}

/** Asks every other node, over the network, whatever there is to be between it and this one. */
export async function askPeers(options: PeersOptions, tools: ProbeTools): Promise<readonly PeerFact[]> {
  const { node, cluster } = options;
  const others = cluster.nodes.filter(({ name }) => name !== node);
  const peers: PeerFact[] = [];
  for (let first = 0; first < others.length; first += AT_ONCE) {
    const batch = others.slice(first, first + AT_ONCE);
    peers.push(...(await Promise.all(batch.map((other) => askNode(other, options, tools)))).flat());
  }
  return peers;
}

/** By each family that both have. */
async function askNode(other: ClusterNode, options: PeersOptions, tools: ProbeTools): Promise<readonly PeerFact[]> {
  const self = selfIn(options.cluster, options.node);
  const asked = (["ipv4", "ipv6"] as const).map(async (family) => {
    const [own, its] = [self?.[family]?.address, other[family]?.address];
    // An address that is not on this host cannot be asked from, and is told of elsewhere.
    if (own === undefined || its === undefined || linkWith(options.host, own) === undefined) return [];
    if (compareAddresses(own, its) === 0) return [];
    return [await askAddress(other, own, its, SMALLEST[family], options, tools)];
  });
  return (await Promise.all(asked)).flat();
}

async function askAddress(
  other: ClusterNode,
  own: Address,
  its: Address,
  smallest: number,
  options: PeersOptions,
  tools: ProbeTools,
): Promise<PeerFact> {
  const { host, cluster } = options;
  const session = options.sessions.find(({ address }) => address === formatAddress(its));
  const used = tunnelsTo(other, own, its, options);
  const bytes = fullSize(own, its, used, host);
  const [echo, full, bgp, tunnels] = await Promise.all([
    probeEcho(tools, own, its),
    bytes === undefined ? undefined : probeFull(tools, own, its, bytes, smallest),
    session === undefined
      ? undefined
      : probePort(tools, own, its, cluster.bgpPort).then((answer) => ({
          port: cluster.bgpPort,
          state: session.state,
          answer,
        })),
    Promise.all(used.map(async ({ name, from, to }) => ({ name, answer: await probeEcho(tools, from, to) }))),
  ]);
  return { node: other.name, address: its, echo, full, bgp, tunnels };
}

interface UsedTunnel {
  readonly name: TunnelName;
  readonly from: Address;
  readonly to: Address;
}

/** Tunnels that a route to this node leads through: in CrossSubnet, none within the subnet. */
function tunnelsTo(other: ClusterNode, own: Address, its: Address, options: PeersOptions): readonly UsedTunnel[] {
  const { host, cluster, node } = options;
  return TUNNEL_KINDS.flatMap((name) => {
    const device = linkNamed(host, TUNNELS[name].device);
    const [from, to] = [selfIn(cluster, node)?.tunnels[name], other.tunnels[name]];
    if (device?.up !== true || from === undefined || to === undefined || typeof from !== typeof own) return [];
    // VXLAN's next hop is the other end's address, IPIP's the node's.
    const via = name === "ipip" ? its : to;
    const isUsed = host.routes.some(({ nextHops }) =>
      nextHops.some(
        (hop) => hop.linkIndex === device.index && hop.via !== undefined && compareAddresses(hop.via, via) === 0,
      ),
    );
    return isUsed ? [{ name, from, to }] : [];
  });
}

/** Of the largest packet that goes between the nodes for their pods: those of a tunnel with what is put around them. */
function fullSize(own: Address, its: Address, used: readonly UsedTunnel[], host: HostFacts): number | undefined {
  const below = linkWith(host, own);
  if (below === undefined) return undefined;
  const direct = host.routes.some(
    ({ destination, nextHops }) =>
      destination.length > 0 &&
      nextHops.some(
        ({ via, linkIndex }) => linkIndex === below.index && via !== undefined && compareAddresses(via, its) === 0,
      ),
  );
  const wrapped = used.map(({ name }) => (linkNamed(host, TUNNELS[name].device)?.mtu ?? 0) + TUNNELS[name].overhead);
  const plain = direct ? podLinks(host).map(({ mtu }) => mtu) : [];
  const largest = Math.max(0, ...wrapped, ...plain);
  return largest === 0 ? undefined : Math.min(below.mtu, largest);
}

async function probeFull(
  tools: ProbeTools,
  own: Address,
  its: Address,
  bytes: number,
  smallest: number,
): Promise<{ readonly bytes: number; readonly answer: Answer; readonly passes: number }> {
  const answer = await probeEcho(tools, own, its, bytes);
  if (answer.came === "answer") return { bytes, answer, passes: bytes };
  const passing = async (size: number) => (await probeEcho(tools, own, its, size, "brisk")).came === "answer";
  if (!(await passing(smallest))) return { bytes, answer, passes: 0 };
  // Between what passes and what does not, by halves: some ten questions.
  let [passes, fails] = [smallest, bytes];
  while (fails - passes > 1) {
    const middle = Math.floor((passes + fails) / 2);
    if (await passing(middle)) passes = middle;
    else fails = middle;
  }
  return { bytes, answer, passes };
}
