import { API_VERSION, type BGPPeer, bgpConfiguration, bgpPeer, readDocument } from "@ocicat/api";
import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { type BgpConfigurationRow, bgpConfigurationRow, bgpSettings, peerRow } from "../../src/tables/bgp-rows.ts";

function peer(spec: object): BGPPeer {
  const resource = readDocument({ apiVersion: API_VERSION, kind: "BGPPeer", metadata: { name: "tor" }, spec });
  if (!bgpPeer.is(resource)) throw new Error("not a BGPPeer");
  return resource;
}

const row = (spec: object) => peerRow(peer(spec));

function configuration(name: string, spec: object): BgpConfigurationRow {
  const resource = readDocument({ apiVersion: API_VERSION, kind: "BGPConfiguration", metadata: { name }, spec });
  if (!bgpConfiguration.is(resource)) throw new Error("not a BGPConfiguration");
  return bgpConfigurationRow(resource);
}

describe("settings of BGP", () => {
  it("are Calico's where nothing is set", () => {
    expect(bgpSettings(undefined, undefined)).toEqual({
      meshEnabled: true,
      asNumber: 64512,
      listenPort: 179,
      bindToNode: false,
      meshPassword: undefined,
      meshRestartTimeS: undefined,
      meshBfd: undefined,
      advertisements: [],
      normalPriority4: 1024,
      normalPriority6: 1024,
      ignoredInterfaces: [],
    });
  });

  it("are a node's own over everybody's, each by itself", () => {
    const all = configuration("default", { nodeToNodeMeshEnabled: false, asNumber: 64599, listenPort: 1791 });
    const own = configuration("node.node1", { listenPort: 1790, bindMode: "NodeIP" });
    expect(bgpSettings(all, own)).toMatchObject({
      meshEnabled: false,
      asNumber: 64599,
      listenPort: 1790,
      bindToNode: true,
    });
  });

  it("have the priority of routes that say none, and the interfaces that are left out", () => {
    const all = configuration("default", { ipv4NormalRoutePriority: 700, ignoredInterfaces: ["docker*"] });
    const own = configuration("node.node1", { ipv6NormalRoutePriority: 900 });
    expect(bgpSettings(all, own)).toMatchObject({
      normalPriority4: 700,
      normalPriority6: 900,
      ignoredInterfaces: ["docker*"],
    });
  });

  it("have the mesh's password and its restart time, in what the protocol can say", () => {
    const nodeMeshPassword = { secretKeyRef: { name: "bgp", key: "mesh" } };
    const all = configuration("default", { nodeMeshPassword, nodeMeshMaxRestartTime: "90m" });
    expect(bgpSettings(all, undefined)).toMatchObject({
      meshPassword: { name: "bgp", key: "mesh", optional: false },
      meshRestartTimeS: 4095,
    });
  });

  it("give communities their values, by names of either; a node's advertisements go in the place of all", () => {
    const told = (communities: string[], cidr = "10.244.0.0/16") => ({ cidr, communities });
    const all = configuration("default", {
      communities: [{ name: "lab", value: "64512:1:2" }],
      prefixAdvertisements: [told(["lab", "64512:100"])],
    });
    const own = configuration("node.node1", {
      communities: [{ name: "here", value: "64512:7" }],
      prefixAdvertisements: [told(["here", "64512:8"], "10.98.0.0/16")],
    });
    const [first] = bgpSettings(all, undefined).advertisements;
    expect([first?.network.toString(), first?.communities]).toEqual([
      "10.244.0.0/16",
      [[64512, 1, 2], ((64512 << 16) | 100) >>> 0],
    ]);
    const mine = bgpSettings(all, own).advertisements;
    expect(mine.map(({ network, communities }) => [network.toString(), communities])).toEqual([
      ["10.98.0.0/16", [((64512 << 16) | 7) >>> 0, ((64512 << 16) | 8) >>> 0]],
    ]);
  });
});

describe("a BGPPeer's row", () => {
  it("has what the session is like", () => {
    const spec = {
      node: "node1",
      peerIP: "10.0.0.1:1179",
      asNumber: 65000,
      localASNumber: 64999,
      keepOriginalNextHop: true,
      sourceAddress: "None",
      maxRestartTime: "2h",
      keepaliveTime: "100ms",
      numAllowedLocalASNumbers: 2,
      reversePeering: "Manual",
    };
    expect(row(spec)).toEqual({
      name: "tor",
      nodes: { name: "node1" },
      peer: { address: parseAddress("10.0.0.1"), port: 1179, asNumber: 65000 },
      localAsNumber: 64999,
      nextHop: "keep",
      fromNodeAddress: false,
      allowedOwnAs: 2,
      keepaliveS: 1,
      restartTimeS: 4095,
      reversed: false,
      password: undefined,
      mostHops: undefined,
      reachableBy: undefined,
      filters: [],
      bfd: undefined,
    });
  });

  it("selects nodes and peers by their labels", () => {
    const found = row({ nodeSelector: "rack == 'a'", peerSelector: "has(rr)", nextHopMode: "Self" });
    const matches = (side: unknown, labels: Readonly<Record<string, string>>) =>
      (side as { match: (labels: Readonly<Record<string, string>>) => boolean }).match(labels);
    expect([matches(found?.nodes, { rack: "a" }), matches(found?.nodes, {})]).toEqual([true, false]);
    expect([matches(found?.peer, { rr: "" }), matches(found?.peer, {})]).toEqual([true, false]);
    expect(found?.nextHop).toBe("self");
    expect(row({ peerIP: "10.0.0.1" })?.nodes).toBe("all");
  });

  it("has what protects it, whom it filters by, and where the peer is", () => {
    const spec = {
      peerIP: "10.9.0.1",
      password: { secretKeyRef: { name: "tor", key: "md5", optional: true } },
      ttlSecurity: 1,
      reachableBy: "10.0.0.254",
      filters: ["first", "second"],
    };
    expect(row(spec)).toMatchObject({
      password: { name: "tor", key: "md5", optional: true },
      mostHops: 1,
      reachableBy: parseAddress("10.0.0.254"),
      filters: ["first", "second"],
    });
    expect(row({ peerIP: "10.0.0.1", ttlSecurity: 0, password: {} })).toMatchObject({
      mostHops: undefined,
      password: undefined,
    });
  });

  it("may be of the node's own workloads", () => {
    const peer = row({ localWorkloadSelector: "has(router)", asNumber: 65100 })?.peer;
    if (peer === undefined || !("workloads" in peer)) throw new Error("not of workloads");
    expect([peer.asNumber, peer.workloads({ router: "" }), peer.workloads({})]).toEqual([65100, true, false]);
  });

  it("is not there without a peer", () => {
    expect(row({})).toBeUndefined();
  });

  it("may have BFD, by an annotation, since Calico's resource has no field for it", () => {
    const of = (text: string) =>
      peerRow({
        ...peer({ peerIP: "10.0.0.1" }),
        metadata: { name: "tor", annotations: { "ocicat.io/bfd": text } },
      })?.bfd;
    expect(of("100ms x 3")).toEqual({ intervalMs: 100, multiplier: 3 });
    expect(of("enabled")).toEqual({ intervalMs: 300, multiplier: 3 });
    expect(of("disabled")).toBeUndefined();
    expect(() => of("fast")).toThrow('"fast" is no way to watch a peer');
    expect(() => of("1ms x 3")).toThrow("is no way");
    expect(() => of("100ms x 0")).toThrow("is no way");
  });
});

describe("the annotation ocicat.io/interface of a BGPPeer", () => {
  const rowOf = (link: string, spec: Partial<BGPPeer["spec"]> = {}) =>
    peerRow({
      apiVersion: "projectcalico.org/v3",
      kind: "BGPPeer",
      metadata: { name: "tor", annotations: { "ocicat.io/interface": link } },
      spec: { asNumber: 65000, ...spec },
    });

  it("names the peer as whoever is at the other end", () => {
    expect(rowOf("eth1")?.peer).toEqual({ neighbourOn: "eth1", asNumber: 65000 });
  });

  it("is refused as no interface's name, and beside another way to name the peer", () => {
    expect(() => rowOf("eth 1")).toThrow(/no interface's name/);
    expect(() => rowOf("eth1", { peerIP: "10.0.0.1" })).toThrow(/named in another way/);
    expect(() => rowOf("eth1", { peerSelector: "all()" })).toThrow(/named in another way/);
  });

  it("is not needed for a link-local address that has its interface", () => {
    const peer = rowOf("", { peerIP: "[fe80::2%eth1]:1790" })?.peer;
    expect(peer).toMatchObject({ link: "eth1", port: 1790, asNumber: 65000 });
  });
});
