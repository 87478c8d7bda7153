import type { Kind } from "./define-kind.ts";
import { bgpConfiguration } from "./kinds/bgp-configuration.ts";
import { bgpFilter } from "./kinds/bgp-filter.ts";
import { bgpPeer } from "./kinds/bgp-peer.ts";
import { blockAffinity } from "./kinds/block-affinity.ts";
import { calicoNodeStatus } from "./kinds/calico-node-status.ts";
import { clusterInformation } from "./kinds/cluster-information.ts";
import { felixConfiguration } from "./kinds/felix-configuration.ts";
import { ipReservation } from "./kinds/ip-reservation.ts";
import { ipamConfiguration } from "./kinds/ipam-configuration.ts";
import { ippool } from "./kinds/ippool.ts";
import { kubeControllersConfiguration } from "./kinds/kube-controllers-configuration.ts";
import { node } from "./kinds/node.ts";
import { workloadEndpoint } from "./kinds/workload-endpoint.ts";

/** Every kind there is. Adding one: its file in kinds/, and a line here. */
export const kinds: readonly Kind[] = Object.freeze([
  bgpConfiguration,
  bgpFilter,
  bgpPeer,
  blockAffinity,
  calicoNodeStatus,
  clusterInformation,
  felixConfiguration,
  ipamConfiguration,
  ippool,
  ipReservation,
  kubeControllersConfiguration,
  node,
  workloadEndpoint,
]);

const byName: ReadonlyMap<string, Kind> = new Map(kinds.map((kind) => [kind.kind, kind]));

/** The kind of a resource by its exact name. */
export function kindNamed(name: string): Kind | undefined {
  return byName.get(name);
}

/** The kind a person means: by name, plural or alias, in any case. */
export function findKind(word: string): Kind | undefined {
  const lower = word.toLowerCase();
  return kinds.find(
    (kind) => kind.kind.toLowerCase() === lower || kind.plural === lower || kind.aliases.includes(lower),
  );
}
