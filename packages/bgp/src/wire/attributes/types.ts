import type { Address, Family, Ipv4, Ipv6 } from "@ocicat/net";
import type { Nlri } from "../nlri.ts";

/** RFC 4271 §5.1.1: 0 IGP, 1 EGP, 2 INCOMPLETE; lower is preferred. */
export type OriginCode = 0 | 1 | 2;

/** RFC 4271 §5.1.2 and RFC 5065 §3. */
export interface AsSegment {
  readonly type: "set" | "sequence" | "confed-sequence" | "confed-set";
  /** 1 to 255 AS numbers, each 0..2^32-1, the latest AS first. */
  readonly asns: readonly number[];
}

export type AsPath = readonly AsSegment[];

export interface Aggregator {
  readonly as: number;
  readonly address: Ipv4;
}

/** RFC 8092: a global administrator (an AS number) and two numbers of its own, 32 bits each. */
export type LargeCommunity = readonly [global: number, one: number, two: number];

/** An attribute that this speaker does not know. Kept and passed on if transitive, with the partial bit set (RFC 4271 §9). */
export interface UnknownAttribute {
  readonly code: number;
  readonly flags: number;
  readonly value: Uint8Array;
}

/** RFC 4760 §3. */
export interface MpReach {
  readonly nlri: Nlri;
  readonly family: Family;
  /** IPv6 for IPv4 prefixes too, where RFC 8950 was agreed on. */
  readonly nextHop: Address;
  readonly linkLocalNextHop?: Ipv6;
}

/** RFC 4760 §4. */
export interface MpUnreach {
  readonly nlri: Nlri;
  readonly family: Family;
}

/** The attributes of an UPDATE as they stand on the wire: one member for each row of the attribute table. */
export interface WireAttributes {
  readonly origin: OriginCode;
  readonly asPath: AsPath;
  readonly nextHop: Ipv4;
  /** 0..2^32-1; lower is preferred. */
  readonly med: number;
  /** 0..2^32-1; higher is preferred. */
  readonly localPref: number;
  readonly atomicAggregate: true;
  readonly aggregator: Aggregator;
  /** RFC 1997: two 16-bit halves in one unsigned 32-bit number. */
  readonly communities: readonly number[];
  readonly originatorId: Ipv4;
  readonly clusterList: readonly Ipv4[];
  /** A family that is not ours decodes to undefined: it is ignored (RFC 4760 §6). */
  readonly mpReach: MpReach | undefined;
  readonly mpUnreach: MpUnreach | undefined;
  /** RFC 4360: 64 bits each, of which the first say what the rest is. */
  readonly extCommunities: readonly bigint[];
  readonly as4Path: AsPath;
  readonly as4Aggregator: Aggregator;
  readonly largeCommunities: readonly LargeCommunity[];
  /** RFC 9234: the AS that the route left towards a customer, a peer or a route server's client. */
  readonly onlyToCustomer: number;
}

/**
 * The attributes of a path inside the speaker: independent of how they travelled (2- or 4-octet AS numbers, next hop in
 * NEXT_HOP or in MP_REACH_NLRI). Immutable.
 */
export interface PathAttributes {
  readonly origin: OriginCode;
  readonly asPath: AsPath;
  /** The unspecified address stands for "this speaker" in a route of our own. */
  readonly nextHop: Address;
  readonly linkLocalNextHop?: Ipv6;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: Aggregator;
  readonly communities?: readonly number[];
  readonly extCommunities?: readonly bigint[];
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly originatorId?: Ipv4;
  readonly clusterList?: readonly Ipv4[];
  readonly onlyToCustomer?: number;
  /** By code, ascending. */
  readonly unknown?: readonly UnknownAttribute[];
}
