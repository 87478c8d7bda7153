import { readFileSync } from "node:fs";
import { OcicatError } from "@ocicat/kit";
import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { topologyText } from "../../src/topology/saved.ts";
import { parseTopology } from "../../src/topology/topology.ts";

const FIRST_LIGHT = readFileSync(new URL("../../topologies/first-light.yaml", import.meta.url), "utf8");
const DUAL_STACK = readFileSync(new URL("../../topologies/dual-stack.yaml", import.meta.url), "utf8");

const SMALL = {
  segments: ["lan"],
  nodes: [{ name: "node1", segment: "lan", address: "192.168.0.81/24", gateway: "192.168.0.1" }],
  routers: [{ name: "gateway", interfaces: [{ segment: "lan", address: "192.168.0.1/24" }] }],
  datastore: "node1",
};

function read(change: Readonly<Record<string, unknown>>) {
  return parseTopology(JSON.stringify({ ...SMALL, ...change }), "t.yaml");
}

function complaint(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof OcicatError)) throw error;
    expect(error.code).toBe("LAB_TOPOLOGY");
    return error.message;
  }
  throw new Error("it was accepted");
}

const node = (change: Readonly<Record<string, unknown>>) => ({ nodes: [{ ...SMALL.nodes[0], ...change }] });
const pod = (change: Readonly<Record<string, unknown>>) => ({ pods: [{ name: "pod1", node: "node1", ...change }] });

describe("a topology", () => {
  it("of first light is the network of the walk-throughs", () => {
    const topology = parseTopology(FIRST_LIGHT, "first-light.yaml");
    expect(topology.nodes.map((each) => each.name)).toEqual(["master", "node1", "node2"]);
    expect(topology.nodes[1]?.interface).toEqual({ address: parseAddress("192.168.0.81"), prefixLength: 24 });
    expect(topology.nodes[1]?.gateway).toBe(parseAddress("192.168.0.1"));
    expect(topology.pods.map((each) => `${each.namespace}/${each.name}@${each.node}`)).toEqual([
      "default/pod0@master",
      "default/pod1@node1",
      "default/pod2@node2",
      "default/pod3@node1",
    ]);
    expect(topology.pools[0]).toMatchObject({ cidr: "10.244.0.0/16", blockSize: 26 });
  });

  it("needs no more than a node, its segment and where the datastore is", () => {
    const topology = read({
      routers: undefined,
      nodes: [{ name: "a", segment: "lan", address: "10.0.0.1/8" }],
      datastore: "a",
    });
    expect(topology).toMatchObject({ name: "ocicat", routers: [], hosts: [], pools: [], pods: [] });
    expect(topology.nodes[0]?.gateway).toBeUndefined();
  });

  it("of two families has an address and a gateway of each", () => {
    const topology = parseTopology(DUAL_STACK, "dual-stack.yaml");
    expect(topology.nodes[1]?.interface6).toEqual({ address: parseAddress("fd00:192:168::81"), prefixLength: 64 });
    expect(topology.nodes[1]?.gateway6).toBe(parseAddress("fd00:192:168::1"));
    expect(topology.routers[0]?.interfaces.map((port) => port.interface6?.prefixLength)).toEqual([64, 64]);
    expect(parseTopology(topologyText(topology), "saved")).toEqual(topology);
  });

  it("is called as real hosts and their interfaces are", () => {
    const topology = read({
      ...node({ name: "node1.whale.com" }),
      datastore: "node1.whale.com",
      nodeInterface: "ens3",
    });
    expect(topology).toMatchObject({ nodeInterface: "ens3", backend: "bird", datastore: "node1.whale.com" });
  });

  it("made by hand has nothing else, and is kept as it is written", () => {
    const topology = parseTopology("byHand: tunnel\n", "t.yaml");
    expect(topology).toMatchObject({ byHand: "tunnel", nodes: [], datastore: "" });
    expect(parseTopology(topologyText(topology), "saved")).toEqual(topology);
  });

  it("gives a pod ports and limits", () => {
    const topology = read(pod({ ports: ["8080:80", "53:5353/udp"], bandwidth: { ingress: 1_000_000 } }));
    expect(topology.pods[0]?.ports).toEqual([
      { hostPort: 8080, containerPort: 80, protocol: "tcp" },
      { hostPort: 53, containerPort: 5353, protocol: "udp" },
    ]);
    expect(topology.pods[0]?.bandwidth).toEqual({ ingress: 1_000_000, egress: undefined });
  });

  it("gives a pod labels, or none", () => {
    expect(read(pod({ labels: { app: "web", "example.org/tier": "front" } })).pods[0]?.labels).toEqual({
      app: "web",
      "example.org/tier": "front",
    });
    expect(read(pod({})).pods[0]?.labels).toEqual({});
  });
});

describe("a topology that cannot be used says where and what", () => {
  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    [
      "an unknown field",
      { colour: "red" },
      /^t\.yaml: colour: is not a field here; use name, nodeInterface, backend, byHand, kubernetes, segments/,
    ],
    ["an unknown field of a node", node({ role: "worker" }), /nodes\[0\]\.role: is not a field here/],
    ["no nodes", { nodes: [] }, /nodes: there is none/],
    ["a list that is none", { segments: "lan" }, /segments: must be a list/],
    ["a node that is none", { nodes: ["node1"] }, /nodes\[0\]: must be a mapping/],
    [
      "a node name that is not one",
      node({ name: "Bad_Name" }),
      /nodes\[0\]\.name: "Bad_Name" is not a name; use up to 63/,
    ],
    ["a lab name that leads elsewhere", { name: "../etc" }, /name: "\.\.\/etc" is not a lab's name/],
    ["a lab name with a dot", { name: "a.b" }, /name: "a\.b" is not a lab's name; use up to 32/],
    ["a name too long", node({ name: "a".repeat(64) }), /is not a name/],
    ["a name that leads elsewhere", node({ name: "a..b" }), /is not a name/],
    [
      "something beside what is made by hand",
      { byHand: "tunnel" },
      /byHand: has nothing beside it; leave out all else/,
    ],
    ["a backend that is none", { backend: "quagga" }, /backend: "quagga" is not among bird, vxlan, none/],
    ["an interface of the agent's", { nodeInterface: "cali0" }, /nodeInterface: "cali0" is not a name for nodes' own/],
    ["a name twice", { segments: ["lan", "lan"] }, /segments\[1\]: "lan" is used twice/],
    ["a pod named as a node", pod({ name: "node1" }), /pods\[0\]\.name: "node1" is used twice/],
    [
      "an address without length",
      node({ address: "192.168.0.81" }),
      /nodes\[0\]\.address: "192\.168\.0\.81" is not address\/length; write it like/,
    ],
    ["an address that is none", node({ address: "192.168.0.300/24" }), /nodes\[0\]\.address: .*192\.168\.0\.300/],
    ["a length that is none", node({ address: "192.168.0.81/33" }), /nodes\[0\]\.address: \/33 is not a prefix length/],
    [
      "an IPv6 address",
      node({ address: "2001:db8::1/64" }),
      /nodes\[0\]\.address: "2001:db8::1\/64" is not address|is not an IPv4 address/,
    ],
    ["an IPv4 address for IPv6", node({ address6: "10.0.0.1/24" }), /address6: "10\.0\.0\.1" is not an IPv6 address/],
    ["a gateway of IPv6 without an address", node({ gateway6: "fd00::1" }), /gateway6: fd00::1 is not on the subnet/],
    [
      "an IPv6 address that is taken",
      {
        ...node({ address6: "fd00::1/64" }),
        routers: [{ name: "gateway", interfaces: [{ ...SMALL.routers[0]?.interfaces[0], address6: "fd00::1/64" }] }],
      },
      /fd00::1 is also/,
    ],
    ["a gateway elsewhere", node({ gateway: "10.0.0.1" }), /nodes\[0\]\.gateway: 10\.0\.0\.1 is not on the subnet/],
    ["an address twice", node({ address: "192.168.0.1/24" }), /192\.168\.0\.1 is also /],
    ["a segment that is not there", node({ segment: "wan" }), /nodes\[0\]\.segment: "wan" is not among lan/],
    ["a datastore that is no node", { datastore: "gateway" }, /datastore: "gateway" is not a node; use one of node1/],
    ["a pod on no node", pod({ node: "node9" }), /pods\[0\]\.node: "node9" is not a node; use one of node1/],
    ["a namespace that is none", pod({ namespace: "a/b" }), /pods\[0\]\.namespace: "a\/b" is not a namespace's name/],
    [
      "ports that are none",
      pod({ ports: ["80"] }),
      /pods\[0\]\.ports\[0\]: "80" is not a pair of ports; write NODEPORT:PODPORT/,
    ],
    ["a label that is none", pod({ labels: { "a b": "c" } }), /pods\[0\]\.labels: the label a b=c is not a label key/],
    ["a label that is no text", pod({ labels: { app: 1 } }), /pods\[0\]\.labels: the label app=1 is not a text/],
    ["a rate that is none", pod({ bandwidth: { ingress: "1M" } }), /pods\[0\]\.bandwidth\.ingress: "1M" is not a rate/],
  ])("%s", (_what, change, message) => {
    expect(complaint(() => read(change))).toMatch(message);
  });

  it("bad YAML, with its line", () => {
    expect(complaint(() => parseTopology("segments: [lan\nnodes: []\n", "t.yaml"))).toMatch(/^t\.yaml:\d+: /);
  });

  it("a text that is no mapping", () => {
    expect(complaint(() => parseTopology("- lan\n", "t.yaml"))).toMatch(/^t\.yaml: must be a mapping/);
  });
});
