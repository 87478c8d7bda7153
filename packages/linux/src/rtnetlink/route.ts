import { type Address, addressToBytes, ByteReader, type Family, familyOf, ipv4, ipv6, Prefix } from "@ocicat/net";
import {
  type AttributeSink,
  Attributes,
  AttributeWriter,
  type MessageWriter,
  NLM_F_CREATE,
  NLM_F_REPLACE,
} from "@ocicat/netlink";
import type { NextHop, Route, RouteKind } from "../kernel/kernel.ts";
import { LEADS_NOWHERE } from "../kernel/validate.ts";
import {
  IPV6_DEFAULT_METRIC,
  RT_SCOPE_NOWHERE,
  RT_TABLE_COMPAT,
  RTM_DELROUTE,
  RTM_F_CLONED,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTNH_F_ONLINK,
} from "./constants.ts";
import { addressFamily, addressFamilyOf, addressIn, familyFrom } from "./family.ts";
import { FixedHeader } from "./header.ts";

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTAX_MTU = 2;

const KINDS: readonly (RouteKind | undefined)[] = [
  undefined,
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
];

const NUMBER_OF_KIND: ReadonlyMap<RouteKind | undefined, number> = new Map(KINDS.map((kind, number) => [kind, number]));

/*
 *      0        1         2         3     4       5          6       7      8            12
 *      +--------+---------+---------+-----+-------+----------+-------+------+------------+- - - - - -
 *      | family | dst len | src len | tos | table | protocol | scope | type | flags      | attributes
 *      +--------+---------+---------+-----+-------+----------+-------+------+------------+- - - - - -
 *                                          RTA_TABLE if       RT_SCOPE_* RTN_*  RTNH_F_* of a single
 *                                          above 255                            next hop, RTM_F_*
 */
const HEADER = 12;

/** Undefined for cached clones and for families and kinds that are none of ours. */
export function routeFrom(payload: Uint8Array): Route | undefined {
  const reader = new ByteReader(payload);
  const family = familyFrom(reader.u8());
  const length = reader.u8();
  reader.skip(2);
  const shortTable = reader.u8();
  const protocol = reader.u8();
  const scope = reader.u8();
  const kind = KINDS[reader.u8()];
  const flags = reader.u32le();
  if (family === undefined || kind === undefined || (flags & RTM_F_CLONED) !== 0) return undefined;
  const attributes = new Attributes(payload.subarray(HEADER));
  const metric = attributes.u32(RTA_PRIORITY) ?? 0;
  return {
    kind,
    destination: Prefix.of(addressIn(attributes.bytes(RTA_DST)) ?? anyOf(family), length),
    table: attributes.u32(RTA_TABLE) ?? shortTable,
    protocol,
    scope,
    metric: family === 6 && metric === IPV6_DEFAULT_METRIC ? 0 : metric,
    preferredSource: addressIn(attributes.bytes(RTA_PREFSRC)),
    nextHops: nextHopsIn(attributes, kind, flags),
    mtu: attributes.nested(RTA_METRICS)?.u32(RTAX_MTU),
  };
}

function anyOf(family: Family): Address {
  return family === 4 ? ipv4(0) : ipv6(0n);
}

function nextHopsIn(attributes: Attributes, kind: RouteKind, flags: number): NextHop[] {
  // The kernel puts those of IPv6 on the loopback device; they have no next hop all the same.
  if (LEADS_NOWHERE.has(kind)) return [];
  const several = attributes.bytes(RTA_MULTIPATH);
  if (several !== undefined) return multipathIn(several);
  const linkIndex = attributes.u32(RTA_OIF);
  const via = gatewayIn(attributes);
  if (linkIndex === undefined && via === undefined) return [];
  return [{ via, linkIndex: linkIndex ?? 0, weight: 1, onlink: (flags & RTNH_F_ONLINK) !== 0 }];
}

/** RTA_GATEWAY is of the route's family; RTA_VIA names its own, 2 bytes, before the address. */
function gatewayIn(attributes: Attributes): Address | undefined {
  return addressIn(attributes.bytes(RTA_GATEWAY) ?? attributes.bytes(RTA_VIA)?.subarray(2));
}

/*
 *      0         2       3            4            8
 *      +---------+-------+------------+------------+- - - - - -+
 *      | length  | flags | weight - 1 | link index | attributes|  one after the other
 *      +---------+-------+------------+------------+- - - - - -+
 *        with attributes
 */
const NEXT_HOP_HEADER = 8;

function multipathIn(payload: Uint8Array): NextHop[] {
  const hops: NextHop[] = [];
  const reader = new ByteReader(payload);
  while (reader.left >= NEXT_HOP_HEADER) {
    const length = reader.u16le();
    const flags = reader.u8();
    const weight = reader.u8() + 1;
    const linkIndex = reader.i32le();
    const attributes = new Attributes(reader.bytes(length - NEXT_HOP_HEADER));
    reader.skip(Math.min((4 - (length & 3)) & 3, reader.left));
    hops.push({ via: gatewayIn(attributes), linkIndex, weight, onlink: (flags & RTNH_F_ONLINK) !== 0 });
  }
  return hops;
}

/** A dump; with a table, of that table only (needs NETLINK_GET_STRICT_CHK to be so). */
export function encodeGetRoutes(
  out: MessageWriter,
  flags: number,
  sequence: number,
  family: Family,
  table?: number,
): void {
  out.begin(RTM_GETROUTE, flags, sequence, new FixedHeader(HEADER).u8(0, addressFamily(family)).bytes);
  if (table !== undefined) out.u32(RTA_TABLE, table);
}

export function encodeReplaceRoute(out: MessageWriter, flags: number, sequence: number, route: Route): void {
  const [hop, ...others] = route.nextHops;
  const single = others.length === 0 ? hop : undefined;
  const header = routeHeader(route)
    .u8(6, route.scope)
    .u32(8, single?.onlink ? RTNH_F_ONLINK : 0);
  out.begin(RTM_NEWROUTE, flags | NLM_F_CREATE | NLM_F_REPLACE, sequence, header.bytes);
  identity(out, route);
  if (route.metric !== 0) out.u32(RTA_PRIORITY, route.metric);
  if (route.preferredSource !== undefined) out.bytes(RTA_PREFSRC, addressToBytes(route.preferredSource));
  if (route.mtu !== undefined) {
    const { mtu } = route;
    out.nested(RTA_METRICS, (metrics) => metrics.u32(RTAX_MTU, mtu));
  }
  if (single !== undefined) nextHop(out, route, single);
  else if (route.nextHops.length > 0) out.bytes(RTA_MULTIPATH, multipath(route));
}

/**
 * The metric 0 deletes an IPv4 route of any metric, the lowest first (the kernel's rule); kind and protocol narrow it. For
 * IPv6 the default is written out, so that it is exact.
 */
export function encodeDeleteRoute(out: MessageWriter, flags: number, sequence: number, route: Route): void {
  out.begin(RTM_DELROUTE, flags, sequence, routeHeader(route).u8(6, RT_SCOPE_NOWHERE).bytes);
  identity(out, route);
  const metric = route.metric === 0 && route.destination.family === 6 ? IPV6_DEFAULT_METRIC : route.metric;
  if (metric !== 0) out.u32(RTA_PRIORITY, metric);
}

function routeHeader({ destination, table, protocol, kind }: Route): FixedHeader {
  return new FixedHeader(HEADER)
    .u8(0, addressFamily(destination.family))
    .u8(1, destination.length)
    .u8(4, table > 255 ? RT_TABLE_COMPAT : table)
    .u8(5, protocol)
    .u8(7, NUMBER_OF_KIND.get(kind) ?? 0);
}

function identity(out: AttributeSink, { destination, table }: Route): void {
  if (destination.length > 0) out.bytes(RTA_DST, addressToBytes(destination.address));
  if (table > 255) out.u32(RTA_TABLE, table);
}

function nextHop(out: AttributeSink, route: Route, hop: NextHop): void {
  if (hop.linkIndex !== 0) out.u32(RTA_OIF, hop.linkIndex);
  gateway(out, route, hop);
}

function gateway(out: AttributeSink, route: Route, { via }: NextHop): void {
  if (via === undefined) return;
  const bytes = addressToBytes(via);
  if (familyOf(via) === route.destination.family) out.bytes(RTA_GATEWAY, bytes);
  else out.bytes(RTA_VIA, Uint8Array.of(addressFamilyOf(via), 0, ...bytes));
}

function multipath(route: Route): Uint8Array {
  const out = new AttributeWriter();
  for (const hop of route.nextHops) {
    const attributes = new AttributeWriter(32);
    gateway(attributes, route, hop);
    const header = new FixedHeader(NEXT_HOP_HEADER)
      .u16(0, NEXT_HOP_HEADER + attributes.length)
      .u8(2, hop.onlink ? RTNH_F_ONLINK : 0)
      .u8(3, hop.weight - 1)
      .u32(4, hop.linkIndex);
    out.raw(header.bytes).raw(attributes.finish());
  }
  return out.finish();
}
