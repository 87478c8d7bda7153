import { origin } from "@ocicat/kit";
import type { Family } from "@ocicat/net";
import { element, type NamedSet, number, type SetRef, set, verdictMap } from "@ocicat/nftables";
import { DISPATCHES, type DispatchName } from "./dispatch.ts";
import { addressTypeOf } from "./match/fields.ts";
import { POLICY_TABLE } from "./names.ts";

/**
 * Source, destination and their ports of TCP connections that lost their permission, both ways round; elements have a
 * timeout.
 */
export const REVOKED: Readonly<Record<Family, SetRef>> = Object.freeze({
  4: Object.freeze({ table: POLICY_TABLE, set: "revoked4" }),
  6: Object.freeze({ table: POLICY_TABLE, set: "revoked6" }),
});

export const NEIGHBOUR_TYPES = "neighbour-types";

/** MLD query, report, done; router solicitation; neighbour solicitation and advertisement. */
const TYPES = [130, 131, 132, 133, 135, 136];

/** Sets that are there whatever the policies are. */
export function staticSets(): readonly NamedSet[] {
  return [
    ...([4, 6] as const).map((family) =>
      set({
        name: REVOKED[family].set,
        key: [addressTypeOf(family), addressTypeOf(family), "inet_service", "inet_service"],
        timeout: true,
        origin: origin("TCP connections that lost their permission"),
      }),
    ),
    set({
      name: NEIGHBOUR_TYPES,
      key: "icmpv6_type",
      origin: origin("ICMPv6 without which there is no IPv6"),
      elements: TYPES.map((type) => element(origin("neighbour discovery"), number(type))),
    }),
  ];
}

/** Interface → group chain. */
export function dispatchMap(name: DispatchName): NamedSet {
  const { map, kind, stage, direction } = DISPATCHES[name];
  return verdictMap({ name: map, key: "ifname", origin: origin(`${stage} ${direction} policies of each ${kind}`) });
}
