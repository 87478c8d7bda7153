import type { Family, Prefix } from "@ocicat/net";
import { equal, inSet, meta, notEqual, notInSet, prefixValue } from "@ocicat/nftables";
import type { End, EndSets, SetSpec } from "@ocicat/policy";
import type { Constants } from "../constants.ts";
import { type Variant, variantName } from "../names.ts";
import type { VariantsOf } from "../variants.ts";
import { addressField, portField, type Side } from "./fields.ts";
import { ALWAYS, type AnyOf, type Match, NEVER, product } from "./match.ts";

/** Where an end of a rule is looked at. */
export interface Place {
  readonly family: Family;
  readonly side: Side;
  readonly constants: Constants;
  readonly variants: VariantsOf;
}

/** Whether the end says anything about addresses, so that its rule is one for each family. */
export function hasAddresses({ networks, notNetworks, selector, notSelector, nodes, service }: End): boolean {
  return (
    networks.length > 0 ||
    notNetworks.length > 0 ||
    selector !== undefined ||
    notSelector !== undefined ||
    nodes !== undefined ||
    service !== undefined
  );
}

/** What one end's address has to be: in the networks, chosen by the selector, a chosen node's, of the service, and none of what is excluded. */
export function matchAddresses(end: End, sets: EndSets, at: Place): AnyOf {
  return product([
    end.networks.length === 0 ? ALWAYS : listed(end.networks, at),
    sets.selector === undefined ? ALWAYS : chosen(sets.selector, at),
    sets.nodes === undefined ? ALWAYS : chosen(sets.nodes, at),
    sets.service === undefined ? ALWAYS : served(sets.service, at),
    end.notNetworks.length === 0 ? ALWAYS : notListed(end.notNetworks, at),
    sets.notSelector === undefined ? ALWAYS : [notChosen(sets.notSelector, at)],
  ]);
}

function listed(networks: readonly Prefix[], at: Place): AnyOf {
  const own = ownOf(networks, at);
  if (own.some(isEverything)) return ALWAYS;
  const [only, ...more] = own;
  if (only === undefined) return NEVER;
  const field = addressField(at.family, at.side);
  return [[more.length === 0 ? equal(field, prefixValue(only)) : inSet(field, at.constants.networks(at.family, own))]];
}

function notListed(networks: readonly Prefix[], at: Place): AnyOf {
  const own = ownOf(networks, at);
  if (own.some(isEverything)) return NEVER;
  const [only, ...more] = own;
  if (only === undefined) return ALWAYS;
  const field = addressField(at.family, at.side);
  return [
    [more.length === 0 ? notEqual(field, prefixValue(only)) : notInSet(field, at.constants.networks(at.family, own))],
  ];
}

function ownOf(networks: readonly Prefix[], { family }: Place): readonly Prefix[] {
  return networks.filter((network) => network.family === family);
}

function isEverything({ length }: Prefix): boolean {
  return length === 0;
}

/** Hosts and blocks are two sets, hence two rules. */
function chosen(spec: SetSpec, at: Place): AnyOf {
  const field = addressField(at.family, at.side);
  return addressSets(spec, at).map((set) => [inSet(field, set)]);
}

function notChosen(spec: SetSpec, at: Place): Match {
  const field = addressField(at.family, at.side);
  return addressSets(spec, at).map((set) => notInSet(field, set));
}

function served(spec: SetSpec, at: Place): AnyOf {
  if (spec.kind !== "service" || !spec.ports) return chosen(spec, at);
  const key = [addressField(at.family, at.side), meta("l4proto"), portField(at.side)];
  return present(spec, [`${at.family}p`], at).map((set) => [inSet(key, set)]);
}

function addressSets(spec: SetSpec, at: Place): readonly string[] {
  return present(spec, [`${at.family}h`, `${at.family}n`], at);
}

function present({ id }: SetSpec, variants: readonly Variant[], at: Place): readonly string[] {
  const there = at.variants(id);
  return variants.filter((variant) => there.has(variant)).map((variant) => variantName(id, variant));
}
