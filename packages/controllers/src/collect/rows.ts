import {
  type AffinityOwner,
  type AffinityState,
  type AllocationAttribute,
  type AllocationBlock,
  blockOwner,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  WINDOWS_RESERVED_HANDLE,
} from "@ocicat/api/ipam";
import type { KeyValue } from "@ocicat/datastore";
import { sequenceOf } from "@ocicat/ipam";
import { type Address, formatAddress, type Prefix, parsePrefix } from "@ocicat/net";

/** What garbage collection keeps of each stored row: enough to judge, no more, for there may be a hundred thousand. */

/** What says whether a holder lives. */
export type HolderKind =
  /** A container: its endpoint, and its node. */
  | "container"
  /** A container whose interface another plugin made, so that it has no endpoint: its node alone. */
  | "bare-container"
  /** A node's tunnel device: the node. */
  | "tunnel"
  /** A service, a virtual machine, Windows' reserve, or nobody knows: not ours to judge. */
  | "other";

/** Which block it is, whatever is in it. */
export interface BlockPlace {
  readonly key: string;
  readonly prefix: Prefix;
}

export interface Allocation {
  readonly address: Address;
  readonly block: BlockPlace;
  readonly handleId: string;
  /** The sequence number it was given at: another number is another allocation. */
  readonly sequence: bigint;
  readonly node: string | undefined;
  /** `namespace/pod`, for people. */
  readonly pod: string | undefined;
  readonly kind: HolderKind;
}

export interface BlockRow extends BlockPlace {
  readonly place: BlockPlace;
  readonly revision: bigint;
  readonly sequence: bigint;
  /** As stored: `host:node1`. */
  readonly affinity: string | null;
  readonly owner: AffinityOwner | undefined;
  /** What is held under a handle, and not cooling down. */
  readonly allocations: readonly Allocation[];
  /** Nobody holds an address of it; some may still be cooling down. */
  readonly isUnused: boolean;
}

export interface HandleRow {
  readonly key: string;
  readonly id: string;
  readonly revision: bigint;
  /** By block in CIDR form. */
  readonly counts: ReadonlyMap<string, number>;
}

export interface AffinityRow {
  readonly key: string;
  readonly owner: AffinityOwner;
  readonly prefix: Prefix;
  readonly state: AffinityState;
  readonly revision: bigint;
}

export interface EndpointRow {
  readonly key: string;
  readonly revision: bigint;
  readonly node: string;
  readonly containerId: string | undefined;
  /** Formatted. */
  readonly addresses: readonly string[];
}

/** On an address of a container whose interface another plugin made. Calico and its tools show it and act on none of it. */
export const ENDPOINT_ATTRIBUTE = "ocicat.io/endpoint";
export const NO_ENDPOINT = "none";

const TUNNEL_TYPE = /TunnelAddress$/;
/** Attributes of holders that are neither a container nor a tunnel. */
const FOREIGN = ["service", "vmi-name", "vmi-uid", "vm-uid", "vmim-uid"] as const;

/**
 * `before`: the row as it was, of which the allocations that are still the same are kept. So what nobody touches costs
 * nothing, and the memory of a busy block stays where it is. Throws IpamCorruptError.
 */
export function blockRow(item: KeyValue, before?: BlockRow): BlockRow {
  const block = decodeBlock(item.key, item.value);
  const place = before?.place ?? { key: item.key, prefix: block.prefix };
  const byAddress = new Map(before?.allocations.map((each) => [each.address, each]));
  const allocations: Allocation[] = [];
  for (const [ordinal, index] of block.allocations.entries()) {
    const attribute = index === null ? undefined : block.attributes?.[index];
    if (attribute?.handleId === undefined || attribute.releasedAt !== undefined) continue;
    const { handleId } = attribute;
    const old = byAddress.get(block.prefix.nth(ordinal));
    const isSame = old?.handleId === handleId && old.sequence === sequenceOf(block, ordinal);
    allocations.push(isSame ? old : allocation(place, block, ordinal, handleId, attribute));
  }
  return {
    ...place,
    place,
    revision: item.modRevision,
    sequence: block.sequenceNumber,
    affinity: block.affinity,
    owner: blockOwner(block),
    allocations,
    isUnused: isUnused(block),
  };
}

function isUnused(block: AllocationBlock): boolean {
  const used = new Set(block.allocations);
  used.delete(null);
  return [...used].every((index) => {
    const attribute = index === null ? undefined : block.attributes?.[index];
    return attribute?.releasedAt !== undefined || attribute?.handleId?.toLowerCase() === WINDOWS_RESERVED_HANDLE;
  });
}

function allocation(
  place: BlockPlace,
  block: AllocationBlock,
  ordinal: number,
  handleId: string,
  { secondary }: AllocationAttribute,
): Allocation {
  const { node, pod, namespace } = secondary;
  return {
    address: block.prefix.nth(ordinal),
    block: place,
    handleId,
    sequence: sequenceOf(block, ordinal),
    node,
    pod: pod === undefined ? undefined : `${namespace ?? ""}/${pod}`,
    kind: kindOf(handleId, secondary),
  };
}

function kindOf(handleId: string, secondary: Readonly<Record<string, string>>): HolderKind {
  if (handleId.toLowerCase() === WINDOWS_RESERVED_HANDLE) return "other";
  if (FOREIGN.some((name) => secondary[name] !== undefined)) return "other";
  const { type } = secondary;
  if (type !== undefined) return TUNNEL_TYPE.test(type) ? "tunnel" : "other";
  return secondary[ENDPOINT_ATTRIBUTE] === NO_ENDPOINT ? "bare-container" : "container";
}

/** Throws IpamCorruptError. */
export function handleRow(id: string, { key, value, modRevision }: KeyValue): HandleRow {
  return { key, id, revision: modRevision, counts: decodeHandle(key, value).blocks };
}

/** Throws IpamCorruptError. */
export function affinityRow(owner: AffinityOwner, prefix: Prefix, { key, value, modRevision }: KeyValue): AffinityRow {
  return { key, owner, prefix, state: decodeAffinity(key, value).state, revision: modRevision };
}

/**
 * Read leniently, field by field: an endpoint that breaks a rule of its schema is a container's endpoint all the same, and
 * an address must not be lost over it. Throws SyntaxError or TypeError where not even that can be read.
 */
export function endpointRow({ key, value, modRevision }: KeyValue): EndpointRow {
  const parsed: unknown = JSON.parse(value);
  const spec = members(members(parsed, key).get("spec"), key);
  const [node, containerID, ipNetworks] = [spec.get("node"), spec.get("containerID"), spec.get("ipNetworks")];
  if (typeof node !== "string") throw new TypeError(`${key}: spec.node is not text`);
  const networks: readonly unknown[] = Array.isArray(ipNetworks) ? ipNetworks : [];
  const addresses = networks.map((network) => addressIn(network, key));
  // A pod that has ended still says which container it was; without an address it holds nothing any more.
  const isNamed = typeof containerID === "string" && containerID !== "" && addresses.length > 0;
  return { key, revision: modRevision, node, containerId: isNamed ? containerID : undefined, addresses };
}

function addressIn(network: unknown, key: string): string {
  if (typeof network === "string") return formatAddress(parsePrefix(network).address);
  throw new TypeError(`${key}: spec.ipNetworks holds what is not text`);
}

function members(value: unknown, key: string): ReadonlyMap<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  throw new TypeError(`${key}: not an object`);
}
