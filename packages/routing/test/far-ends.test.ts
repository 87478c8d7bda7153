import { type Ipv6, parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { NO_TUNNELS, type NodeRow, type PoolRow, RoutingResolver } from "../src/index.ts";

const block = parsePrefix("fd00:10:244::40/122");
const end = parseAddress("fd00:10:244::40") as Ipv6;

function pool(vxlanMode: PoolRow["vxlanMode"]): PoolRow {
  return {
    name: "six",
    cidr: parsePrefix("fd00:10:244::/64"),
    ipipMode: "Never",
    vxlanMode,
    natOutgoing: false,
    disabled: false,
    disableBgpExport: false,
  };
}

function node(name: string, last: number, published: boolean): NodeRow {
  const vxlan6 = published ? { address: end, mac: parseMac("66:aa:99:2f:dc:24") } : undefined;
  return {
    name,
    ipv4: undefined,
    ipv6: { address: parseAddress(`fd00:192::${last}`), subnet: parsePrefix("fd00:192::/64") },
    asNumber: undefined,
    routeReflectorClusterId: undefined,
    tunnels: { ...NO_TUNNELS, vxlan6 },
  };
}

function world() {
  const resolver = new RoutingResolver("node1");
  resolver.setPool("six", pool("Always"));
  resolver.setNode("node1", node("node1", 81, false));
  resolver.setNode("node2", node("node2", 82, true));
  resolver.setBlock("a", { prefix: block, node: "node2", borrowed: [] });
  resolver.flush();
  return resolver;
}

/** Routes as they would be printed, in the order of their making. */
function routes(resolver: RoutingResolver): string[] {
  return [...resolver.flush().routes.values()].map(({ prefix, route }) => {
    if (route === undefined) return `${prefix} gone`;
    return `${prefix} ${route.kind} ${"device" in route ? (route.device ?? "on the subnet") : ""}`;
  });
}

describe("a far end of VXLAN over IPv6", () => {
  it("has a route on the device, from when the device is usable", () => {
    const resolver = world();
    expect(resolver.routes.get("fd00:10:244::40/128")).toBeUndefined();
    resolver.setUsable("vxlan6", true);
    expect(routes(resolver).sort()).toEqual([
      "fd00:10:244::40/122 via vxlan-v6.calico",
      "fd00:10:244::40/128 device vxlan-v6.calico",
    ]);
  });

  it("has none once no pool wants the tunnel, though the device still works: else it would never be free", () => {
    const resolver = world();
    resolver.setUsable("vxlan6", true);
    resolver.flush();
    resolver.setPool("six", pool("Never"));
    expect(routes(resolver)).toContain("fd00:10:244::40/128 gone");
  });

  it("goes with its node, and moves with its address", () => {
    const resolver = world();
    resolver.setUsable("vxlan6", true);
    resolver.flush();
    resolver.setNode("node2", node("node2", 82, false));
    expect(routes(resolver)).toContain("fd00:10:244::40/128 gone");
    resolver.setNode("node3", node("node3", 83, true));
    expect(routes(resolver)).toContain("fd00:10:244::40/128 device vxlan-v6.calico");
    // What comes late of the node that had the address before takes nothing away.
    resolver.setNode("node2", undefined);
    expect(routes(resolver)).not.toContain("fd00:10:244::40/128 gone");
    resolver.setNode("node3", undefined);
    expect(routes(resolver)).toContain("fd00:10:244::40/128 gone");
  });
});
