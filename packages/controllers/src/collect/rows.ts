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
import { type JsonValue, parseJson } from "@ocicat/kit";
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

export interface Allocation {
  readonly address: Address;
  readonly block: BlockRow;
  readonly handleId: string;
  /** The sequence number it was given at: another number is another allocation. */
  readonly sequence: bigint;
  readonly node: string | undefined;
  /** `namespace/pod`, for people. */
  readonly pod: string | undefined;
  readonly kind: HolderKind;
}

export interface BlockRow {
  readonly key: string;
  readonly prefix: Prefix;
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

/** Throws IpamCorruptError. */
export function blockRow(item: KeyValue): BlockRow {
  const block = decodeBlock(item.key, item.value);
  const allocations: Allocation[] = [];
  const row: BlockRow = {
    key: item.key,
    prefix: block.prefix,
    revision: item.modRevision,
    sequence: block.sequenceNumber,
    affinity: block.affinity,
    owner: blockOwner(block),
    allocations,
    isUnused: isUnused(block),
  };
  for (const [ordinal, index] of block.allocations.entries()) {
    const attribute = index === null ? undefined : block.attributes?.[index];
    if (attribute?.handleId === undefined || attribute.releasedAt !== undefined) continue;
    allocations.push(allocation(row, block, ordinal, attribute.handleId, attribute));
  }
  return row;
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
  row: BlockRow,
  block: AllocationBlock,
  ordinal: number,
  handleId: string,
  { secondary }: AllocationAttribute,
): Allocation {
  const { node, pod, namespace } = secondary;
  return {
    address: block.prefix.nth(ordinal),
    block: row,
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
  const spec = members(members(parseJson(value), key).spec, key);
  const { node, containerID, ipNetworks } = spec;
  if (typeof node !== "string") throw new TypeError(`${key}: spec.node is not text`);
  const networks: readonly JsonValue[] = Array.isArray(ipNetworks) ? ipNetworks : [];
  return {
    key,
    revision: modRevision,
    node,
    containerId: typeof containerID === "string" && containerID !== "" ? containerID : undefined,
    addresses: networks.map((network) => addressIn(network, key)),
  };
}

function addressIn(network: JsonValue, key: string): string {
  if (typeof network === "string") return formatAddress(parsePrefix(network).address);
  throw new TypeError(`${key}: spec.ipNetworks holds what is not text`);
}

function members(value: JsonValue | undefined, key: string): Readonly<Record<string, JsonValue>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, JsonValue>>;
  }
  throw new TypeError(`${key}: not an object`);
}
