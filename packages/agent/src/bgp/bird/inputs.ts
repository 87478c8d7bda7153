import type { AnyCommunity } from "@ocicat/bgp";
import type { Family, Prefix } from "@ocicat/net";
import type { PoolRow } from "@ocicat/routing";
import type { BgpFilterRow } from "../../tables/bgp-filter-row.ts";
import type { PrefixAdvertisement } from "../../tables/bgp-rows.ts";
import type { Session } from "../sessions.ts";

/** Everything that BIRD's configuration is made from. */
export interface BirdInputs {
  readonly node: string;
  readonly routerId: string;
  readonly localAs: number;
  readonly port: number;
  /** The one address to listen at; undefined: all. */
  readonly bindTo: string | undefined;
  /** Those that are to be held. */
  readonly sessions: readonly Session[];
  readonly filters: readonly BgpFilterRow[];
  readonly pools: readonly PoolRow[];
  readonly advertisements: readonly PrefixAdvertisement[];
  /** Blocks of this node. */
  readonly blocks: readonly Prefix[];
  /** What it announces besides: services' addresses. */
  readonly statics: readonly Prefix[];
  /** Priority of routes without a LOCAL_PREF. */
  readonly normalPriority: Readonly<Record<Family, number>>;
  /** Interfaces whose subnets BIRD is not to know, by name or with `*`. */
  readonly ignoredInterfaces: readonly string[];
  /** Ranges whose routes a reflector passes on. */
  readonly reflected: readonly Prefix[];
}

/** `bgp_community.add((64512, 100));` and the like. */
export function addCommunity(community: AnyCommunity): string {
  return `${attributeOf(community)}.add(${tuple(community)});`;
}

export function attributeOf(community: AnyCommunity): string {
  return typeof community === "number" ? "bgp_community" : "bgp_large_community";
}

export function tuple(community: AnyCommunity): string {
  const parts = typeof community === "number" ? [community >>> 16, community & 0xffff] : community;
  return `(${parts.join(", ")})`;
}
