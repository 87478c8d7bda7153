import { describeOrigin } from "@ocicat/kit";
import type { Route } from "@ocicat/linux/kernel";
import { familyOf, formatAddress, parsePrefix } from "@ocicat/net";
import { RouteProtocol, type RoutingResolver } from "@ocicat/routing";
import { SCOPE_LINK } from "../program/kernel-route.ts";
import type { RouteReconciler } from "../program/route-reconciler.ts";

/** One route as `ocicat routes why` prints it. */
export interface WhyAnswer {
  readonly destination: string;
  /** As `ip route` would print it; undefined if none is wanted. */
  readonly route: string | undefined;
  readonly why: string | undefined;
  readonly resources: readonly { readonly kind: string; readonly name: string }[];
  /** In the kernel as wanted, or what keeps it from being there. */
  readonly kernel: string;
  readonly announced: string | undefined;
}

/** Everything this node knows about routes that match an address or lie around a prefix, most specific first. */
export function whyRoutes(
  target: string,
  resolver: RoutingResolver,
  reconciler: RouteReconciler,
): readonly WhyAnswer[] {
  return resolver.why(parsePrefix(target, { hostBits: "clear" })).map(({ prefix, route, announcement, refused }) => {
    const { actual, pending } = reconciler.inspect(prefix);
    const shown = actual && routeText(actual, (index) => reconciler.linkName(index));
    return {
      destination: prefix.toString(),
      route: shown,
      why: route === undefined ? refused : describeOrigin(route.origin),
      resources: route?.origin.resources ?? [],
      kernel: route === undefined ? "not wanted" : (pending ?? (actual === undefined ? "not there yet" : "programmed")),
      announced: announcement === undefined ? undefined : describeOrigin(announcement.origin),
    };
  });
}

/** As `ip route` prints it. */
function routeText(
  { kind, destination, nextHops, protocol, scope }: Route,
  linkName: (index: number) => string,
): string {
  const way = ({ via, linkIndex }: Route["nextHops"][number]) => [
    ...(via === undefined ? [] : [`via ${familyOf(via) === destination.family ? "" : "inet6 "}${formatAddress(via)}`]),
    `dev ${linkName(linkIndex)}`,
  ];
  const [hop, ...others] = nextHops;
  const several = others.length > 0;
  return [
    kind === "unicast" ? destination.toString() : `${kind} ${destination}`,
    ...(several || hop === undefined ? [] : way(hop)),
    ...(protocol === RouteProtocol.bird ? ["proto bird"] : []),
    ...(several ? nextHops.flatMap((one) => ["nexthop", ...way(one)]) : []),
    ...(hop?.onlink === true ? ["onlink"] : []),
    ...(scope === SCOPE_LINK ? ["scope link"] : []),
  ].join(" ");
}
