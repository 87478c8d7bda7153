import type { Kind } from "./define-kind.ts";
import { bgpConfiguration } from "./kinds/bgp-configuration.ts";
import { bgpFilter } from "./kinds/bgp-filter.ts";
import { bgpPeer } from "./kinds/bgp-peer.ts";
import { blockAffinity } from "./kinds/block-affinity.ts";
import { calicoNodeStatus } from "./kinds/calico-node-status.ts";
import { clusterInformation } from "./kinds/cluster-information.ts";
import { felixConfiguration } from "./kinds/felix-configuration.ts";
import { globalNetworkPolicy } from "./kinds/global-network-policy.ts";
import { globalNetworkSet } from "./kinds/global-network-set.ts";
import { hostEndpoint } from "./kinds/host-endpoint.ts";
import { ipReservation } from "./kinds/ip-reservation.ts";
import { ipamConfiguration } from "./kinds/ipam-configuration.ts";
import { ippool } from "./kinds/ippool.ts";
import { kubeControllersConfiguration } from "./kinds/kube-controllers-configuration.ts";
import { networkPolicy } from "./kinds/network-policy.ts";
import { networkSet } from "./kinds/network-set.ts";
import { node } from "./kinds/node.ts";
import { profile } from "./kinds/profile.ts";
import { stagedGlobalNetworkPolicy } from "./kinds/staged-global-network-policy.ts";
import { stagedKubernetesNetworkPolicy } from "./kinds/staged-kubernetes-network-policy.ts";
import { stagedNetworkPolicy } from "./kinds/staged-network-policy.ts";
import { tier } from "./kinds/tier.ts";
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
  globalNetworkPolicy,
  globalNetworkSet,
  hostEndpoint,
  ipamConfiguration,
  ippool,
  ipReservation,
  kubeControllersConfiguration,
  networkPolicy,
  networkSet,
  node,
  profile,
  stagedGlobalNetworkPolicy,
  stagedKubernetesNetworkPolicy,
  stagedNetworkPolicy,
  tier,
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
