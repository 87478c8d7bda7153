import { describe, expect, it } from "vitest";
import { findKind, keyPrefix, kinds, parseResourceKey, RESOURCES_PREFIX, resourceKey } from "../src/index.ts";

describe("keys", () => {
  it.each([
    ["IPPool", "default-ipv4-ippool", undefined, "ippools/default-ipv4-ippool"],
    ["Node", "node1.whale.com", undefined, "nodes/node1.whale.com"],
    ["FelixConfiguration", "node.node1", undefined, "felixconfigurations/node.node1"],
    ["WorkloadEndpoint", "node1-k8s-a-eth0", "default", "workloadendpoints/default/node1-k8s-a-eth0"],
  ])("of %s %s go both ways", (kind, name, namespace, rest) => {
    const key = `/calico/resources/v3/projectcalico.org/${rest}`;
    expect(resourceKey(kind, name, namespace)).toBe(key);
    expect(parseResourceKey(key)).toEqual({ kind, name, namespace });
    expect(key.startsWith(keyPrefix(kind, namespace))).toBe(true);
  });

  it.each([
    `${RESOURCES_PREFIX}ippools/`,
    `${RESOURCES_PREFIX}ippools`,
    `${RESOURCES_PREFIX}ippools/a/b`,
    `${RESOURCES_PREFIX}wibbles/a`,
    `${RESOURCES_PREFIX}workloadendpoints/a`,
    `${RESOURCES_PREFIX}workloadendpoints/default/`,
    "/calico/resources/v3/other/ippools/a",
    "/calico/ipam/v2/configuration",
    "/calico/ipam/v2/host/node1",
    "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26",
    "",
  ])("%s is no resource's", (key) => {
    expect(parseResourceKey(key)).toBeUndefined();
  });

  it("are refused for kinds, names and namespaces that do not go together", () => {
    expect(() => resourceKey("Wibble", "a")).toThrow(expect.objectContaining({ code: "KIND_UNKNOWN" }));
    expect(() => keyPrefix("ippool")).toThrow(expect.objectContaining({ code: "KIND_UNKNOWN" }));
    expect(() => resourceKey("IPPool", "a", "default")).toThrow(expect.objectContaining({ code: "NAMESPACE_WRONG" }));
    expect(() => resourceKey("WorkloadEndpoint", "a")).toThrow(expect.objectContaining({ code: "NAMESPACE_WRONG" }));
    expect(() => resourceKey("BlockAffinity", "a")).toThrow(expect.objectContaining({ code: "KEY_NOT_NAMED" }));
  });

  it("of one namespace do not reach into one whose name begins alike", () => {
    const key = resourceKey("WorkloadEndpoint", "a", "default2");
    expect(key.startsWith(keyPrefix("WorkloadEndpoint", "default"))).toBe(false);
  });
});

describe("a kind is found", () => {
  it.each([
    ["ippool", "IPPool"],
    ["IPPools", "IPPool"],
    ["pool", "IPPool"],
    ["no", "Node"],
    ["wep", "WorkloadEndpoint"],
    ["workloadendpoints", "WorkloadEndpoint"],
    ["bgpconfig", "BGPConfiguration"],
    ["felixconfig", "FelixConfiguration"],
    ["clusterinfo", "ClusterInformation"],
    ["reservation", "IPReservation"],
    ["ipamconfig", "IPAMConfiguration"],
  ])("by %s", (word, kind) => {
    expect(findKind(word)?.kind).toBe(kind);
  });

  it("by no word twice", () => {
    const words = kinds.flatMap(({ kind, plural, aliases }) => [...new Set([kind.toLowerCase(), plural, ...aliases])]);
    expect(new Set(words).size).toBe(words.length);
    expect(findKind("wibble")).toBeUndefined();
  });
});
