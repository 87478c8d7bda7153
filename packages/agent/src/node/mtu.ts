import type { Scope } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux/kernel";

const MAIN_TABLE = 254;
const DEFAULT_MTU = 1500;

/**
 * The MTU for pods without one of their own: the smallest among the interfaces that the default route leaves by, at most
 * 1500. Worked out when asked for, and again after the host's own links or routes have changed; pods' links do not count.
 */
export function hostMtu(kernel: Kernel, interfacePrefix: string, scope: Scope): () => number {
  let known: number | undefined;
  const monitor = kernel.monitor(["link", "route"], (events) => {
    const concerns = events.some((event) => {
      if (event.type === "resync") return true;
      if (event.type === "link" || event.type === "link.gone") return !event.link.name.startsWith(interfacePrefix);
      return "route" in event && event.route.destination.length === 0;
    });
    if (concerns) known = undefined;
  });
  scope.add("mtu monitor", () => monitor.close());
  return () => {
    known ??= readMtu(kernel);
    return known;
  };
}

function readMtu(kernel: Kernel): number {
  const leaving = new Set(
    kernel
      .routes(4, MAIN_TABLE)
      .filter((route) => route.destination.length === 0)
      .flatMap((route) => route.nextHops.map((hop) => hop.linkIndex)),
  );
  return Math.min(DEFAULT_MTU, ...kernel.links().flatMap((link) => (leaving.has(link.index) ? [link.mtu] : [])));
}
