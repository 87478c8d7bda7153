import type { Link, LinkAddress, Route } from "@ocicat/linux/kernel";
import { parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { podInterfaces, removalOf, type Seen } from "../../src/removal/plan.ts";

const link = (index: number, name: string, kind = "veth"): Link => ({
  index,
  name,
  kind,
  mtu: 1500,
  mac: undefined,
  up: true,
  running: true,
  loopback: false,
  master: 0,
  group: 0,
  peerIndex: undefined,
  tunnel: undefined,
});

const route = (destination: string, protocol: number): Route => ({
  kind: "unicast",
  destination: parsePrefix(destination),
  table: 254,
  protocol,
  scope: 0,
  metric: 0,
  preferredSource: undefined,
  nextHops: [],
  mtu: undefined,
});

const tunnelAddress: LinkAddress = { linkIndex: 3, address: parseAddress("10.244.0.1"), prefixLength: 32, scope: 0 };

const seen: Seen = {
  links: [
    link(2, "eth0"),
    link(3, "tunl0", "ipip"),
    link(4, "vxlan.calico", "vxlan"),
    link(5, "cali0123456789a"),
    link(6, "bwcali012345678", "ifb"),
    link(7, "vxlan0", "vxlan"),
  ],
  addresses: [tunnelAddress, { ...tunnelAddress, linkIndex: 2 }],
  routes: [
    route("10.244.1.0/26", 12),
    route("10.244.2.0/26", 80),
    route("10.244.3.0/26", 3),
    route("172.30.0.0/16", 12),
  ],
  tables: [
    { family: "inet", name: "ocicat-guard" },
    { family: "inet", name: "mine" },
    { family: "ip", name: "ocicat-nat" },
  ],
  pools: [parsePrefix("10.244.0.0/16")],
  interfacePrefix: "cali",
};

describe("what is taken away from a node", () => {
  it("is ours: by protocol inside pools, by name of device, by name of table", () => {
    const { routes, addresses, links, rules } = removalOf(seen, "all");
    expect(routes.map((each) => each.op === "route.delete" && each.route.destination.toString())).toEqual([
      "10.244.1.0/26",
      "10.244.2.0/26",
    ]);
    expect(links.map(({ name }) => name)).toEqual(["vxlan.calico", "cali0123456789a", "bwcali012345678"]);
    expect(rules.map(({ table }) => table.name)).toEqual(["ocicat-guard", "ocicat-nat"]);
    // The kernel's own tunnel device cannot be deleted: it loses its address, and is down.
    expect(addresses).toEqual([
      { op: "address.delete", address: tunnelAddress },
      { op: "link.set", index: 3, change: { up: false } },
    ]);
  });

  it("is the rules alone where somebody goes on with the rest", () => {
    expect(removalOf(seen, "rules")).toMatchObject({ routes: [], addresses: [], links: [] });
    expect(removalOf(seen, "rules").rules).toHaveLength(2);
  });

  it("pods' interfaces are known by the prefix that is set", () => {
    expect(podInterfaces(seen).map(({ name }) => name)).toEqual(["cali0123456789a"]);
    expect(podInterfaces({ ...seen, interfacePrefix: "eni" })).toEqual([]);
  });
});
