import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  affinitiesPrefix,
  affinityKey,
  blockKey,
  blocksPrefix,
  formatOwner,
  handleKey,
  hostOwner,
  parseIpamKey,
  parseOwner,
} from "../../src/ipam/index.ts";

describe("keys of IPAM", () => {
  const v4 = parsePrefix("10.244.166.128/26");
  const v6 = parsePrefix("fd00::/122");
  const balancer = { type: "virtual", name: "load-balancer" } as const;

  it.each([
    [blockKey(v4), "/calico/ipam/v2/assignment/ipv4/block/10.244.166.128-26", { kind: "block", prefix: v4 }],
    [blockKey(v6), "/calico/ipam/v2/assignment/ipv6/block/fd00::-122", { kind: "block", prefix: v6 }],
    [
      affinityKey(hostOwner("node1"), v6),
      "/calico/ipam/v2/host/node1/ipv6/block/fd00::-122",
      { kind: "affinity", owner: { type: "host", name: "node1" }, prefix: v6 },
    ],
    [
      affinityKey(balancer, v4),
      "/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.244.166.128-26",
      { kind: "affinity", owner: balancer, prefix: v4 },
    ],
    [
      handleKey("k8s-pod-network.4f-2a"),
      "/calico/ipam/v2/handle/k8s-pod-network.4f-2a",
      { kind: "handle", id: "k8s-pod-network.4f-2a" },
    ],
  ])("%s", (built, expected, parsed) => {
    expect(built).toBe(expected);
    expect(parseIpamKey(built)).toEqual(parsed);
  });

  it("a key without the owner's type, of old, is a node's", () => {
    expect(parseIpamKey("/calico/ipam/v2/@/node1/ipv4/block/10.0.0.0-26")).toMatchObject({
      kind: "affinity",
      owner: { type: "host", name: "node1" },
    });
  });

  it.each([
    "/calico/ipam/v1/config",
    "/calico/ipam/v2/",
    "/calico/ipam/v2/handle/a/b",
    "/calico/ipam/v2/handle/",
    "/calico/ipam/v2/config/x",
    "/calico/ipam/v2/assignment/ipv6/block/10.0.0.0-26",
    "/calico/ipam/v2/assignment/ipv4/block/10.0.0.1-26",
    "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0",
    "/calico/ipam/v2/assignment/ipv4/block/x-26",
    "/calico/ipam/v2/rack/7/ipv4/block/10.0.0.0-26",
  ])("%s is nothing of ours", (key) => {
    expect(parseIpamKey(key)).toBeUndefined();
  });

  it("a bare node and the settings are told apart", () => {
    expect(parseIpamKey("/calico/ipam/v2/host/node1")).toEqual({ kind: "host", node: "node1" });
    expect(parseIpamKey("/calico/ipam/v2/config")).toEqual({ kind: "config" });
  });

  it.each(["", "a/b"])("a name %j that would leave its part of the key is refused", (name) => {
    expect(() => handleKey(name)).toThrow(expect.objectContaining({ code: "INVALID_NAME" }));
    expect(() => affinityKey(hostOwner(name), v4)).toThrow(expect.objectContaining({ code: "INVALID_NAME" }));
  });

  it("prefixes for listing hold the keys they are for, and not a longer name's", () => {
    expect(blockKey(v6).startsWith(blocksPrefix(6))).toBe(true);
    expect(blockKey(v6).startsWith(blocksPrefix())).toBe(true);
    expect(affinityKey(hostOwner("node10"), v4).startsWith(affinitiesPrefix(hostOwner("node1"), 4))).toBe(false);
    expect(affinityKey(hostOwner("node1"), v4).startsWith(affinitiesPrefix(hostOwner("node1")))).toBe(true);
  });

  it("owners are written as blocks say them", () => {
    expect(formatOwner(balancer)).toBe("virtual:load-balancer");
    expect(parseOwner("host:a:b")).toEqual({ type: "host", name: "a:b" });
    expect(parseOwner("nobody")).toBeUndefined();
  });
});
