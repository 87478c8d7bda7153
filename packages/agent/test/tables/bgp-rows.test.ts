import { API_VERSION, type BGPPeer, bgpPeer, readDocument } from "@ocicat/api";
import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { bgpSettings, peerRow } from "../../src/tables/bgp-rows.ts";

function peer(spec: object): BGPPeer {
  const resource = readDocument({ apiVersion: API_VERSION, kind: "BGPPeer", metadata: { name: "tor" }, spec });
  if (!bgpPeer.is(resource)) throw new Error("not a BGPPeer");
  return resource;
}

const row = (spec: object) => peerRow(peer(spec));

describe("settings of BGP", () => {
  it("are a node's own over everybody's over the standard, each by itself", () => {
    expect(bgpSettings({ meshEnabled: false, asNumber: 64599 }, { listenPort: 1790 })).toEqual({
      meshEnabled: false,
      asNumber: 64599,
      listenPort: 1790,
    });
    expect(bgpSettings(undefined, undefined)).toEqual({ meshEnabled: true, asNumber: 64512, listenPort: 179 });
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
      missing: undefined,
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

  it("says what it asks for that is not to be had: a session without it would be less than was asked for", () => {
    expect(row({ peerIP: "10.0.0.1", password: { secretKeyRef: { name: "s", key: "k" } } })?.missing).toContain("MD5");
    expect(row({ peerIP: "10.0.0.1", ttlSecurity: 1 })?.missing).toContain("TTL security");
    expect(row({ peerIP: "10.0.0.1", ttlSecurity: 0, password: {} })?.missing).toBeUndefined();
  });

  it("is not there for workloads, nor without a peer", () => {
    expect(row({ localWorkloadSelector: "all()", asNumber: 1 })).toBeUndefined();
    expect(row({})).toBeUndefined();
  });
});
