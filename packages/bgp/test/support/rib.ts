import { type Prefix, parsePrefix } from "@ocicat/net";
import { acceptAll, type Policy } from "../../src/filter/policy.ts";
import { AdjRibIn } from "../../src/rib/adj-rib-in.ts";
import { AttributeStore } from "../../src/rib/attribute-store.ts";
import type { NextHopResolver } from "../../src/rib/decision.ts";
import { LocRib } from "../../src/rib/loc-rib.ts";
import { OwnRoutes } from "../../src/rib/own-routes.ts";
import type { RibPeer } from "../../src/rib/path.ts";
import type { PathAttributes } from "../../src/wire/attributes/types.ts";
import { address4 } from "./lab.ts";

export const SELF = {
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

/** A Loc-RIB with sources to put into it. */
export class RibLab {
  readonly store = new AttributeStore();
  readonly locRib: LocRib;
  readonly own: OwnRoutes;

  constructor(resolve: NextHopResolver = () => ({ reachable: true, metric: 0 })) {
    this.locRib = new LocRib(resolve, true);
    this.own = new OwnRoutes(this.locRib, this.store);
  }

  adjRibIn(peer: RibPeer, policy: Policy = acceptAll): AdjRibIn {
    return new AdjRibIn({ peer, locRib: this.locRib, store: this.store, self: SELF, policy });
  }

  /** The best path's peer and step: "peer 10.0.0.1: shortest AS_PATH". */
  best(prefix: Prefix | string): string {
    this.locRib.settle(1000);
    const selected = this.locRib.find(typeof prefix === "string" ? parsePrefix(prefix) : prefix)?.selected;
    return selected === undefined ? "none" : `${selected.best.source?.name ?? "own"}: ${selected.step}`;
  }
}
