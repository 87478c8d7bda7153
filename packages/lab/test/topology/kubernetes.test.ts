import { describe, expect, it } from "vitest";
import { topologyText } from "../../src/topology/saved.ts";
import { parseTopology } from "../../src/topology/topology.ts";

const CLUSTER = {
  kubernetes: { controlPlane: "api" },
  segments: ["lan"],
  hosts: [{ name: "api", segment: "lan", address: "172.17.0.10/16" }],
  nodes: [{ name: "node01", segment: "lan", address: "172.17.0.40/16" }],
};

const read = (change: object) => parseTopology(JSON.stringify({ ...CLUSTER, ...change }), "t.yaml");

describe("a topology whose nodes are a cluster's", () => {
  it("needs no more than to say where the control plane is", () => {
    expect(read({}).kubernetes).toEqual({
      controlPlane: "api",
      proxyMode: "nftables",
      serviceCidr: "10.96.0.0/16",
      network: "ocicat",
    });
    expect(read({}).datastore).toBe("");
  });

  it("is kept and read again", () => {
    const topology = read({ kubernetes: { controlPlane: "api", proxyMode: "iptables", network: "none" } });
    expect(parseTopology(topologyText(topology), "kept")).toEqual(topology);
  });

  it.each([
    [
      "a control plane that is no host",
      { kubernetes: { controlPlane: "node01" } },
      /controlPlane: "node01" is not a host/,
    ],
    ["a datastore beside it", { datastore: "node01" }, /datastore: is the cluster's own business/],
    ["a pool beside it", { pools: [{ cidr: "10.0.0.0/16" }] }, /pools: is the cluster's own business/],
    [
      "a mode that kube-proxy has not",
      { kubernetes: { controlPlane: "api", proxyMode: "ipvs" } },
      /is not among nftables/,
    ],
    ["services at no prefix", { kubernetes: { controlPlane: "api", serviceCidr: "10.96" } }, /serviceCidr/],
  ])("does not have %s", (_what, change, message) => {
    expect(() => read(change)).toThrow(message);
  });
});
