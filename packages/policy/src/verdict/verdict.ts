import { type Address, familyOf } from "@ocicat/net";
import type { Endpoint, Host, Workload } from "../model/endpoint.ts";
import type { PolicyModel } from "../model/model.ts";
import { type Packet, Protocol } from "../model/packet.ts";
import type { Direction, Stage } from "../model/policy.ts";
import { fixed, judge, outcomeOf, upToDecision, walkOf } from "./judge.ts";
import { has } from "./match.ts";
import type { Step, Verdict, Walk } from "./walk.ts";

/**
 * What policy says to a packet that opens a connection: the reference that everything faster is compared with. It follows
 * from the model alone, by looking at all of it.
 *
 *     workload ── its egress ── [its node's host endpoint, forward] ──►
 *                                             ──► [host endpoint: untracked, preDNAT, forward] ── its ingress ── workload
 *     a node ──── [host endpoint: untracked, normal] ──►
 *                                             ──► [host endpoint: untracked, preDNAT, normal] ── a node
 *
 * The two sides are on one node or on two. Who is at an end is told by address; what belongs to nothing in the model is
 * outside, where nothing is judged. The packet's addresses are those that endpoints see: after a service's translation.
 */
export function verdict(packet: Packet, model: PolicyModel): Verdict {
  const source = placeOf(packet.source, model);
  const destination = placeOf(packet.destination, model);
  const egress = egressOf(packet, source, destination, model);
  if (egress !== undefined && !egress.allowed) return { allowed: false, egress };
  const ingress = ingressOf(packet, source, destination, model);
  return {
    allowed: ingress?.allowed ?? true,
    ...(egress === undefined ? {} : { egress }),
    ...(ingress === undefined ? {} : { ingress }),
  };
}

/** Who is at an address. */
interface Place {
  /** Undefined outside. */
  readonly node: string | undefined;
  /** Undefined for a node itself, and outside. */
  readonly workload: Workload | undefined;
  /** The host endpoint at which packets leave and reach the node; undefined where there is none. */
  readonly host: Host | undefined;
}

function placeOf(address: Address, model: PolicyModel): Place {
  const workload = model.endpoints.find(
    (endpoint): endpoint is Workload => endpoint.kind === "workload" && has(endpoint.addresses, address),
  );
  const node = workload?.node ?? nodeAt(address, model);
  return { node, workload, host: node === undefined ? undefined : hostEndpointOf(node, address, model) };
}

function nodeAt(address: Address, { nodes = [], endpoints }: PolicyModel): string | undefined {
  return (
    nodes.find(({ addresses }) => has(addresses, address)) ??
    endpoints.find((endpoint) => endpoint.kind === "host" && has(endpoint.addresses, address))
  )?.node;
}

/**
 * The node's interface of the address has an endpoint of its own, or is one of all (`*`). For what a node forwards, and where
 * its interfaces are not known, it is the one for all, or else the first.
 */
function hostEndpointOf(node: string, address: Address, { nodes = [], endpoints }: PolicyModel): Host | undefined {
  const all = endpoints.filter((endpoint): endpoint is Host => endpoint.kind === "host" && endpoint.node === node);
  const at = nodes.find((candidate) => candidate.node === node && has(candidate.addresses, address))?.name;
  return (
    all.find(({ interfaceName }) => at !== undefined && interfaceName === at) ??
    all.find(({ interfaceName, addresses }) => interfaceName !== "*" && has(addresses, address)) ??
    all.find(({ interfaceName }) => interfaceName === "*") ??
    (at === undefined ? all[0] : undefined)
  );
}

function egressOf(packet: Packet, source: Place, destination: Place, model: PolicyModel): Walk | undefined {
  const isLocal = source.node !== undefined && source.node === destination.node;
  const { workload, host, node } = source;
  if (workload !== undefined) {
    const isToHost = isLocal && destination.workload === undefined;
    if (isToHost && isNeighbourDiscovery(packet)) {
      return walk("egress", [() => [fixed({ endpoint: workload, stage: "normal" }, "neighbour discovery", "allow")]]);
    }
    return walk("egress", [
      () => judge({ packet, endpoint: workload, direction: "egress", stage: "normal" }, model),
      () => (isLocal ? [] : stages(packet, host, "egress", ["forward"], model)),
      () => (isToHost ? [endpointToHost(workload, model)] : []),
    ]);
  }
  if (node === undefined || isLocal) return undefined;
  return host === undefined
    ? undefined
    : walk("egress", [() => stages(packet, host, "egress", ["untracked", "normal"], model)]);
}

function ingressOf(packet: Packet, source: Place, destination: Place, model: PolicyModel): Walk | undefined {
  const isLocal = source.node !== undefined && source.node === destination.node;
  const { workload, host } = destination;
  if (workload !== undefined) {
    if (isLocal && source.workload === undefined) {
      return walk("ingress", [() => [fixed({ endpoint: workload, stage: "normal" }, "own workload", "allow")]]);
    }
    return walk("ingress", [
      () => (isLocal ? [] : stages(packet, host, "ingress", ["untracked", "preDnat", "forward"], model)),
      () => judge({ packet, endpoint: workload, direction: "ingress", stage: "normal" }, model),
    ]);
  }
  if (host === undefined || isLocal) return undefined;
  return walk("ingress", [() => stages(packet, host, "ingress", ["untracked", "preDnat", "normal"], model)]);
}

/** Part for part, each asked only if none before it has denied. */
function walk(direction: Direction, parts: readonly (() => readonly Step[])[]): Walk {
  const steps: Step[] = [];
  for (const part of parts) {
    steps.push(...part());
    if (outcomeOf(steps) === "deny") break;
  }
  return walkOf(direction, steps);
}

/** Stage for stage of a host endpoint, until one decides. */
function stages(
  packet: Packet,
  host: Host | undefined,
  direction: Direction,
  wanted: readonly Stage[],
  model: PolicyModel,
): readonly Step[] {
  if (host === undefined) return [];
  return upToDecision(wanted.flatMap((stage) => judge({ packet, endpoint: host, direction, stage }, model)));
}

/** Multicast listeners, router solicitation, neighbours: RFC 4861 §4, RFC 2710 §3. Nobody is to cut these off by a policy. */
const DISCOVERY: readonly number[] = [130, 131, 132, 133, 135, 136];

function isNeighbourDiscovery({ protocol, icmp, source }: Packet): boolean {
  return familyOf(source) === 6 && protocol === Protocol.icmpv6 && icmp !== undefined && DISCOVERY.includes(icmp.type);
}

const OUTCOMES = { drop: "deny", accept: "allow", return: "next" } as const;

function endpointToHost(endpoint: Endpoint, { settings }: PolicyModel): Step {
  return fixed({ endpoint, stage: "normal" }, "endpoint to host", OUTCOMES[settings.endpointToHost]);
}
