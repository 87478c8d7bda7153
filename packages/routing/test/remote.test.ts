import { parseAddress, parseMac, parsePrefix, parseScoped } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  type Backend,
  type DesiredRoute,
  NO_TUNNELS,
  type NodeRow,
  type PoolRow,
  RoutingResolver,
  type TunnelKind,
  wantedTunnels,
} from "../src/index.ts";

const block = parsePrefix("192.168.196.128/26");
const borrowed = parsePrefix("192.168.49.70/32");

function pool(modes: Partial<Pick<PoolRow, "ipipMode" | "vxlanMode">>): PoolRow {
  return {
    name: "default-ipv4-ippool",
    cidr: parsePrefix("192.168.0.0/16"),
    ipipMode: "Never",
    vxlanMode: "Never",
    natOutgoing: true,
    disabled: false,
    disableBgpExport: false,
    ...modes,
  };
}

function ipv4(text: string) {
  const address = parseAddress(text);
  if (typeof address !== "number") throw new TypeError(text);
  return address;
}

function node(name: string, address: string, published: readonly TunnelKind[]): NodeRow {
  const mac = parseMac("66:aa:99:2f:dc:24");
  return {
    name,
    ipv4: { address: ipv4(address), subnet: parsePrefix(`${address}/24`, { hostBits: "clear" }) },
    ipv6: undefined,
    asNumber: undefined,
    routeReflectorClusterId: undefined,
    tunnels: {
      ...NO_TUNNELS,
      ipip: published.includes("ipip") ? ipv4("192.168.196.129") : undefined,
      vxlan: published.includes("vxlan") ? { address: ipv4("192.168.196.128"), mac } : undefined,
    },
  };
}

interface World {
  readonly modes: Partial<Pick<PoolRow, "ipipMode" | "vxlanMode">>;
  /** The other node is in this node's subnet. */
  readonly near: boolean;
  readonly usable: readonly TunnelKind[];
  readonly published: readonly TunnelKind[];
  readonly backend?: Backend;
  readonly learned?: boolean;
  readonly placed?: boolean;
}

function resolverOf({ modes, near, usable, published, backend, learned = true, placed = true }: World) {
  const resolver = new RoutingResolver("controlplane", backend);
  const far = near ? "172.17.0.40" : "172.18.0.40";
  resolver.setPool("p", pool(modes));
  resolver.setNode("controlplane", node("controlplane", "172.17.0.32", []));
  resolver.setNode("node01", node("node01", far, published));
  for (const kind of usable) resolver.setUsable(kind, true);
  if (placed) {
    resolver.setBlock("a", { prefix: block, node: "node01", borrowed: [] });
    resolver.setBlock("b", {
      prefix: parsePrefix("192.168.49.64/26"),
      node: "controlplane",
      borrowed: [{ prefix: borrowed, node: "node01" }],
    });
  }
  if (learned) {
    for (const prefix of [block, borrowed]) {
      const nextHops = [parseScoped(far)];
      resolver.setLearned(prefix, { prefix, nextHops, from: `node01 (${far})`, peering: undefined });
    }
  }
  return resolver;
}

function shown(route: DesiredRoute | undefined): string {
  if (route?.kind !== "via") return route?.kind ?? "none";
  const via = route.via === ipv4("192.168.196.128") ? "vtep" : "node";
  return [via, route.device ?? "subnet", `proto ${route.protocol}`, ...(route.onlink ? ["onlink"] : [])].join(" ");
}

function routeTo(world: World, prefix = block): string {
  const resolver = resolverOf(world);
  resolver.flush();
  return shown(resolver.routes.get(prefix.toString()));
}

const both: readonly TunnelKind[] = ["ipip", "vxlan"];
const ready = { usable: both, published: both };

const DIRECT = "node subnet proto 12";
const DIRECT_VXLAN_POOL = "node subnet proto 80";
const IPIP = "node tunl0 proto 12 onlink";
const VXLAN = "vtep vxlan.calico proto 3 onlink";

describe("the way to another node's block", () => {
  it.each([
    ["Never", {}, DIRECT, DIRECT],
    ["IPIP Always", { ipipMode: "Always" }, IPIP, IPIP],
    ["IPIP CrossSubnet", { ipipMode: "CrossSubnet" }, DIRECT, IPIP],
    ["VXLAN Always", { vxlanMode: "Always" }, VXLAN, VXLAN],
    ["VXLAN CrossSubnet", { vxlanMode: "CrossSubnet" }, DIRECT_VXLAN_POOL, VXLAN],
  ] as const)("%s, in the same subnet and across a router", (_mode, modes, near, far) => {
    expect(routeTo({ modes, near: true, ...ready })).toBe(near);
    expect(routeTo({ modes, near: false, ...ready })).toBe(far);
    expect(routeTo({ modes, near: false, ...ready }, borrowed)).toBe(far);
  });

  it.each([
    ["neither end is ready", { usable: [], published: [] }],
    ["only this node's device works", { usable: ["vxlan"], published: [] }],
    ["only the other has published", { usable: [], published: ["vxlan"] }],
  ] as const)("VXLAN is not taken while %s: direct in a subnet, a reason elsewhere", (_when, ends) => {
    expect(routeTo({ modes: { vxlanMode: "Always" }, near: true, ...ends })).toBe(DIRECT_VXLAN_POOL);
    const far = resolverOf({ modes: { vxlanMode: "Always" }, near: false, ...ends });
    far.flush();
    expect(far.routes.get(block.toString())).toBeUndefined();
    expect(far.why(block)[0]?.refused).toMatch(/^it waits until .*VXLAN.*172\.18\.0\.40 is in another subnet$/);
  });

  it.each([
    ["IPIP to VXLAN", { vxlanMode: "Always" }, { usable: both, published: ["ipip"] }, IPIP],
    ["VXLAN to IPIP", { ipipMode: "Always" }, { usable: both, published: ["vxlan"] }, VXLAN],
  ] as const)("%s: the old tunnel carries on until the new one is ready", (_switch, modes, ends, old) => {
    for (const near of [true, false]) expect(routeTo({ modes, near, ...ends })).toBe(old);
  });

  it("says in its origin what it waits for", () => {
    const resolver = resolverOf({ modes: { vxlanMode: "Always" }, near: false, usable: both, published: ["ipip"] });
    resolver.flush();
    expect(resolver.routes.get(block.toString())?.origin).toEqual({
      reason: "on node01 by IPAM, through IPIP, until node01 has published its VXLAN address",
      resources: [
        { kind: "Node", name: "node01" },
        { kind: "IPPool", name: "default-ipv4-ippool" },
      ],
    });
  });

  it("in a VXLAN pool needs no BGP, in the others nothing else will do", () => {
    for (const [modes, expected] of [
      [{ vxlanMode: "Always" }, VXLAN],
      [{ ipipMode: "Always" }, "none"],
      [{}, "none"],
    ] as const) {
      expect(routeTo({ modes, near: true, ...ready, learned: false, backend: "vxlan" })).toBe(expected);
    }
  });

  it("in a VXLAN pool is told by BGP until IPAM's blocks are read", () => {
    expect(routeTo({ modes: { vxlanMode: "Always" }, near: false, ...ready, placed: false })).toBe(VXLAN);
  });

  it("is nobody's business where the backend is none", () => {
    expect(routeTo({ modes: { vxlanMode: "Always" }, near: true, ...ready, backend: "none" })).toBe("none");
    expect([...wantedTunnels([pool({ vxlanMode: "Always" })], "none")]).toEqual([]);
    expect([...wantedTunnels([pool({ ipipMode: "Always" })], "vxlan")]).toEqual([]);
  });

  it("next hops that are as good become one route of several ways, each once", () => {
    const resolver = resolverOf({ modes: {}, near: true, ...ready });
    const nextHops = ["fe80::2%eth1", "fe80::2%eth2", "fe80::2%eth1"].map((text) => parseScoped(text));
    resolver.setLearned(block, { prefix: block, nextHops, from: "node01 (fe80::2%eth1)", peering: undefined });
    resolver.flush();
    const route = resolver.routes.get(block.toString());
    expect(route).toMatchObject({
      via: nextHops[0]?.address,
      device: "eth1",
      also: [{ device: "eth2", onlink: false }],
    });
    expect(route?.origin.reason).toBe(
      "learned by BGP from node01 (fe80::2%eth1), next hop fe80::2%eth1, un-encapsulated; as good by fe80::2%eth2",
    );
    resolver.setLearned(block, { prefix: block, nextHops: nextHops.slice(1, 2), from: "node01", peering: undefined });
    expect(resolver.flush().routes.get(block.toString())?.route).toMatchObject({ device: "eth2" });
    expect(resolver.flush().routes.size).toBe(0);
  });

  it("a router that is no node is never sent to through a tunnel", () => {
    const resolver = resolverOf({ modes: { ipipMode: "Always" }, near: true, ...ready });
    const nextHops = [parseScoped("172.17.0.1")];
    resolver.setLearned(block, { prefix: block, nextHops, from: "172.17.0.1", peering: undefined });
    resolver.flush();
    expect(shown(resolver.routes.get(block.toString()))).toBe(DIRECT);
  });
});

describe("what a change touches", () => {
  it("a node that publishes moves the routes to it, and nobody else's", () => {
    const resolver = resolverOf({ modes: { vxlanMode: "Always" }, near: true, usable: both, published: [] });
    resolver.setNode("node02", node("node02", "172.17.0.41", []));
    const other = parsePrefix("192.168.7.0/26");
    resolver.setBlock("c", { prefix: other, node: "node02", borrowed: [] });
    resolver.flush();
    resolver.setNode("node01", node("node01", "172.17.0.40", ["vxlan"]));
    const changes = resolver.flush();
    expect([...changes.routes.keys()].sort()).toEqual([block.toString(), borrowed.toString()]);
    expect([...changes.vteps.keys()]).toEqual(["vxlan node01"]);
    expect(shown(resolver.routes.get(block.toString()))).toBe(VXLAN);
  });

  it("a node that moves takes its routes and its far end along", () => {
    const resolver = resolverOf({ modes: { vxlanMode: "CrossSubnet" }, near: true, ...ready, learned: false });
    resolver.flush();
    resolver.setNode("node01", node("node01", "172.18.0.40", both));
    const changes = resolver.flush();
    expect(shown(changes.routes.get(block.toString())?.route)).toBe(VXLAN);
    expect(changes.vteps.get("vxlan node01")?.nodeAddress).toBe(ipv4("172.18.0.40"));
  });

  it("a node that goes takes its routes with it, and leaves nothing known", () => {
    const resolver = resolverOf({ modes: { vxlanMode: "Always" }, near: true, ...ready, learned: false });
    resolver.flush();
    resolver.setNode("node01", undefined);
    expect(resolver.flush().vteps.get("vxlan node01")).toBeUndefined();
    expect(resolver.routes.get(block.toString())).toBeUndefined();
    for (const key of ["a", "b"]) resolver.setBlock(key, undefined);
    resolver.flush();
    expect(resolver.why(parsePrefix("192.168.0.0/16"))).toEqual([]);
  });

  it("an own tunnel address outside every own block is announced, inside none", () => {
    const resolver = resolverOf({ modes: { vxlanMode: "Always" }, near: true, ...ready });
    resolver.setTunnelAddress("vxlan", parseAddress("192.168.49.64"));
    resolver.flush();
    expect([...resolver.announcements.keys()]).toEqual(["192.168.49.64/32"]);
    const own = parsePrefix("192.168.49.64/26");
    resolver.setAffinity("controlplane", own, { node: "controlplane", block: own, state: "confirmed" });
    resolver.flush();
    expect([...resolver.announcements.keys()]).toEqual(["192.168.49.64/26"]);
  });
});

describe("a tunnel reaches a next hop", () => {
  const reaches = (world: Partial<World>, hop = "172.18.0.40") =>
    resolverOf({ modes: { ipipMode: "Always" }, near: false, ...ready, ...world }).tunnelReaches(
      parseAddress(hop),
      block,
    );

  it("that is a node with its end ready, if the pool travels by one", () => {
    expect(reaches({})).toBe(true);
    expect(reaches({ modes: {} })).toBe(false);
    expect(reaches({ usable: [] })).toBe(false);
    expect(reaches({ published: [] })).toBe(false);
  });

  it("also by another kind, while modes are switched", () => {
    expect(reaches({ usable: ["vxlan"] })).toBe(true);
  });

  it("never one that is no node of ours: a router has no tunnel's end", () => {
    expect(reaches({}, "172.18.0.1")).toBe(false);
  });
});

describe("until a VXLAN is ready at both ends", () => {
  it("packets go through a router on this node's subnet that knows the block", () => {
    const resolver = resolverOf({ modes: { vxlanMode: "Always" }, near: false, usable: [], published: [] });
    const router = parseAddress("172.17.0.1");
    const nextHops = [{ address: router, link: undefined }];
    resolver.setLearned(block, { prefix: block, nextHops, from: "tor (172.17.0.1)", peering: undefined });
    resolver.flush();
    expect(resolver.routes.get(block.toString())).toMatchObject({ via: router, device: undefined, onlink: false });
    resolver.setUsable("vxlan", true);
    resolver.setNode("node01", node("node01", "172.18.0.40", ["vxlan"]));
    resolver.flush();
    expect(shown(resolver.routes.get(block.toString()))).toBe(VXLAN);
  });
});

describe("where another daemon does BGP, which knows no tunnels", () => {
  function told(modes: World["modes"]): string[] {
    const resolver = new RoutingResolver("controlplane", "bird", true);
    resolver.setPool("p", pool(modes));
    resolver.setNode("controlplane", node("controlplane", "172.17.0.32", []));
    resolver.setNode("node01", node("node01", "172.18.0.40", ["ipip"]));
    resolver.setUsable("ipip", true);
    resolver.setBlock("a", { prefix: block, node: "node01", borrowed: [] });
    return [...resolver.flush().routes.values()].map(({ route }) =>
      route?.kind === "via" ? String(route.device) : "none",
    );
  }

  it("IPIP pools go by IPAM's blocks", () => {
    expect(told({ ipipMode: "Always" })).toEqual(["tunl0"]);
  });

  it("pools without a tunnel are left to it", () => {
    expect(told({})).toEqual([]);
  });
});
