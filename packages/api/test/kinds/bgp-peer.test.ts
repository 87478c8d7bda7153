import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { bgpPeer, checkResource, findKind, parsePeerIP, resourceKey, resourceTable } from "../../src/index.ts";
import { apply, refusals } from "../support.ts";

const checked = (spec: object) => {
  const resource = apply("BGPPeer", "p", spec);
  checkResource(resource, {});
  return resource;
};

describe("BGPPeer", () => {
  it.each(["bgppeer", "BGPPeers", "bgpp", "bgpps", "bp", "bps"])("is found as %s", (word) => {
    expect(findKind(word)).toBe(bgpPeer);
  });

  it("is stored under its plural", () => {
    expect(resourceKey("BGPPeer", "tor")).toBe("/calico/resources/v3/projectcalico.org/bgppeers/tor");
  });

  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    ["a node and a selector of nodes", { node: "n", nodeSelector: "all()" }, ["spec.node", "n", "node-selector"]],
    [
      "an address and a selector of peers",
      { peerIP: "10.0.0.1", peerSelector: "all()" },
      ["spec.peerIP", "10.0.0.1", "peer-selector"],
    ],
    [
      "an AS number and a selector of peers",
      { asNumber: 64512, peerSelector: "all()" },
      ["spec.asNumber", 64512, "peer-selector"],
    ],
    [
      "an address and a selector of workloads",
      { localWorkloadSelector: "all()", asNumber: 1, peerIP: "10.0.0.1" },
      ["spec.peerIP", "10.0.0.1", "workload-selector"],
    ],
    [
      "a selector of peers and one of workloads",
      { localWorkloadSelector: "a == 'b'", asNumber: 1, peerSelector: "all()" },
      ["spec.asNumber", 1, "peer-selector"],
    ],
    [
      "a selector of workloads without their AS number",
      { localWorkloadSelector: "all()" },
      ["spec.asNumber", undefined, "required"],
    ],
    [
      "two ways to say what becomes of next hops",
      { peerIP: "10.0.0.1", keepOriginalNextHop: true, nextHopMode: "Self" },
      ["spec.nextHopMode", "Self", "next-hop"],
    ],
    [
      "a gateway without an address",
      { peerSelector: "all()", reachableBy: "10.0.0.254" },
      ["spec.reachableBy", "10.0.0.254", "reachable-by"],
    ],
    [
      "a gateway of the other family",
      { peerIP: "10.0.0.1", reachableBy: "fd00::1" },
      ["spec.reachableBy", "fd00::1", "family"],
    ],
    ["an address that is none", { peerIP: "tor-1" }, ["spec.peerIP", "tor-1", "peer-ip"]],
    ["port 0", { peerIP: "10.0.0.1:0" }, ["spec.peerIP", "10.0.0.1:0", "peer-ip"]],
    ["a port that is none", { peerIP: "10.0.0.1:99999" }, ["spec.peerIP", "10.0.0.1:99999", "peer-ip"]],
    ["an AS number beyond 32 bits", { asNumber: 4294967296 }, ["spec.asNumber", 4294967296, "range"]],
    ["255 hops and one more", { ttlSecurity: 256 }, ["spec.ttlSecurity", 256, "range"]],
    ["a selector that is none", { nodeSelector: "rack ==" }, ["spec.nodeSelector", "rack ==", "selector"]],
    ["a time that is none", { maxRestartTime: "soon" }, ["spec.maxRestartTime", "soon", "duration"]],
  ])("is refused for %s", (_why, spec, refusal) => {
    expect(refusals(() => checked(spec))).toContainEqual(refusal);
  });

  it.each([
    { peerIP: "10.0.0.1", asNumber: 4200000001 },
    { node: "n", peerIP: "10.0.0.1" },
    { nodeSelector: "has(rr)", peerSelector: "!has(rr)" },
    { peerIP: "10.0.0.1:1790", reachableBy: "10.0.0.254", asNumber: 64513 },
    { localWorkloadSelector: "color == 'red'", asNumber: 64513 },
    { peerIP: "10.0.0.1", keepOriginalNextHop: true },
    { peerIP: "10.0.0.1", nextHopMode: "Keep", keepaliveTime: "30s", numAllowedLocalASNumbers: 1, localASNumber: 1 },
  ])("is accepted with %j", (spec) => {
    expect(refusals(() => checked(spec))).toEqual([]);
  });

  it.each([
    ["10.0.0.1", "10.0.0.1", undefined],
    ["10.0.0.1:179", "10.0.0.1", 179],
    ["fd00::1", "fd00::1", undefined],
    ["[fd00::1]:179", "fd00::1", 179],
    ["fd00::1:179", "fd00::1:179", undefined],
  ])("takes %s for a peer's address", (text, address, port) => {
    expect(parsePeerIP(text)).toEqual({ address: parseAddress(address), port });
  });

  it.each(["", "[10.0.0.1]:179", "[fd00::1]", "999.1.1.1", "10.0.0.1:", "10.0.0.1:x"])("does not take %j", (text) => {
    expect(parsePeerIP(text)).toBeUndefined();
  });

  it("is of a node, of the nodes selected, or of all", () => {
    const peers = [
      { node: "n1", peerIP: "10.0.0.1", asNumber: 1 },
      { nodeSelector: "has(a)", peerSelector: "all()" },
      {},
    ];
    const table = resourceTable(
      bgpPeer,
      peers.map((spec) => apply("BGPPeer", "p", spec)),
      {},
    );
    expect(table.headings).toEqual(["NAME", "PEERIP", "NODE", "ASN"]);
    expect(table.rows.map((row) => row.slice(1))).toEqual([
      ["10.0.0.1", "n1", "1"],
      ["", "has(a)", "0"],
      ["", "(global)", "0"],
    ]);
  });
});
