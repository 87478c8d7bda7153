import { OcicatError } from "@ocicat/kit";
import { type Address, type Family, familyOf, formatAddress } from "@ocicat/net";
import { address, type Service } from "./service.ts";

/** Which services get addresses. */
export type AssignIps = "AllServices" | "RequestedServicesOnly";

const CLASS = "calico";
const POOLS: Readonly<Record<Family, string>> = {
  4: "projectcalico.org/ipv4pools",
  6: "projectcalico.org/ipv6pools",
};
const ADDRESSES = "projectcalico.org/loadBalancerIPs";

/** What a service asks for. */
export type Wish =
  /** Nothing of ours: another implementation's, or of another type. */
  | { readonly kind: "none" }
  /** These addresses and no others. */
  | { readonly kind: "addresses"; readonly addresses: readonly Address[] }
  /** One of each family, of the pools named for it; of any, where none are. */
  | { readonly kind: "families"; readonly families: readonly Family[]; readonly pools: PoolsByFamily };

export type PoolsByFamily = { readonly [F in Family]?: readonly string[] };

/** Throws OcicatError SERVICE_ANNOTATION where it asks for something that cannot be. */
export function wishOf(service: Service, assign: AssignIps): Wish {
  if (!isOurs(service, assign)) return { kind: "none" };
  const addresses = addressesOf(service);
  if (addresses !== undefined) return { kind: "addresses", addresses };
  return { kind: "families", families: familiesOf(service), pools: poolsOf(service) };
}

/** A class names an implementation, and goes before all; without one, what is asked for decides, or the setting. */
function isOurs({ isLoadBalancer, loadBalancerClass, annotations }: Service, assign: AssignIps): boolean {
  if (!isLoadBalancer) return false;
  if (loadBalancerClass !== undefined) return loadBalancerClass === CLASS;
  return assign === "AllServices" || [ADDRESSES, POOLS[4], POOLS[6]].some((name) => (annotations[name] ?? "") !== "");
}

/** Named families of an IPv4-only or dual cluster; a service of a server that does not say is of IPv4. */
function familiesOf({ families }: Service): readonly Family[] {
  return families.length === 0 ? [4] : families;
}

function addressesOf(service: Service): readonly Address[] | undefined {
  const { annotations, loadBalancerIP } = service;
  const asked = annotations[ADDRESSES];
  if (asked === undefined || asked === "") {
    if (loadBalancerIP === undefined) return undefined;
    return [parsed(service, "spec.loadBalancerIP", loadBalancerIP)];
  }
  const where = `annotation ${ADDRESSES}`;
  const addresses = textsIn(service, where, asked).map((text) => parsed(service, where, text));
  const families = addresses.map(familyOf);
  if (new Set(families).size === families.length && addresses.length > 0) return addresses;
  throw refusal(service, where, `"${asked}" is not one address of each family at most`, 'write ["192.0.2.7"]');
}

function poolsOf(service: Service): PoolsByFamily {
  const named: { [F in Family]?: readonly string[] } = {};
  for (const family of [4, 6] as const) {
    const asked = service.annotations[POOLS[family]];
    if (asked === undefined || asked === "") continue;
    const pools = textsIn(service, `annotation ${POOLS[family]}`, asked);
    if (pools.length > 0) named[family] = pools;
  }
  return named;
}

function parsed(service: Service, where: string, text: string): Address {
  const found = address(text);
  if (found !== undefined) return found;
  throw refusal(service, where, `"${text}" is not an IP address`, "write an address, without a prefix's length");
}

function textsIn(service: Service, where: string, json: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(json);
    if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  } catch {
    // Told below, as what is no list.
  }
  throw refusal(service, where, `"${json}" is not a JSON list of texts`, 'write ["one", "another"]');
}

function refusal({ namespace, name }: Service, where: string, what: string, fix: string): OcicatError {
  return new OcicatError({ code: "SERVICE_ANNOTATION", where: `Service ${namespace}/${name}, ${where}`, what, fix });
}

/** What has to be done so that a service has what it asks for. */
export interface Steps {
  readonly keep: readonly Address[];
  readonly release: readonly Address[];
  /** These addresses. */
  readonly assign: readonly Address[];
  /** One of each of these families. */
  readonly families: readonly Family[];
}

/** Of a pool, whether an address of it may stay with a service. */
export interface PoolOfAddress {
  readonly name: string;
  readonly cidr: string;
  readonly isManual: boolean;
}

/** `held`: what the service has; `poolOf`: the pool of an address, if it is in one. */
export function stepsTo(
  wish: Wish,
  held: readonly Address[],
  poolOf: (address: Address) => PoolOfAddress | undefined,
): Steps {
  switch (wish.kind) {
    case "none":
      return { keep: [], release: held, assign: [], families: [] };
    case "addresses": {
      const [asked, had] = [new Set(wish.addresses.map(formatAddress)), new Set(held.map(formatAddress))];
      return {
        keep: held.filter((each) => asked.has(formatAddress(each))),
        release: held.filter((each) => !asked.has(formatAddress(each))),
        assign: wish.addresses.filter((each) => !had.has(formatAddress(each))),
        families: [],
      };
    }
    case "families": {
      const keep: Address[] = [];
      for (const each of held) {
        const family = familyOf(each);
        const isSpare = keep.some((other) => familyOf(other) === family) || !wish.families.includes(family);
        if (!isSpare && mayStay(wish.pools, family, poolOf(each))) keep.push(each);
      }
      const missing = wish.families.filter((family) => !keep.some((each) => familyOf(each) === family));
      return { keep, release: held.filter((each) => !keep.includes(each)), assign: [], families: missing };
    }
  }
}

/** Of a pool that is gone it stays: to take it away would help nobody. */
function mayStay(pools: PoolsByFamily, family: Family, pool: PoolOfAddress | undefined): boolean {
  const named = pools[family];
  if (named !== undefined) return pool !== undefined && (named.includes(pool.name) || named.includes(pool.cidr));
  const isNamedOtherwise = Object.keys(pools).length > 0;
  return pool === undefined || isNamedOtherwise || !pool.isManual;
}
