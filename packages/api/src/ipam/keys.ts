import { OcicatError } from "@ocicat/kit";
import { AddressError, type Family, type Prefix, parsePrefix } from "@ocicat/net";

/**
 * Keys of IPAM in an etcd datastore:
 *
 *     /calico/ipam/v2/assignment/ipv4/block/10.244.166.128-26      a block
 *     /calico/ipam/v2/host/node1/ipv4/block/10.244.166.128-26      node1's affinity to it
 *     /calico/ipam/v2/virtual/load-balancer/ipv4/block/10.1.0.0-26 an affinity of something that is not a node
 *     /calico/ipam/v2/handle/k8s-pod-network.4f2a…                 who holds addresses in which blocks
 *     /calico/ipam/v2/config                                       the settings of all
 *     /calico/ipam/v2/host/node1                                   a bare marker, `{}`
 */
export const IPAM_PREFIX = "/calico/ipam/v2/";
export const IPAM_CONFIG_KEY = `${IPAM_PREFIX}config`;
export const HANDLES_PREFIX = `${IPAM_PREFIX}handle/`;
/** The affinities of every node. */
export const HOSTS_PREFIX = `${IPAM_PREFIX}host/`;

export type OwnerType = "host" | "virtual";

/** Who a block is affine to: a node, or something else by name (`load-balancer`). */
export interface AffinityOwner {
  readonly type: OwnerType;
  readonly name: string;
}

export type IpamKey =
  | { readonly kind: "block"; readonly prefix: Prefix }
  | { readonly kind: "affinity"; readonly owner: AffinityOwner; readonly prefix: Prefix }
  | { readonly kind: "handle"; readonly id: string }
  | { readonly kind: "config" }
  | { readonly kind: "host"; readonly node: string };

export function hostOwner(node: string): AffinityOwner {
  return { type: "host", name: node };
}

/** As a block's `affinity` says it: `host:node1`. */
export function formatOwner(owner: AffinityOwner): string {
  return `${owner.type}:${owner.name}`;
}

/** The inverse of formatOwner; undefined for a type we do not know. */
export function parseOwner(text: string): AffinityOwner | undefined {
  const colon = text.indexOf(":");
  const type = text.slice(0, Math.max(0, colon));
  return isOwnerType(type) ? { type, name: text.slice(colon + 1) } : undefined;
}

export function blockKey(prefix: Prefix): string {
  return `${blocksPrefix(prefix.family)}${dashed(prefix)}`;
}

/** What the keys of all blocks begin with, or of one family's. */
export function blocksPrefix(family?: Family): string {
  return `${IPAM_PREFIX}assignment/${family === undefined ? "" : `ipv${family}/block/`}`;
}

/** Throws OcicatError INVALID_NAME on a name that cannot be part of a key. */
export function affinityKey(owner: AffinityOwner, prefix: Prefix): string {
  return `${affinitiesPrefix(owner, prefix.family)}${dashed(prefix)}`;
}

/** What the keys of an owner's affinities begin with, or of one family's. Throws as affinityKey. */
export function affinitiesPrefix(owner: AffinityOwner, family?: Family): string {
  const part = keyPart("a block owner's name", owner.name);
  return `${IPAM_PREFIX}${owner.type}/${part}/${family === undefined ? "" : `ipv${family}/block/`}`;
}

/** Calico writes handle ids into the key as they are, and cannot read back one with a slash. Throws OcicatError INVALID_NAME. */
export function handleKey(id: string): string {
  return `${HANDLES_PREFIX}${keyPart("a handle id", id)}`;
}

/** Undefined for a key that is not IPAM's, or that does not parse: such rows are not ours to touch. */
export function parseIpamKey(key: string): IpamKey | undefined {
  if (!key.startsWith(IPAM_PREFIX)) return undefined;
  const parts = key.slice(IPAM_PREFIX.length).split("/");
  if (parts.includes("")) return undefined;
  return parseBlockKey(parts) ?? parseAffinityKey(parts) ?? parseOtherKey(parts);
}

function parseBlockKey(parts: readonly string[]): IpamKey | undefined {
  const [root, family, block, network, ...more] = parts;
  if (root !== "assignment" || block !== "block" || more.length > 0) return undefined;
  const prefix = parseDashed(family, network);
  return prefix === undefined ? undefined : { kind: "block", prefix };
}

function parseAffinityKey(parts: readonly string[]): IpamKey | undefined {
  const [typeName, name = "", family, block, network, ...more] = parts;
  // Calico also reads "@" for a type, from times when there was only one.
  const type = typeName === "@" ? "host" : (typeName ?? "");
  if (!isOwnerType(type) || block !== "block" || more.length > 0) return undefined;
  const prefix = parseDashed(family, network);
  return prefix === undefined ? undefined : { kind: "affinity", owner: { type, name }, prefix };
}

function parseOtherKey(parts: readonly string[]): IpamKey | undefined {
  const [root, name, ...more] = parts;
  if (more.length > 0) return undefined;
  if (name === undefined) return root === "config" ? { kind: "config" } : undefined;
  if (root === "handle") return { kind: "handle", id: name };
  return root === "host" ? { kind: "host", node: name } : undefined;
}

function isOwnerType(text: string): text is OwnerType {
  return text === "host" || text === "virtual";
}

function dashed(prefix: Prefix): string {
  return prefix.toString().replace("/", "-");
}

function parseDashed(family: string | undefined, text: string | undefined): Prefix | undefined {
  if (text?.includes("-") !== true) return undefined;
  try {
    const prefix = parsePrefix(text.replace("-", "/"));
    return family === `ipv${prefix.family}` ? prefix : undefined;
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

function keyPart(what: string, text: string): string {
  if (text !== "" && !text.includes("/")) return text;
  throw new OcicatError({
    code: "INVALID_NAME",
    what: `"${text}" cannot be ${what}`,
    why: "it becomes one part of a datastore key, so it may not be empty or hold a slash",
  });
}
