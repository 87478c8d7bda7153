import type { IpamConfig } from "@ocicat/api/ipam";
import { type Address, AddressError, type Family, type Prefix, parsePrefix } from "@ocicat/net";
import { IpamError } from "../errors.ts";

export type PoolUse = "Workload" | "Tunnel" | "LoadBalancer";

/** What allocation has to know of an IPPool. */
export interface IpamPool {
  readonly name: string;
  readonly prefix: Prefix;
  /** The prefix length of its blocks. */
  readonly blockSize: number;
  readonly disabled: boolean;
  /** A Manual pool serves only requests that name it. */
  readonly assignmentMode: "Automatic" | "Manual";
  readonly allowedUses: readonly PoolUse[];
  /** Whether its node selector matches this client's node. */
  readonly selectsNode: boolean;
}

/** What holds for every request. Taken anew for each batch, so a watch behind it costs the hot path nothing. */
export interface IpamSettings {
  /** In the order of preference; Calico's is by name. */
  readonly pools: readonly IpamPool[];
  /** Networks whose addresses are not given away; those in use stay. */
  readonly reservations: readonly Prefix[];
  readonly config: IpamConfig;
}

export interface PoolChoice {
  readonly family: Family;
  readonly use: PoolUse;
  /** By name or by CIDR, in this order; selectors and assignment mode do not matter then. */
  readonly requested?: readonly string[] | undefined;
  /** A further condition of the request: its namespace's selector. */
  readonly allows?: ((pool: IpamPool) => boolean) | undefined;
}

/** The pools that may serve a request, in order of preference. Throws IpamError IPAM_NO_POOL saying why each may not. */
export function choosePools(pools: readonly IpamPool[], choice: PoolChoice): readonly IpamPool[] {
  const { requested } = choice;
  const candidates =
    requested === undefined || requested.length === 0
      ? pools.filter((pool) => pool.prefix.family === choice.family)
      : requested.map((name) => findPool(pools, name, choice.family));
  const chosen = candidates.filter((pool) => objection(pool, choice) === undefined);
  if (chosen.length > 0) return chosen;
  const reasons = candidates.map((pool) => `${pool.name} ${objection(pool, choice)}`);
  throw new IpamError({
    code: "IPAM_NO_POOL",
    what: `no IP pool may give this ${choice.use} an IPv${choice.family} address`,
    why: reasons.length === 0 ? `there is no IPv${choice.family} pool` : reasons.join("; "),
    fix: "create an IPPool, or change what the existing ones allow",
  });
}

/** The enabled pool that holds an address. */
export function poolOf(pools: readonly IpamPool[], address: Address): IpamPool | undefined {
  return pools.find((pool) => !pool.disabled && pool.prefix.has(address));
}

/** The pool that a block belongs to, among those given. */
export function poolOfBlock(pools: readonly IpamPool[], block: Prefix): IpamPool | undefined {
  return pools.find((pool) => pool.prefix.covers(block));
}

function objection(pool: IpamPool, choice: PoolChoice): string | undefined {
  const named = choice.requested !== undefined && choice.requested.length > 0;
  if (pool.disabled) return "is disabled";
  if (!pool.allowedUses.includes(choice.use)) return `allows only ${pool.allowedUses.join(", ")}`;
  if (named) return undefined;
  if (pool.assignmentMode === "Manual") return "is for requests that name it";
  if (!pool.selectsNode) return "does not select this node";
  return choice.allows?.(pool) === false ? "does not select this namespace" : undefined;
}

function findPool(pools: readonly IpamPool[], name: string, family: Family): IpamPool {
  const cidr = canonical(name);
  const found = pools.find((pool) => pool.name === name || pool.prefix.toString() === cidr);
  if (found?.prefix.family === family) return found;
  throw new IpamError({
    code: "IPAM_NO_POOL",
    what: found === undefined ? `there is no IP pool "${name}"` : `IP pool ${name} is not an IPv${family} pool`,
    fix: `name one of ${pools.map((pool) => pool.name).join(", ") || "the pools, once one exists"}`,
  });
}

function canonical(text: string): string | undefined {
  try {
    return parsePrefix(text).toString();
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
