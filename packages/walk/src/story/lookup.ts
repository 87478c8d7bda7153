import type { Link, NextHop, Route } from "@ocicat/linux/kernel";
import { type Address, familyOf, formatAddress } from "@ocicat/net";
import type { Place, PlaceState } from "./record.ts";
import type { RouteMeaning, RouteStep } from "./story.ts";

/** What a place's routes say of a destination. */
export interface Found {
  /** Undefined: no route at all. */
  readonly route: Route | undefined;
  readonly hop: NextHop | undefined;
  readonly link: Link | undefined;
}

/**
 * The kernel's own search (ip-rule(8)): rules by priority, each one's table by longest prefix, then lowest metric; `throw`
 * and a table without a match go on to the next rule. Of several next hops the one by the interface `towards`, if it is
 * there. The packet is taken to have no mark.
 */
export function findRoute(state: PlaceState, source: Address, destination: Address, towards?: number): Found {
  for (const rule of state.rules.toSorted((a, b) => a.priority - b.priority)) {
    const applies =
      rule.family === familyOf(destination) &&
      (rule.source?.has(source) ?? true) &&
      (rule.destination?.has(destination) ?? true) &&
      (rule.mark === undefined || (rule.mark & (rule.markMask ?? 0xffff_ffff)) === 0);
    const route = applies ? bestRoute(state.routes, rule.table, destination) : undefined;
    if (route === undefined || route.kind === "throw") continue;
    const hop = route.nextHops.find((one) => one.linkIndex === towards) ?? route.nextHops[0];
    return { route, hop, link: state.links.find((link) => link.index === hop?.linkIndex) };
  }
  return { route: undefined, hop: undefined, link: undefined };
}

function bestRoute(routes: readonly Route[], table: number, destination: Address): Route | undefined {
  let best: Route | undefined;
  for (const route of routes) {
    if (route.table !== table || route.destination.family !== familyOf(destination)) continue;
    if (!route.destination.has(destination)) continue;
    const longer = route.destination.length - (best?.destination.length ?? -1);
    if (longer > 0 || (longer === 0 && route.metric < (best?.metric ?? 0))) best = route;
  }
  return best;
}

/** A look-up as a step of the story. */
export function routeStep(place: Place, destination: Address, { route, hop, link }: Found): RouteStep {
  const matched = route === undefined ? null : textOfPrefix(route);
  return {
    step: "route",
    place: place.name,
    destination: formatAddress(destination),
    meaning: meaningOf(place, route, hop, link),
    kind: route?.kind ?? "none",
    route: route === undefined ? null : routeText(route, place.state.links),
    matched,
    via: hop?.via === undefined ? null : formatAddress(hop.via),
    interface: link?.name ?? null,
    protocol: route === undefined ? null : protocolName(route.protocol),
    table: route?.table ?? null,
    why: route === undefined ? null : whyOf(place, route),
  };
}

/** The agent's reason for a route. */
export function whyOf(place: Place, route: Route): string | null {
  const destination = route.destination.toString();
  return place.whys.find((reason) => reason.destination === destination)?.why ?? null;
}

/** By BGP, and by IPAM: bird's number and Felix's. */
const OURS: ReadonlySet<number> = new Set([12, 80]);
const LEADS_NOWHERE: ReadonlySet<string> = new Set(["blackhole", "unreachable", "prohibit"]);
const HOST_BITS = { 4: 32, 6: 128 } as const;

function meaningOf(
  place: Place,
  route: Route | undefined,
  hop: NextHop | undefined,
  link: Link | undefined,
): RouteMeaning {
  if (route === undefined) return "none";
  if (LEADS_NOWHERE.has(route.kind)) return "nowhere";
  if (route.kind === "local") return "local";
  if (link?.kind === "ipip" || link?.kind === "vxlan") return link.kind;
  const { length, family } = route.destination;
  if (length === 0) return place.kind === "pod" ? "gateway" : "default";
  if (hop?.via === undefined) return length === HOST_BITS[family] && place.kind === "node" ? "pod" : "connected";
  return OURS.has(route.protocol) ? "block" : "other";
}

/** As `ip route` shows it. */
export function routeText(route: Route, links: readonly Link[]): string {
  const nameOf = (index: number) => links.find((link) => link.index === index)?.name ?? `if${index}`;
  const hops = route.nextHops.map(({ via, linkIndex, onlink }) =>
    [
      ...(via === undefined ? [] : [`via ${formatAddress(via)}`]),
      ...(linkIndex === 0 ? [] : [`dev ${nameOf(linkIndex)}`]),
      ...(onlink ? ["onlink"] : []),
    ].join(" "),
  );
  const [only, ...others] = hops;
  // iproute2 puts a single next hop before the protocol, and its flags behind it.
  const onlink = others.length === 0 && (only?.endsWith(" onlink") ?? false);
  const hop = onlink ? only?.slice(0, -" onlink".length) : only;
  return [
    ...(route.kind === "unicast" ? [] : [route.kind]),
    textOfPrefix(route),
    ...(others.length === 0 && hop !== undefined ? [hop] : []),
    ...(route.protocol === BOOT ? [] : [`proto ${protocolName(route.protocol)}`]),
    ...(route.destination.family === 4 && SCOPES[route.scope] !== undefined ? [`scope ${SCOPES[route.scope]}`] : []),
    ...(route.preferredSource === undefined ? [] : [`src ${formatAddress(route.preferredSource)}`]),
    ...(route.metric === 0 ? [] : [`metric ${route.metric}`]),
    ...(onlink ? ["onlink"] : []),
    ...(others.length === 0 ? [] : hops.map((one) => `nexthop ${one}`)),
  ].join(" ");
}

function textOfPrefix({ destination }: Route): string {
  if (destination.length === 0) return "default";
  return destination.length === HOST_BITS[destination.family]
    ? formatAddress(destination.address)
    : destination.toString();
}

/** iproute2 leaves this one out. */
const BOOT = 3;
const SCOPES: Readonly<Record<number, string>> = { 253: "link", 254: "host" };

/** /etc/iproute2/rt_protos. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  0: "unspec",
  1: "redirect",
  2: "kernel",
  3: "boot",
  4: "static",
  9: "ra",
  11: "zebra",
  12: "bird",
  16: "dhcp",
  186: "bgp",
};

function protocolName(number: number): string {
  return PROTOCOLS[number] ?? String(number);
}
