import { bitsOf, type Family, type Prefix } from "@ocicat/net";
import { hasCommunity } from "./community.ts";
import type { PolicyPeer, PolicyRoute } from "./policy.ts";
import { priorityOf } from "./priority.ts";
import type { Destination, FilterRule } from "./rule.ts";

/** What a filter cannot see in a route itself. */
export interface FilterWorld {
  /** The interface that packets of a route leave by, while that is known. */
  readonly interfaceOf?: ((route: PolicyRoute) => string | undefined) | undefined;
  /** The priority of routes without a LOCAL_PREF; 1024. */
  readonly normalPriority?: Readonly<Record<Family, number>> | undefined;
}

export type Match = (route: PolicyRoute, peer: PolicyPeer) => boolean;

/** The questions of a rule, the cheap ones first. None: it applies to every route. */
export function matchesOf(rule: FilterRule, world: FilterWorld): readonly Match[] {
  const { destination, peer, learned, priority, community, asPathPrefix = [], interface: pattern } = rule;
  return [
    peer === undefined ? [] : matchPeer(peer),
    learned === true ? ((({ source }) => source !== undefined) satisfies Match) : [],
    destination === undefined ? [] : matchDestination(destination),
    priority === undefined ? [] : matchPriority(priority, world),
    community === undefined ? [] : ((({ attributes }) => hasCommunity(attributes, community)) satisfies Match),
    asPathPrefix.length === 0 ? [] : matchAsPath(asPathPrefix),
    pattern === undefined ? [] : matchInterface(pattern, world),
  ].flat();
}

function matchPeer(wanted: "internal" | "external"): Match {
  const internal = wanted === "internal";
  return (_route, peer) => peer.internal === internal;
}

function matchPriority(wanted: number, { normalPriority }: FilterWorld): Match {
  return ({ attributes, prefix }) => priorityOf(attributes, normalPriority?.[prefix.family]) === wanted;
}

function matchDestination({ network, operator, minLength, maxLength }: Destination): Match {
  const negated = operator === "NotEqual" || operator === "NotIn";
  const ranged = minLength !== undefined || maxLength !== undefined;
  const exact = !ranged && (operator === "Equal" || operator === "NotEqual");
  const least = exact ? network.length : Math.max(network.length, minLength ?? 0);
  const most = exact ? network.length : (maxLength ?? bitsOf(network.family));
  const inside = insideOf(network);
  return ({ prefix }) => (prefix.length >= least && prefix.length <= most && inside(prefix)) !== negated;
}

/** Whether a prefix that is at least as long begins with the network's bits. A million routes pass here: no Prefix is made. */
function insideOf({ address, length }: Prefix): (prefix: Prefix) => boolean {
  if (typeof address === "number") {
    const mask = length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
    return ({ address: other }) => typeof other === "number" && (other & mask) >>> 0 === address;
  }
  const shift = 128n - BigInt(length);
  const bits = address >> shift;
  return ({ address: other }) => typeof other === "bigint" && other >> shift === bits;
}

/** The AS numbers at the beginning, whatever segments of sequences they are spread over. */
function matchAsPath(wanted: readonly number[]): Match {
  return ({ attributes }) => {
    let at = 0;
    for (const { type, asns } of attributes.asPath) {
      if (type !== "sequence") return false;
      for (const as of asns) {
        if (as !== wanted[at]) return false;
        at += 1;
        if (at === wanted.length) return true;
      }
    }
    return false;
  };
}

function matchInterface(pattern: string, { interfaceOf }: FilterWorld): Match {
  const expression = new RegExp(`^${pattern.split("*").map(literally).join(".*")}$`);
  return (route) => {
    const name = interfaceOf?.(route);
    return name !== undefined && expression.test(name);
  };
}

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
