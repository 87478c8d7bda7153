import type { Node, WorkloadEndpoint } from "@ocicat/api";
import { AddressError, formatAddress, parseAddress } from "@ocicat/net";

/** Something in the store that says an address is its own, whatever IPAM says. */
export interface AddressUse {
  /** As calicoctl tells it: `Workload(default/node1-k8s-web--1-eth0)`, `Node(node1)`. */
  readonly by: string;
  readonly as: UseKind;
  readonly node: string;
  /** The row that says so, and the revision it was read at. */
  readonly key: string;
  readonly revision: bigint;
  /** When that resource was made, RFC 3339. */
  readonly since: string | undefined;
  /** Of an endpoint. */
  readonly containerId: string | undefined;
  readonly pod: string | undefined;
  readonly namespace: string | undefined;
}

/** All but a node's own address need an allocation; a floating address is an operator's to give. */
export type UseKind =
  | "workload"
  | "floating address"
  | "IPIP tunnel"
  | "VXLAN tunnel"
  | "WireGuard tunnel"
  | "node's own address";

const ALLOCATED: ReadonlySet<UseKind> = new Set(["workload", "IPIP tunnel", "VXLAN tunnel", "WireGuard tunnel"]);

/** Whether IPAM must know of this use. */
export function needsAllocation({ as }: AddressUse): boolean {
  return ALLOCATED.has(as);
}

/** By address, as formatAddress writes it. */
export type AddressUses = ReadonlyMap<string, readonly AddressUse[]>;

/** A resource and the row it came from. */
export interface Stored<R> {
  readonly key: string;
  readonly revision: bigint;
  readonly value: R;
}

/** Every address that endpoints and nodes say is theirs. */
export function addressUses(
  endpoints: readonly Stored<WorkloadEndpoint>[],
  nodes: readonly Stored<Node>[],
): AddressUses {
  const uses = new Map<string, AddressUse[]>();
  const note = (text: string | undefined, use: AddressUse) => {
    const address = canonical(text);
    if (address === undefined) return;
    const known = uses.get(address);
    if (known === undefined) uses.set(address, [use]);
    else known.push(use);
  };
  for (const endpoint of endpoints) {
    const use = useOfEndpoint(endpoint);
    for (const network of endpoint.value.spec.ipNetworks ?? []) note(network, use);
    for (const { externalIP } of endpoint.value.spec.ipNATs ?? []) note(externalIP, { ...use, as: "floating address" });
  }
  for (const node of nodes) for (const [as, text] of addressesOfNode(node.value)) note(text, useOfNode(node, as));
  return uses;
}

function useOfEndpoint({ key, revision, value: { metadata, spec } }: Stored<WorkloadEndpoint>): AddressUse {
  return {
    by: `Workload(${metadata.namespace}/${metadata.name})`,
    as: "workload",
    node: spec.node,
    key,
    revision,
    since: metadata.creationTimestamp,
    containerId: spec.containerID,
    pod: spec.pod,
    namespace: metadata.namespace,
  };
}

function useOfNode({ key, revision, value: { metadata } }: Stored<Node>, as: UseKind): AddressUse {
  const ofEndpoints = { containerId: undefined, pod: undefined, namespace: undefined };
  const { name, creationTimestamp: since } = metadata;
  return { by: `Node(${name})`, as, node: name, key, revision, since, ...ofEndpoints };
}

function addressesOfNode({ spec }: Node): readonly (readonly [as: UseKind, text: string | undefined])[] {
  return [
    ["IPIP tunnel", spec.bgp?.ipv4IPIPTunnelAddr],
    ["VXLAN tunnel", spec.ipv4VXLANTunnelAddr],
    ["VXLAN tunnel", spec.ipv6VXLANTunnelAddr],
    ["WireGuard tunnel", spec.wireguard?.interfaceIPv4Address],
    ["WireGuard tunnel", spec.wireguard?.interfaceIPv6Address],
    ["node's own address", spec.bgp?.ipv4Address],
    ["node's own address", spec.bgp?.ipv6Address],
  ];
}

/** The address itself, without a prefix length; undefined for what is missing or none. */
function canonical(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return formatAddress(parseAddress(text.split("/")[0] ?? ""));
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
