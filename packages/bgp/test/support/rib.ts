import { type Prefix, parsePrefix } from "@ocicat/net";
import { acceptAll, type Policy } from "../../src/filter/policy.ts";
import { AdjRibIn } from "../../src/rib/adj-rib-in.ts";
import type { NextHopResolver } from "../../src/rib/decision.ts";
import { type Explanation, explain } from "../../src/rib/explain.ts";
import type { Self } from "../../src/rib/import.ts";
import { LocRib, type LocRibOptions } from "../../src/rib/loc-rib.ts";
import { OwnRoutes } from "../../src/rib/own-routes.ts";
import type { RibPeer } from "../../src/rib/sources.ts";
import type { PathAttributes } from "../../src/wire/attributes/types.ts";
import { address4 } from "./lab.ts";

export const SELF: Self = {
  localAs: 64512,
  allowedOwnAs: 0,
  routerId: address4("10.0.0.254"),
  addresses: [address4("10.0.0.254")],
};

export function ribPeer(ip: string, extra: Partial<RibPeer> = {}): RibPeer {
  return { name: `peer ${ip}`, address: address4(ip), as: 64512, internal: true, routerId: address4(ip), ...extra };
}

/** Attributes of an internal path with next hop 10.0.0.1, unless told. */
export function path(extra: Partial<PathAttributes> = {}): PathAttributes {
  return { origin: 0, asPath: [], nextHop: address4("10.0.0.1"), localPref: 100, ...extra };
}

/** What `settle` has reported of a prefix. */
export interface SettledPrefix {
  readonly prefix: string;
  readonly changed: boolean;
  /** The peer of the best of the paths that cannot be used, where there are only such. */
  readonly unreachable: string | undefined;
}

/** A Loc-RIB with sources to put into it. */
export class RibLab {
  readonly locRib: LocRib;
  readonly own: OwnRoutes;

  constructor(resolve?: NextHopResolver, options: LocRibOptions = {}) {
    this.locRib = new LocRib({ resolve, multipath: true, ...options });
    this.own = new OwnRoutes(this.locRib);
  }

  adjRibIn(peer: RibPeer, policy: Policy = acceptAll, self: Self = SELF): AdjRibIn {
    return new AdjRibIn({ peer, locRib: this.locRib, self, policy });
  }

  settle(limit = 1000): SettledPrefix[] {
    const { locRib } = this;
    const settled: SettledPrefix[] = [];
    locRib.settle(limit, (id, changed) => {
      const unreachable = locRib.unreachable(id);
      settled.push({
        prefix: locRib.prefixOf(id).toString(),
        changed,
        unreachable: unreachable && locRib.sources.peer(unreachable.source)?.name,
      });
    });
    return settled;
  }

  /** Prefixes whose selection has changed. */
  changes(): string[] {
    return this.settle().flatMap(({ prefix, changed }) => (changed ? [prefix] : []));
  }

  explain(prefix: Prefix | string): Explanation {
    return explain(typeof prefix === "string" ? parsePrefix(prefix) : prefix, this.locRib);
  }

  /** The best path's peer and step: "peer 10.0.0.1: shortest AS_PATH". */
  best(prefix: Prefix | string): string {
    const { locRib } = this;
    this.settle();
    const id = locRib.prefixes.find(typeof prefix === "string" ? parsePrefix(prefix) : prefix);
    const best = id === undefined ? undefined : locRib.told(id);
    if (id === undefined || best === undefined) return "none";
    return `${locRib.sources.peer(best.source)?.name ?? "own"}: ${locRib.stepOf(id)}`;
  }
}
