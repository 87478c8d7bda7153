import { type Address, type Family, Prefix } from "@ocicat/net";
import type { NextHop, Route, Rule } from "../kernel.ts";
import { LEADS_NOWHERE } from "../validate.ts";
import { isInLocalTable } from "./local-table.ts";
import type { FakeNamespace } from "./namespace.ts";
import { refuse } from "./refusal.ts";

const MAIN = 254;
const SCOPE_LINK = 253;
const SCOPE_HOST = 254;

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
  if (LEADS_NOWHERE.has(route.kind)) return { ...route, scope: six ? 0 : route.scope };
  const nextHops = route.nextHops.map((hop) => (six ? hopOfIpv6(namespace, hop) : hopOfIpv4(namespace, route, hop)));
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
    if (isInLocalTable(namespace, via)) refuse("EINVAL", "Nexthop has invalid gateway");
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
    (entry) =>
      entry.address === via &&
      (linkIndex === 0 || entry.linkIndex === linkIndex) &&
      namespace.links.get(entry.linkIndex)?.up === true,
  );
  if (own !== undefined && route.scope < SCOPE_HOST) return own.linkIndex;
  const scope = Math.max(route.scope + 1, SCOPE_LINK);
  for (const table of tablesFor(namespace, route.table, via)) {
    const [best] = namespace.routes
      .filter((each) => each.table === table && each.scope >= scope && leadsTo(each, via, linkIndex))
      .toSorted((a, b) => b.destination.length - a.destination.length || a.metric - b.metric);
    if (best !== undefined) return linkIndex === 0 ? best.nextHops[0]?.linkIndex : linkIndex;
  }
  return undefined;
}

/** The route's own table first, then as the rules say for a packet without source and mark. */
function tablesFor({ rules }: FakeNamespace, own: number, via: Address): Set<number> {
  const applies = ({ family, source, destination, mark }: Rule) =>
    family === 4 && source === undefined && mark === undefined && (destination?.has(via) ?? true);
  return new Set([...(own === MAIN ? [] : [own]), ...rules.filter(applies).map((rule) => rule.table)]);
}

/** On any link if the index is 0. */
function leadsTo(route: Route, address: Address, linkIndex: number): boolean {
  return (
    route.kind === "unicast" &&
    route.destination.has(address) &&
    route.nextHops.some((hop) => linkIndex === 0 || hop.linkIndex === linkIndex)
  );
}

/** The checks in the kernel's order: what is wrong twice is answered by the first. */
function hopOfIpv6(namespace: FakeNamespace, hop: NextHop): NextHop {
  const { via, linkIndex, onlink } = hop;
  if (linkIndex !== 0 && !namespace.links.has(linkIndex)) refuse("ENODEV");
  if (onlink) {
    requireUp(namespace, linkIndex, "Nexthop device is down");
    if (via !== undefined && leadsElsewhere(namespace, via, linkIndex)) {
      refuse("EINVAL", "Nexthop has invalid gateway or device mismatch");
    }
  }
  const found = via === undefined || onlink ? linkIndex : linkOfIpv6Gateway(namespace, via, linkIndex);
  if (via !== undefined && namespace.isLocal(via)) refuse("EINVAL", "Gateway can not be a local address");
  requireUp(namespace, found, "Nexthop device is down");
  return { ...hop, linkIndex: found };
}

/** A route more specific than the default leads to the gateway by another link. */
function leadsElsewhere(namespace: FakeNamespace, via: Address, linkIndex: number): boolean {
  const covering = namespace.routes.filter(
    (route) => route.table === MAIN && route.destination.length > 0 && route.destination.has(via),
  );
  const longest = Math.max(...covering.map((route) => route.destination.length));
  const best = covering.filter((route) => route.destination.length === longest && !LEADS_NOWHERE.has(route.kind));
  return best.length > 0 && !best.some((route) => uses(route, linkIndex));
}

function linkOfIpv6Gateway(namespace: FakeNamespace, via: Address, linkIndex: number): number {
  if (namespace.isLocal(via)) refuse("EINVAL", "Gateway can not be a local address");
  if (linkIndex !== 0 && isLinkLocal(via)) return linkIndex;
  const onLink = namespace.routes.find(
    (route) => leadsTo(route, via, linkIndex) && route.nextHops.every((each) => each.via === undefined),
  );
  const [hop] = (onLink ?? refuse("EHOSTUNREACH")).nextHops;
  return linkIndex === 0 ? (hop?.linkIndex ?? 0) : linkIndex;
}

/** fe80::/10 */
function isLinkLocal(address: Address): boolean {
  return typeof address === "bigint" && address >> 118n === 0x3fan;
}

/**
 * What the kernel does when a link goes down: a route goes when none of its next hops lives; in IPv6 it is announced, in
 * IPv4 not a word.
 */
export function flushDownRoutes(namespace: FakeNamespace, linkIndex: number): void {
  dropRoutes(namespace, (route) => diesWith(namespace, route, linkIndex));
}

/** When it goes away: an IPv4 route goes with any of its next hops, an IPv6 route loses that one. */
export function flushGoneRoutes(namespace: FakeNamespace, linkIndex: number): void {
  dropRoutes(namespace, (route) => route.destination.family === 4 && uses(route, linkIndex));
  namespace.routes = namespace.routes.map((route) =>
    uses(route, linkIndex)
      ? { ...route, nextHops: route.nextHops.filter((hop) => hop.linkIndex !== linkIndex) }
      : route,
  );
}

/** When its last IPv4 address goes: IPv4 routes, as if it went down. */
export function flushIpv4Routes(namespace: FakeNamespace, linkIndex: number): void {
  dropRoutes(namespace, (route) => route.destination.family === 4 && diesWith(namespace, route, linkIndex));
}

/** IPv4 routes of the main table that prefer a source that is no longer there. */
export function flushRoutesPreferring(namespace: FakeNamespace, address: Address): void {
  const prefers = (route: Route) => route.preferredSource === address && route.table === MAIN;
  dropRoutes(namespace, (route) => route.destination.family === 4 && prefers(route));
}

function diesWith(namespace: FakeNamespace, route: Route, linkIndex: number): boolean {
  const lives = (hop: NextHop) => hop.linkIndex !== linkIndex && namespace.links.get(hop.linkIndex)?.up === true;
  return uses(route, linkIndex) && !route.nextHops.some(lives);
}

function uses(route: Route, linkIndex: number): boolean {
  return route.nextHops.some((hop) => hop.linkIndex === linkIndex);
}

/** Routes that the kernel itself lets go of: announced in IPv6 only. */
function dropRoutes(namespace: FakeNamespace, which: (route: Route) => boolean): void {
  const gone = namespace.routes.filter(which);
  namespace.routes = namespace.routes.filter((route) => !which(route));
  for (const route of gone) if (route.destination.family === 6) namespace.notifier.tell({ type: "route.gone", route });
}

/** An IPv6 route's MTU that the link no longer allows, or that was the link's, becomes the link's; in IPv4 it stays. */
export function limitRouteMtu(namespace: FakeNamespace, linkIndex: number, before: number, now: number): void {
  const follows = ({ destination, nextHops, mtu }: Route) =>
    destination.family === 6 &&
    nextHops.some((hop) => hop.linkIndex === linkIndex) &&
    mtu !== undefined &&
    (mtu >= now || mtu === before);
  namespace.routes = namespace.routes.map((route) => (follows(route) ? { ...route, mtu: now } : route));
}
