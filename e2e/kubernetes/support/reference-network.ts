import { formatAddress } from "@ocicat/net";
import type { TestCluster } from "./cluster.ts";

/**
 * A network of the reference plugins and two routes: pods reach each other, and nothing is ever enforced. What fails with it is
 * not Ocicat's; what passes with it proves nothing of a policy.
 */
export async function installReferenceNetwork(cluster: TestCluster): Promise<void> {
  const nodes = cluster.topology.nodes.map(({ name, interface: { address } }, index) => {
    return { name, address: formatAddress(address), subnet: `10.99.${index}.0/24` };
  });
  for (const { name, subnet } of nodes) {
    for (const other of nodes.filter((node) => node.name !== name))
      await cluster.out(name, "ip", "route", "replace", other.subnet, "via", other.address);
    const config = JSON.stringify(conflist(subnet));
    await cluster.out(name, "sh", "-c", `mkdir -p /etc/cni/net.d && echo '${config}' >/etc/cni/net.d/10-ptp.conflist`);
  }
  await cluster.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s");
}

function conflist(subnet: string): object {
  return {
    cniVersion: "0.4.0",
    name: "reference",
    plugins: [
      { type: "ptp", ipam: { type: "host-local", subnet, routes: [{ dst: "0.0.0.0/0" }] } },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}
