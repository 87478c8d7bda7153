import type { Logger } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux/kernel";
import type { Tables } from "../tables/tables.ts";

const IPV4 = "net/ipv4/ip_forward";
const IPV6 = "net/ipv6/conf/all/forwarding";

/** Without it no packet goes between a pod and anything else. */
export function forwardIpv4(kernel: Kernel): void {
  if (kernel.readSysctl(IPV4) !== "1") kernel.writeSysctl(IPV4, "1");
}

/** Lets the node forward IPv6 from when it has an IPv6 address of its own, or the cluster an IPv6 pool. */
export function forwardIpv6WhenNeeded(
  kernel: Kernel,
  tables: Pick<Tables, "pools" | "nodes">,
  { nodeName, interfacePrefix, logger }: { nodeName: string; interfacePrefix: string; logger: Logger },
): void {
  tables.pools.subscribe((_key, pool) => {
    if (pool?.cidr.family === 6) forwardIpv6(kernel, interfacePrefix, logger);
  });
  tables.nodes.subscribe((_key, node) => {
    if (node?.name === nodeName && node.ipv6 !== undefined) forwardIpv6(kernel, interfacePrefix, logger);
  });
}

/**
 * A host that forwards is a router, and a router takes no router advertisements unless accept_ra is 2: with 1 the kernel
 * throws away the default route that it has learnt from them at the moment when forwarding is switched on, and learns none
 * again. So that the node keeps its way out, 1 becomes 2 first; 0 stays. Workloads' interfaces are left out: they advertise
 * nothing that the node should take.
 */
function forwardIpv6(kernel: Kernel, interfacePrefix: string, logger: Logger): void {
  const forwarding = kernel.readSysctl(IPV6);
  if (forwarding === "1") return;
  if (forwarding === undefined) {
    logger.error("this node's kernel has IPv6 switched off: its pods get no IPv6 addresses", { missing: IPV6 });
    return;
  }
  for (const link of kernel.links()) {
    const acceptRa = `net/ipv6/conf/${link.name}/accept_ra`;
    if (link.name.startsWith(interfacePrefix) || link.loopback || kernel.readSysctl(acceptRa) !== "1") continue;
    kernel.writeSysctl(acceptRa, "2");
  }
  kernel.writeSysctl(IPV6, "1");
}
