import type { Link, Route } from "@ocicat/linux/kernel";
import type { Address } from "@ocicat/net";
import { type DesiredRoute, type Way, waysOf } from "@ocicat/routing";
import type { HostLinks } from "./host-links.ts";

export const MAIN_TABLE = 254;
const SCOPE_UNIVERSE = 0;
export const SCOPE_LINK = 253;

/** The kernel's form of a desired route, or the reason in words why there is none yet. */
export function toKernelRoute(desired: DesiredRoute, links: HostLinks): Route | string {
  const base = {
    destination: desired.destination,
    table: MAIN_TABLE,
    protocol: desired.protocol,
    metric: 0,
    preferredSource: undefined,
    mtu: undefined,
  };
  switch (desired.kind) {
    case "blackhole":
      return { ...base, kind: "blackhole", scope: SCOPE_UNIVERSE, nextHops: [] };
    case "device": {
      const link = usable(desired.device, links.byName(desired.device));
      return typeof link === "string"
        ? link
        : { ...base, kind: "unicast", scope: linkScope(desired), nextHops: [hop(undefined, link, false)] };
    }
    case "via": {
      // Of several ways those that can be gone now.
      const ways = waysOf(desired).map((way) => ({ way, link: linkTowards(way, links) }));
      const nextHops = ways.flatMap(({ way, link }) =>
        typeof link === "string" ? [] : [hop(way.via, link, way.onlink)],
      );
      const [first] = ways;
      return nextHops.length === 0 && typeof first?.link === "string"
        ? first.link
        : { ...base, kind: "unicast", scope: SCOPE_UNIVERSE, nextHops };
    }
  }
}

/** IPv6 routes have no scope but the universe. */
function linkScope({ destination }: DesiredRoute): number {
  return destination.family === 4 ? SCOPE_LINK : SCOPE_UNIVERSE;
}

function linkTowards({ via, device }: Way, links: HostLinks): Link | string {
  if (device !== undefined) return usable(device, links.byName(device));
  const link = links.towards(via);
  if (link !== undefined) return usable(link.name, link);
  return "its next hop is on no subnet of this node: a router that does not know the block would drop the packets";
}

function usable(name: string, link: Link | undefined): Link | string {
  if (link === undefined) return `interface ${name} does not exist`;
  return link.up ? link : `interface ${name} is down`;
}

function hop(via: Address | undefined, link: Link, onlink: boolean) {
  return { via, linkIndex: link.index, weight: 1, onlink };
}

/** Routes of one destination are told apart by it: metric and table are always the same here. */
export function routeKey(route: Route): string {
  return route.destination.toString();
}

/** Equal in everything that this agent sets. */
export function sameKernelRoute(a: Route, b: Route): boolean {
  return (
    a.kind === b.kind &&
    a.protocol === b.protocol &&
    a.scope === b.scope &&
    a.metric === b.metric &&
    a.nextHops.length === b.nextHops.length &&
    a.nextHops.every((left, index) => {
      const right = b.nextHops[index];
      return (
        right !== undefined &&
        left.linkIndex === right.linkIndex &&
        left.onlink === right.onlink &&
        left.via === right.via
      );
    })
  );
}
