import { type Address, type Family, familyOf, Prefix } from "@ocicat/net";
import type { NextHop, Route, RouteKind } from "../kernel.ts";
import type { FakeNamespace } from "./namespace.ts";
import { refuse } from "./refusal.ts";

const MAIN = 254;
const DEFAULT = 253;

const LEADS_NOWHERE: ReadonlySet<RouteKind> = new Set(["blackhole", "unreachable", "prohibit", "throw"]);

export function replaceRoute(namespace: FakeNamespace, wanted: Route): void {
  const route = accepted(namespace, wanted);
  const present = namespace.routes.findIndex((each) => sameIdentity(each, route));
  const before = namespace.routes[present];
  if (before === undefined) namespace.routes.push(route);
  else namespace.routes[present] = route;
  // An IPv4 route that is there already is not announced again.
  if (before !== undefined && route.destination.family === 4 && sameRoute(before, route)) return;
  namespace.notifier.tell({ type: "route", route });
}

/** A metric of 0 stands for any in IPv4, the lowest first; the kind is looked at in IPv4 only. As the kernel does. */
export function deleteRoute(namespace: FakeNamespace, wanted: Route): void {
  const four = wanted.destination.family === 4;
  const [first] = namespace.routes
    .filter(
      (route) =>
        route.table === wanted.table &&
        route.destination.equals(wanted.destination) &&
        route.destination.family === wanted.destination.family &&
        (route.metric === wanted.metric || (four && wanted.metric === 0)) &&
        (route.kind === wanted.kind || !four) &&
        (route.protocol === wanted.protocol || wanted.protocol === 0),
    )
    .toSorted((a, b) => a.metric - b.metric);
  const present = first ?? refuse("ESRCH");
  namespace.routes = namespace.routes.filter((route) => route !== present);
  namespace.notifier.tell({ type: "route.gone", route: present });
}

export function listRoutes(routes: readonly Route[], family: Family): Route[] {
  return routes
    .filter((route) => route.destination.family === family)
    .toSorted((a, b) => a.table - b.table || Prefix.compare(a.destination, b.destination) || a.metric - b.metric);
}

function sameIdentity(a: Route, b: Route): boolean {
  return (
    a.table === b.table &&
    a.metric === b.metric &&
    a.destination.family === b.destination.family &&
    a.destination.equals(b.destination)
  );
}

function sameRoute(a: Route, b: Route): boolean {
  return (
    a.kind === b.kind &&
    a.protocol === b.protocol &&
    a.scope === b.scope &&
    a.preferredSource === b.preferredSource &&
    a.mtu === b.mtu &&
    a.nextHops.length === b.nextHops.length &&
    a.nextHops.every((hop, index) => sameHop(hop, b.nextHops[index]))
  );
}

function sameHop(a: NextHop, b: NextHop | undefined): boolean {
  return a.via === b?.via && a.linkIndex === b?.linkIndex && a.weight === b.weight && a.onlink === b.onlink;
}

/** As the kernel would keep it; throws Refusal if it would not. */
function accepted(namespace: FakeNamespace, route: Route): Route {
  const six = route.destination.family === 6;
  const nextHops = LEADS_NOWHERE.has(route.kind)
    ? []
    : route.nextHops.map((hop) => (six ? hopOfIpv6(namespace, hop) : hopOfIpv4(namespace, route, hop)));
  const { preferredSource } = route;
  if (preferredSource !== undefined && !namespace.isLocal(preferredSource)) {
    refuse("EINVAL", six ? "Invalid source address" : "Invalid prefsrc address");
  }
  const [only] = nextHops;
  // The weight of a single next hop means nothing, and is not kept.
  const kept = nextHops.length === 1 && only !== undefined ? [{ ...only, weight: 1 }] : nextHops;
  return { ...route, scope: six ? 0 : route.scope, nextHops: kept };
}

function hopOfIpv4(namespace: FakeNamespace, route: Route, hop: NextHop): NextHop {
  const { via, linkIndex, onlink } = hop;
  if (via !== undefined && typeof via === "bigint") return hopOfIpv6(namespace, hop);
  if (via === undefined) {
    requireUp(namespace, linkIndex, "Device for nexthop is not up");
    return hop;
  }
  if (onlink) {
    requireUp(namespace, linkIndex, "Nexthop device is not up");
    return hop;
  }
  const found = linkOfGateway(namespace, route, via, linkIndex) ?? refuse("ENETUNREACH", "Nexthop has invalid gateway");
  return { ...hop, linkIndex: found };
}

function requireUp(namespace: FakeNamespace, index: number, message: string): void {
  const link = namespace.links.get(index) ?? refuse("ENODEV");
  if (!link.up) refuse("ENETDOWN", message);
}

/**
 * The kernel looks the gateway up as a packet to it would be, but only among routes of a narrower scope than the new one: a
 * gateway of a universe route must be reached directly. Own addresses will do.
 */
function linkOfGateway(namespace: FakeNamespace, route: Route, via: Address, linkIndex: number): number | undefined {
  const own = namespace.addresses.find(
    (entry) => entry.address === via && namespace.links.get(entry.linkIndex)?.up === true,
  );
  if (own !== undefined && route.scope < 254) return linkIndex === 0 ? own.linkIndex : linkIndex;
  for (const table of new Set([route.table, MAIN, DEFAULT])) {
    const [best] = namespace.routes
      .filter((each) => each.table === table && each.scope > route.scope && leadsTo(each, via, linkIndex))
      .toSorted((a, b) => b.destination.length - a.destination.length || a.metric - b.metric);
    if (best !== undefined) return linkIndex === 0 ? best.nextHops[0]?.linkIndex : linkIndex;
  }
  return undefined;
}

/** On any link if the index is 0. */
function leadsTo(route: Route, address: Address, linkIndex: number): boolean {
  return (
    route.kind === "unicast" &&
    route.destination.has(address) &&
    route.nextHops.some((hop) => linkIndex === 0 || hop.linkIndex === linkIndex)
  );
}

function hopOfIpv6(namespace: FakeNamespace, hop: NextHop): NextHop {
  const { via, linkIndex, onlink } = hop;
  if (linkIndex !== 0) requireUp(namespace, linkIndex, "");
  if (via === undefined) return linkIndex === 0 ? refuse("ENODEV") : hop;
  if (namespace.isLocal(via)) refuse("EINVAL", "Gateway can not be a local address");
  if (onlink || (linkIndex !== 0 && isLinkLocal(via))) return hop;
  const onLink = namespace.routes.find(
    (route) => leadsTo(route, via, linkIndex) && route.nextHops.every((each) => each.via === undefined),
  );
  if (onLink === undefined) return refuse("EHOSTUNREACH");
  return { ...hop, linkIndex: linkIndex === 0 ? (onLink.nextHops[0]?.linkIndex ?? 0) : linkIndex };
}

/** fe80::/10 */
function isLinkLocal(address: Address): boolean {
  return typeof address === "bigint" && address >> 118n === 0x3fan;
}

/**
 * What the kernel does when a link goes down. IPv4: a route goes when none of its next hops lives, without a word. IPv6: next
 * hops on the link go, and a route with its last one, announced.
 */
export function flushLinkRoutes(namespace: FakeNamespace, linkIndex: number, only?: Family): void {
  const lives = (hop: NextHop) => hop.linkIndex !== linkIndex && namespace.links.get(hop.linkIndex)?.up === true;
  const kept: Route[] = [];
  for (const route of namespace.routes) {
    const { family } = route.destination;
    const touched = route.nextHops.some((hop) => hop.linkIndex === linkIndex);
    if (!touched || (only !== undefined && only !== family)) kept.push(route);
    else if (family === 4) {
      if (route.nextHops.some(lives)) kept.push(route);
    } else {
      const rest = route.nextHops.filter((hop) => hop.linkIndex !== linkIndex);
      if (rest.length > 0) kept.push({ ...route, nextHops: rest });
      namespace.notifier.tell({ type: "route.gone", route });
    }
  }
  namespace.routes = kept;
}

/** Without a word, as the kernel. */
export function flushRoutesPreferring(namespace: FakeNamespace, address: Address): void {
  if (familyOf(address) === 6) return;
  namespace.routes = namespace.routes.filter((route) => route.preferredSource !== address);
}
