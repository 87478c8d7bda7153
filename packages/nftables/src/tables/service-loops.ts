import { origin } from "@ocicat/kit";
import type { Family } from "@ocicat/net";
import { baseChain } from "../ir/chain.ts";
import { COUNTER, equal, inSet, reject, verdict } from "../ir/expression.ts";
import { meta, payload } from "../ir/operand.ts";
import { rule } from "../ir/rule.ts";
import { element, set } from "../ir/set.ts";
import { type Table, type TableRef, table } from "../ir/table.ts";
import { number, prefixValue } from "../ir/value.ts";
import { DROP } from "../ir/verdict.ts";
import { type AttributedPrefix, disjoint } from "./disjoint.ts";

export const SERVICE_TABLE: TableRef = Object.freeze({ family: "inet", name: "ocicat-services" });

export interface ServiceLoopOptions {
  /** Ranges of services that nodes announce. */
  readonly ranges: readonly AttributedPrefix[];
  /** FelixConfiguration's serviceLoopPrevention. */
  readonly action: "drop" | "reject";
}

/** Behind whoever answers for services without endpoints, who says more: kube-proxy's rules are at 0 and before. */
const BEHIND_FILTERS = 10;

const NFPROTO: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const FAMILIES = {
  4: { key: "ipv4_addr", destination: payload("ip daddr"), set: "ranges4" },
  6: { key: "ipv6_addr", destination: payload("ip6 daddr"), set: "ranges6" },
} as const;

/**
 * All nodes announce services' ranges, so that a router sends them what is for any address in one. What no service has is not
 * translated here; forwarded, it would go out by the default route, to the router, and come back until its hops are used up.
 *
 *     forward    ip daddr @ranges4 drop     the same for IPv6
 *
 * None without a range.
 */
export function serviceLoops({ ranges, action }: ServiceLoopOptions): readonly Table[] {
  const families = ([4, 6] as const).filter((family) => ranges.some(({ prefix }) => prefix.family === family));
  if (families.length === 0) return [];
  const why = origin("an address in a range of services that no service here has: forwarded it would come back");
  return [
    table({
      ...SERVICE_TABLE,
      origin: origin("what is for services' ranges ends here"),
      sets: families.map((family) =>
        set({
          name: FAMILIES[family].set,
          key: FAMILIES[family].key,
          interval: true,
          origin: origin(`IPv${family} ranges of services that are announced`),
          elements: disjoint(ranges.filter(({ prefix }) => prefix.family === family)).map((range) =>
            element(range.origin, prefixValue(range.prefix)),
          ),
        }),
      ),
      chains: [
        baseChain({
          name: "forward",
          type: "filter",
          hook: "forward",
          priority: BEHIND_FILTERS,
          policy: "accept",
          origin: why,
          rules: families.map((family) =>
            rule(
              why,
              equal(meta("nfproto"), number(NFPROTO[family])),
              inSet(FAMILIES[family].destination, FAMILIES[family].set),
              COUNTER,
              action === "drop" ? verdict(DROP) : reject("icmpx", "port-unreachable"),
            ),
          ),
        }),
      ],
    }),
  ];
}
