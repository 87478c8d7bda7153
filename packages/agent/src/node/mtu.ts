import type { FelixSettings } from "@ocicat/api";
import type { Scope } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux/kernel";
import { TUNNELS, type TunnelKind } from "@ocicat/routing";

const MAIN_TABLE = 254;
const DEFAULT_MTU = 1500;

/** The FelixConfiguration field that overrules the host's MTU less the overhead; 0 there: it does not. */
const SETTING = { ipip: "ipipMTU", vxlan: "vxlanMTU", vxlan6: "vxlanMTUV6" } as const;

/** What fits into a tunnel over a link of this MTU, bytes. */
export function tunnelMtu(kind: TunnelKind, linkMtu: number, felix: FelixSettings): number {
  return felix[SETTING[kind]] || linkMtu - TUNNELS[kind].overhead;
}

/**
 * The MTU for pods without one of their own: what fits into each of the tunnels in use over the smallest of the interfaces
 * that the default routes of both families leave by, at most 1500. Worked out when asked for, and again after the host's own links or routes
 * have changed; pods' links do not count.
 */
export function podMtu(
  kernel: Kernel,
  felix: FelixSettings,
  tunnels: () => Iterable<TunnelKind>,
  scope: Scope,
): () => number {
  let known: number | undefined;
  const monitor = kernel.monitor(["link", "route"], (events) => {
    const concerns = events.some((event) => {
      if (event.type === "resync") return true;
      if (event.type === "link" || event.type === "link.gone")
        return !event.link.name.startsWith(felix.interfacePrefix);
      return "route" in event && event.route.destination.length === 0;
    });
    if (concerns) known = undefined;
  });
  scope.add("mtu monitor", () => monitor.close());
  return () => {
    known ??= hostMtu(kernel);
    const host = known;
    return Math.min(host, ...Array.from(tunnels(), (kind) => tunnelMtu(kind, host, felix)));
  };
}

function hostMtu(kernel: Kernel): number {
  const leaving = new Set(
    [...kernel.routes(4, MAIN_TABLE), ...kernel.routes(6, MAIN_TABLE)]
      .filter((route) => route.destination.length === 0)
      .flatMap((route) => route.nextHops.map((hop) => hop.linkIndex)),
  );
  return Math.min(DEFAULT_MTU, ...kernel.links().flatMap((link) => (leaving.has(link.index) ? [link.mtu] : [])));
}
