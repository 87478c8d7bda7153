import type { Address } from "@ocicat/net";
import type { Host, Workload } from "../model/endpoint.ts";
import type { PolicyModel } from "../model/model.ts";
import type { Packet } from "../model/packet.ts";
import { walkOf } from "./judge.ts";
import { has } from "./match.ts";
import { entering, type Gate, leaving, unlessDenied } from "./passage.ts";
import type { Verdict, Walk } from "./walk.ts";

/**
 * What policy says to a packet that opens a connection: the reference that everything faster is compared with. It follows
 * from the model alone, by looking at all of it.
 *
 *     workload ── [* preDNAT, forward] ── its egress ── [host endpoint: forward] ──►
 *                      ──► [host endpoint: untracked, preDNAT, forward] ── its ingress ── [* forward] ── workload
 *     a node ──── [host endpoint: untracked, normal] ──►
 *                      ──► [host endpoint: untracked, preDNAT, normal] ── a node
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
  /** The node's host endpoint of all interfaces (`*`). */
  readonly everywhere: Host | undefined;
}

function placeOf(address: Address, model: PolicyModel): Place {
  const workload = model.endpoints.find(
    (endpoint): endpoint is Workload => endpoint.kind === "workload" && has(endpoint.addresses, address),
  );
  const node = workload?.node ?? nodeAt(address, model);
  const hosts = model.endpoints.filter(
    (endpoint): endpoint is Host => endpoint.kind === "host" && endpoint.node === node,
  );
  const everywhere = hosts.find(({ interfaceName }) => interfaceName === "*");
  return { node, workload, host: hostEndpointAt(address, hosts, model), everywhere };
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
function hostEndpointAt(address: Address, all: readonly Host[], { nodes = [] }: PolicyModel): Host | undefined {
  const at = nodes.find(({ node, addresses }) => node === all[0]?.node && has(addresses, address))?.name;
  return (
    all.find(({ interfaceName }) => at !== undefined && interfaceName === at) ??
    all.find(({ interfaceName, addresses }) => interfaceName !== "*" && has(addresses, address)) ??
    all.find(({ interfaceName }) => interfaceName === "*") ??
    (at === undefined ? all[0] : undefined)
  );
}

function egressOf(packet: Packet, source: Place, destination: Place, model: PolicyModel): Walk | undefined {
  const { node, workload, host, everywhere } = source;
  const isLocal = node === destination.node;
  if (node === undefined || (workload === undefined && (isLocal || host === undefined))) return undefined;
  const out: Gate = { kind: "interface", host };
  const passage = { packet, from: gateOf(source), to: isLocal ? gateOf(destination) : out, everywhere };
  return walkOf(
    "egress",
    unlessDenied(
      () => entering(passage, model),
      () => (isLocal ? [] : leaving(passage, model)),
    ),
  );
}

function ingressOf(packet: Packet, source: Place, destination: Place, model: PolicyModel): Walk | undefined {
  const { node, workload, host, everywhere } = destination;
  const isLocal = node !== undefined && node === source.node;
  if (workload === undefined && (isLocal || host === undefined)) return undefined;
  const passage = {
    packet,
    from: isLocal ? gateOf(source) : ({ kind: "interface", host } as const),
    to: gateOf(destination),
    everywhere,
  };
  return walkOf(
    "ingress",
    unlessDenied(
      () => (isLocal ? [] : entering(passage, model)),
      () => leaving(passage, model),
    ),
  );
}

function gateOf({ workload }: Place): Gate {
  return workload === undefined ? { kind: "node" } : { kind: "workload", endpoint: workload };
}
