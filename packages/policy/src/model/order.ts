import type { Policy, Tier } from "./policy.ts";

/** The order in which tiers are asked: by order, then by name. */
export function compareTiers(a: Tier, b: Tier): number {
  return compare(a.order, b.order) || compare(a.name, b.name);
}

/** The order in which the policies of a tier are asked: by order, then as text by `name/namespace/kind`, as Calico does. */
export function comparePolicies(a: Policy, b: Policy): number {
  return compare(a.order, b.order) || compare(tie(a), tie(b));
}

/**
 * What a tier that does not exist stands for: policies that name it come after those of all tiers there are, and what none
 * of them allows is denied. Calico does the same.
 */
export function missingTier(name: string): Tier {
  return { name, order: Number.POSITIVE_INFINITY, defaultAction: "deny" };
}

/** `allow-web/default/NetworkPolicy`. The resource's name has the namespace before it. */
function tie({ resource, namespace }: Policy): string {
  const name = namespace === undefined ? resource.name : resource.name.slice(namespace.length + 1);
  return `${name}/${namespace ?? ""}/${resource.kind}`;
}

/** Names are of ASCII, so that code units sort them as bytes do. */
function compare<T extends number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
