import { familyOf } from "@ocicat/net";
import type { Endpoint, Host, Workload } from "../model/endpoint.ts";
import type { PolicyModel } from "../model/model.ts";
import { type Packet, Protocol } from "../model/packet.ts";
import type { Direction, Stage } from "../model/policy.ts";
import { fixed, judge, outcomeOf, upToDecision } from "./judge.ts";
import type { Step } from "./walk.ts";

/** Where a packet comes into a node, or leaves it. */
export type Gate =
  | { readonly kind: "workload"; readonly endpoint: Workload }
  /** An interface of the node's own, with its endpoint; undefined: it has none. */
  | { readonly kind: "interface"; readonly host: Host | undefined }
  /** A process of the node's. */
  | { readonly kind: "node" };

/** A packet's way through one node. */
export interface Passage {
  /** As endpoints see it: behind the translation of its destination. */
  readonly packet: Packet;
  /** As it came; undefined: its destination is not translated here, or it is not known from what. */
  readonly arrived?: Packet | undefined;
  readonly from: Gate;
  readonly to: Gate;
  /** The node's endpoint of all interfaces (`*`): workloads' interfaces too, in what is forwarded. */
  readonly everywhere: Host | undefined;
}

/**
 * What a packet meets by the gate that it comes in by. The last step's outcome is the answer.
 *
 *     interface   its host endpoint: untracked, preDNAT, then forward or normal, until one decides
 *     workload    the endpoint of all interfaces: preDNAT, then forward, until one decides; then the workload's egress, then
 *                 what settings say of workloads and their node
 */
export function entering(passage: Passage, model: PolicyModel): readonly Step[] {
  const { packet, from, to, everywhere } = passage;
  const isForwarded = to.kind !== "node";
  switch (from.kind) {
    case "node":
      return [];
    case "interface":
      return stages(passage, from.host, "ingress", ["untracked", "preDnat", isForwarded ? "forward" : "normal"], model);
    case "workload": {
      const { endpoint } = from;
      const at = { endpoint, direction: "egress", stage: "normal" } as const;
      const isDiscovery = isNeighbourDiscovery(packet);
      if (!isForwarded && isDiscovery) return [fixed(at, "neighbour discovery", "allow")];
      const asked = OF_EVERYWHERE.filter((stage) => (stage === "preDnat" ? !isDiscovery : isForwarded));
      return unlessDenied(
        () => stages(passage, everywhere, "ingress", asked, model),
        () => judge({ packet, ...at }, model),
        () => (isForwarded ? [] : [fixed(at, "endpoint to host", OUTCOMES[model.settings.endpointToHost])]),
      );
    }
  }
}

/**
 * What a packet meets by the gate that it leaves by.
 *
 *     interface   its host endpoint: forward; of the node's own packets untracked, then normal
 *     workload    the workload's ingress, then the endpoint of all interfaces: forward; nothing of the node's own packets
 */
export function leaving(passage: Passage, model: PolicyModel): readonly Step[] {
  const { packet, from, to, everywhere } = passage;
  switch (to.kind) {
    case "node":
      return [];
    case "interface":
      return stages(passage, to.host, "egress", from.kind === "node" ? ["untracked", "normal"] : ["forward"], model);
    case "workload": {
      const at = { endpoint: to.endpoint, direction: "ingress", stage: "normal" } as const;
      if (from.kind === "node") return [fixed(at, "own workload", "allow")];
      return unlessDenied(
        () => judge({ packet, ...at }, model),
        () => stages(passage, everywhere, "egress", ["forward"], model),
      );
    }
  }
}

/** Part for part, each asked only if none before it has denied. */
export function unlessDenied(...parts: readonly (() => readonly Step[])[]): readonly Step[] {
  const steps: Step[] = [];
  for (const part of parts) {
    steps.push(...part());
    if (outcomeOf(steps) === "deny") break;
  }
  return steps;
}

/** Stage for stage of a host endpoint, until one decides. */
function stages(
  { packet, arrived = packet }: Passage,
  endpoint: Endpoint | undefined,
  direction: Direction,
  wanted: readonly Stage[],
  model: PolicyModel,
): readonly Step[] {
  if (endpoint === undefined) return [];
  const seen = (stage: Stage) => (stage === "untracked" || stage === "preDnat" ? arrived : packet);
  return upToDecision(wanted.flatMap((stage) => judge({ packet: seen(stage), endpoint, direction, stage }, model)));
}

/** What the endpoint of all interfaces is asked about what comes in by a workload's. */
const OF_EVERYWHERE = ["preDnat", "forward"] as const satisfies readonly Stage[];

const OUTCOMES = { drop: "deny", accept: "allow", return: "next" } as const;

/** Multicast listeners, router solicitation, neighbours: RFC 4861 §4, RFC 2710 §3. Nobody is to cut these off by a policy. */
const DISCOVERY: readonly number[] = [130, 131, 132, 133, 135, 136];

function isNeighbourDiscovery({ protocol, icmp, source }: Packet): boolean {
  return familyOf(source) === 6 && protocol === Protocol.icmpv6 && icmp !== undefined && DISCOVERY.includes(icmp.type);
}
