import { OcicatError, origin } from "@ocicat/kit";
import { type Address, familyOf, Prefix } from "@ocicat/net";
import { element, type NamedSet, number, prefixValue, type SetElement, set } from "@ocicat/nftables";
import type { SetId, SetMember, SetSpec } from "@ocicat/policy";
import { addressTypeOf } from "./match/fields.ts";
import { maximal } from "./maximal.ts";
import { type Variant, variantName } from "./names.ts";

/** Which sets the kernel has of one of the model's. Throws for a set that nobody knows: a rule must not miss it. */
export type VariantsOf = (set: SetId) => ReadonlySet<Variant>;

export function variantsFrom(sets: Pick<ReadonlyMap<SetId, ReadonlySet<Variant>>, "get">): VariantsOf {
  return (id) => {
    const variants = sets.get(id);
    if (variants !== undefined) return variants;
    throw new OcicatError({
      code: "POLICY_SET_MISSING",
      where: `set ${id}`,
      what: "a rule refers to a set whose members are not known",
      why: "what is needed here was told without it",
      fix: "tell of the set in the same change as of the policy, or before",
    });
  };
}

/**
 * There with or without members, so that the first to come is an element and no new rules: what the first of a family needs
 * the least often wait for.
 */
export function lastingVariants(spec: SetSpec): readonly Variant[] {
  return holdsPorts(spec) ? ["4p"] : ["4h"];
}

export function variantOf(member: SetMember): Variant {
  if (member.kind === "port") return `${familyOf(member.address)}p`;
  const { family, isHost } = member.network;
  return `${family}${isHost ? "h" : "n"}`;
}

/** All sets of one of the model's, with their members. */
export function variantSets(spec: SetSpec, members: Iterable<SetMember>): ReadonlyMap<Variant, NamedSet> {
  const byVariant = Map.groupBy(members, variantOf);
  const wanted = new Set([...lastingVariants(spec), ...byVariant.keys()]);
  return new Map([...wanted].map((variant) => [variant, variantSet(spec, variant, byVariant.get(variant) ?? [])]));
}

/** One of them. Overlapping blocks are merged. */
export function variantSet(spec: SetSpec, variant: Variant, members: readonly SetMember[]): NamedSet {
  const family = variant.startsWith("4") ? 4 : 6;
  const address = addressTypeOf(family);
  const ports = variant.endsWith("p");
  const why = origin(describeSet(spec));
  const blocks = variant.endsWith("n");
  return set({
    name: variantName(spec.id, variant),
    key: ports ? [address, "inet_proto", "inet_service"] : address,
    interval: blocks,
    origin: why,
    elements: blocks
      ? maximal(members.flatMap((member) => (member.kind === "network" ? [member.network] : []))).map((block) =>
          element(MEMBER, prefixValue(block)),
        )
      : members.map(memberElement),
  });
}

/** Of a hashed set. */
export function memberElement(member: SetMember): SetElement {
  return member.kind === "port"
    ? element(MEMBER, [hostValue(member.address), number(member.protocol), number(member.port)])
    : element(MEMBER, prefixValue(member.network));
}

function hostValue(address: Address) {
  return prefixValue(Prefix.host(address));
}

function holdsPorts(spec: SetSpec): boolean {
  return spec.kind === "namedPort" || (spec.kind === "service" && spec.ports);
}

function describeSet(spec: SetSpec): string {
  switch (spec.kind) {
    case "selector":
      return `addresses of ${spec.selector.text}`;
    case "nodes":
      return `addresses of nodes ${spec.selector.text}`;
    case "namedPort":
      return `ports called ${spec.name} of ${spec.selector?.text ?? "all()"}`;
    case "service":
      return `endpoints of service ${spec.service.namespace}/${spec.service.name}`;
  }
}

/** Every element carries its reason in the kernel: short, for there are many. */
const MEMBER = origin("member");
