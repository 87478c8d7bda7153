import { describeOrigin } from "@ocicat/kit";
import { formatAddress, parsePrefix } from "@ocicat/net";
import type { RoutingResolver } from "@ocicat/routing";
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
    const hop = actual?.nextHops[0];
    const shown =
      actual === undefined
        ? undefined
        : [
            actual.kind === "unicast" ? prefix.toString() : `${actual.kind} ${prefix}`,
            ...(hop?.via === undefined ? [] : [`via ${formatAddress(hop.via)}`]),
            ...(hop === undefined ? [] : [`dev ${reconciler.linkName(hop.linkIndex)}`]),
            ...(actual.protocol === 12 ? ["proto bird"] : []),
            ...(hop?.onlink === true ? ["onlink"] : []),
            ...(actual.scope === 253 ? ["scope link"] : []),
          ].join(" ");
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
