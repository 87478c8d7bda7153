import { type Address, familyOf, formatAddress, Prefix, parsePrefix } from "@ocicat/net";
import type { PolicyModel } from "../model/model.ts";
import type { Rule } from "../model/rule.ts";
import type { Party } from "./party.ts";
import { Traits } from "./traits.ts";

const EVERYTHING = ["0.0.0.0/0", "::/0"].map((text) => parsePrefix(text));

/** Addresses of nobody in the models, by what the rules can tell of them. `taken`: the others, as text. */
export function outsideParties(
  rules: readonly Rule[],
  models: readonly PolicyModel[],
  taken: ReadonlySet<string>,
): readonly Party[] {
  const traits = new Traits([], rules);
  const networks = [...EVERYTHING, ...traits.networks(models)];
  const unique = [...new Map(networks.map((network) => [network.toString(), network])).values()];
  const places = unique
    .sort((a, b) => a.family - b.family || Prefix.compare(a, b))
    .flatMap((network, index, all) => {
      const address = freeAddress(network, all.slice(index + 1), taken);
      return address === undefined ? [] : [{ network, address }];
    });
  const groups = Map.groupBy(
    places,
    ({ address }) => `${familyOf(address)} ${models.map((model) => traits.ofAddress(address, model)).join("\n")}`,
  );
  return Array.from(groups.values(), (group) => ({
    kind: "outside" as const,
    members: group.map(({ network, address }) => ({
      name: network.length === 0 ? `elsewhere (IPv${network.family})` : network.toString(),
      node: undefined,
      key: undefined,
      addresses: [address],
    })),
  }));
}

/** One that lies in the network and in none of those inside it; `after`: those that come after it in order. */
function freeAddress(network: Prefix, after: readonly Prefix[], taken: ReadonlySet<string>): Address | undefined {
  const last = BigInt(network.last);
  let cursor = BigInt(network.address);
  const at = (value: bigint) => network.nth(value - BigInt(network.address));
  for (const inner of after) {
    if (!network.covers(inner)) break;
    cursor = skipTaken(cursor);
    if (cursor < BigInt(inner.address)) return at(cursor);
    const end = BigInt(inner.last) + 1n;
    if (end > cursor) cursor = end;
  }
  cursor = skipTaken(cursor);
  return cursor > last ? undefined : at(cursor);

  function skipTaken(from: bigint): bigint {
    let value = from;
    while (value <= last && taken.has(formatAddress(at(value)))) value += 1n;
    return value;
  }
}
