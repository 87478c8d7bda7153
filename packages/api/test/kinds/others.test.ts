import { describe, expect, it } from "vitest";
import {
  asCreated,
  bgpConfiguration,
  blockAffinity,
  clusterInformation,
  decodeStored,
  encodeStored,
  endpointPrefixes,
  ipamConfiguration,
  ipReservation,
  type Node,
  node,
  reservedNetworks,
  resourceTable,
  workloadEndpoint,
} from "../../src/index.ts";
import { apply, refusals } from "../support.ts";

describe("Node", () => {
  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    ["an empty bgp", { bgp: {} }, ["spec.bgp", {}, "required"]],
    ["AS 0", { bgp: { asNumber: 0 } }, ["spec.bgp.asNumber", 0, "range"]],
    [
      "an IPv6 address for IPv4",
      { bgp: { ipv4Address: "fd00::1/64" } },
      ["spec.bgp.ipv4Address", "fd00::1/64", "family"],
    ],
    [
      "an address that is none",
      { bgp: { ipv4Address: "192.168.0.256/24" } },
      ["spec.bgp.ipv4Address", "192.168.0.256/24", "address"],
    ],
    [
      "an orchestrator without a name",
      { orchRefs: [{ nodeName: "a" }] },
      ["spec.orchRefs[0].orchestrator", undefined, "required"],
    ],
    [
      "a kind of address that is none",
      { addresses: [{ address: "10.0.0.1", type: "Home" }] },
      ["spec.addresses[0].type", "Home", "choice"],
    ],
    ["a MAC that is none", { vxlanTunnelMACAddr: "1:2" }, ["spec.vxlanTunnelMACAddr", "1:2", "mac"]],
  ])("is refused for %s", (_why, spec, refusal) => {
    expect(refusals(() => apply("Node", "n", spec))).toEqual([refusal]);
  });

  it.each(["node_1", "Node1", "-a", "a..b"])("is not called %s", (name) => {
    expect(refusals(() => apply("Node", name, {}))).toEqual([["metadata.name", name, "name"]]);
  });

  it("takes its AS number as dotted text, and an empty address for none", () => {
    const spec = { bgp: { asNumber: "1.0", ipv4Address: "192.168.0.81/24", ipv6Address: "" } };
    expect(apply("Node", "n", spec).spec).toEqual({ bgp: { asNumber: 65536, ipv4Address: "192.168.0.81/24" } });
  });

  it("shows its own AS number, else the cluster's in parentheses, and none where there is no BGP", () => {
    const nodes = [{ bgp: { asNumber: 65001 } }, { bgp: { ipv4Address: "10.0.0.1/24" } }, {}].map((spec) =>
      apply("Node", "n", spec),
    );
    const cells = (globalAsNumber?: number) =>
      resourceTable(node, nodes, { wide: true, globalAsNumber }).rows.map((row) => row[1]);
    expect(cells()).toEqual(["65001", "(64512)", ""]);
    expect(cells(65500)).toEqual(["65001", "(65500)", ""]);
  });

  it("has a status, if only an empty one", () => {
    const stored: Node = decodeStored(node, {
      key: "/calico/resources/v3/projectcalico.org/nodes/n",
      value: '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n"}}',
      modRevision: 5n,
    });
    expect(encodeStored(stored)).toBe(
      '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n"},"spec":{},"status":{}}',
    );
  });
});

describe("WorkloadEndpoint", () => {
  const spec = {
    orchestrator: "k8s",
    node: "node-1",
    pod: "web-1",
    endpoint: "eth0",
    ipNetworks: ["10.0.0.1", "fd00::1/128"],
  };
  const name = "node--1-k8s-web--1-eth0";
  const endpoint = (change: object = {}, called = name) =>
    apply("WorkloadEndpoint", called, { ...spec, ...change }, "default");

  it("has host networks", () => {
    const resource = endpoint();
    if (!workloadEndpoint.is(resource)) throw new Error("not an endpoint");
    expect(resource.spec.ipNetworks).toEqual(["10.0.0.1/32", "fd00::1/128"]);
    expect(endpointPrefixes(resource, 6).map(String)).toEqual(["fd00::1/128"]);
    expect(endpointPrefixes(resource).map(String)).toEqual(["10.0.0.1/32", "fd00::1/128"]);
  });

  it("is stored with the labels that policies select it by, whatever it says of itself there", () => {
    const metadata = { name, namespace: "default", labels: { a: "b", "projectcalico.org/namespace": "kube-system" } };
    const resource = { ...endpoint(), metadata };
    expect(asCreated(resource, { uid: "u", now: 0 }).metadata.labels).toEqual({
      a: "b",
      "projectcalico.org/namespace": "default",
      "projectcalico.org/orchestrator": "k8s",
    });
  });

  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    [
      "a network of more addresses",
      { ipNetworks: ["10.0.0.0/26"] },
      ["spec.ipNetworks[0]", "10.0.0.0/26", "host-route"],
    ],
    ["no node", { node: undefined }, ["spec.node", undefined, "required"]],
    [
      "a long interface name",
      { interfaceName: "cali0123456789ab" },
      ["spec.interfaceName", "cali0123456789ab", "interface-name"],
    ],
    ["a MAC that is none", { mac: "x" }, ["spec.mac", "x", "mac"]],
    ["an IPv6 gateway for IPv4", { ipv4Gateway: "fe80::1" }, ["spec.ipv4Gateway", "fe80::1", "family"]],
    [
      "a NAT to an address that is not its own",
      { ipNATs: [{ internalIP: "10.0.0.2", externalIP: "1.2.3.4" }] },
      ["spec.ipNATs[0].internalIP", "10.0.0.2", "nat-address"],
    ],
    [
      "a port beyond 65535",
      { ports: [{ name: "a", protocol: "TCP", port: 65_536 }] },
      ["spec.ports[0].port", 65_536, "range"],
    ],
    [
      "a protocol that is none",
      { ports: [{ protocol: "HTTP", port: 1 }] },
      ["spec.ports[0].protocol", "HTTP", "protocol"],
    ],
    ["a negative rate", { qosControls: { ingressBandwidth: -1 } }, ["spec.qosControls.ingressBandwidth", -1, "range"]],
    ["a pod that its name does not say", { pod: "web-2" }, ["metadata.name", name, "endpoint-name"]],
    ["a pod that cannot be in a name", { pod: "-web" }, ["spec", undefined, "endpoint-name"]],
  ])("is refused for %s", (_why, change, refusal) => {
    expect(refusals(() => endpoint(change))).toEqual([refusal]);
  });

  it.each(["TCP", "udplite", "ICMPv6", 1, 255])("has ports of protocol %s", (protocol) => {
    expect(refusals(() => endpoint({ ports: [{ protocol, port: 80 }] }))).toEqual([]);
  });

  it.each(["", "HTTP", 0, 256, 6.5, true])("has no ports of protocol %j, empty text being none given", (protocol) => {
    const found = refusals(() => endpoint({ ports: [{ name: "a", protocol, port: 80 }] }));
    expect(found).toEqual(protocol === "" ? [] : [["spec.ports[0].protocol", protocol, "protocol"]]);
  });

  it("stores all of a port, also what is empty, as Calico does", () => {
    const stored = encodeStored(endpoint({ ports: [{ protocol: "TCP", port: 80 }] }));
    expect(stored).toContain('"ports":[{"name":"","protocol":"TCP","port":80,"hostPort":0,"hostIP":""}]');
    const full = '"ports":[{"name":"http","protocol":"TCP","port":80,"hostPort":8080,"hostIP":"10.0.0.9"}]';
    expect(encodeStored(endpoint(JSON.parse(`{${full}}`) as object))).toContain(full);
  });

  it("lives in a namespace", () => {
    expect(refusals(() => apply("WorkloadEndpoint", name, spec))).toEqual([
      ["metadata.namespace", undefined, "required"],
    ]);
    expect(refusals(() => apply("WorkloadEndpoint", name, spec, "Default"))).toEqual([
      ["metadata.namespace", "Default", "name"],
    ]);
  });

  it("shows everything when asked for it wide", () => {
    const nats = {
      ipNATs: [{ internalIP: "10.0.0.1", externalIP: "1.2.3.4" }],
      profiles: ["kns.default", "ksa.default.default"],
    };
    expect(resourceTable(workloadEndpoint, [endpoint(nats)], { wide: true })).toEqual({
      headings: ["NAME", "WORKLOAD", "NODE", "NETWORKS", "INTERFACE", "PROFILES", "NATS"],
      rows: [
        [name, "web-1", "node-1", "10.0.0.1/32,fd00::1/128", "", "kns.default,ksa.default.default", "1.2.3.4=10.0.0.1"],
      ],
    });
  });
});

describe("BGPConfiguration", () => {
  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    ["a port beyond 65535", { listenPort: 65_536 }, ["spec.listenPort", 65_536, "range"]],
    [
      "a service network with host bits",
      { serviceClusterIPs: [{ cidr: "10.96.0.1/12" }] },
      ["spec.serviceClusterIPs[0].cidr", "10.96.0.1/12", "host-bits"],
    ],
    [
      "a password where there is no mesh",
      { nodeToNodeMeshEnabled: false, nodeMeshPassword: {} },
      ["spec.nodeMeshPassword", {}, "mesh-disabled"],
    ],
    [
      "a restart time where there is no mesh",
      { nodeToNodeMeshEnabled: false, nodeMeshMaxRestartTime: "2m0s" },
      ["spec.nodeMeshMaxRestartTime", "2m0s", "mesh-disabled"],
    ],
    [
      "a community that is none",
      { communities: [{ name: "a", value: "65536:1" }] },
      ["spec.communities[0].value", "65536:1", "community"],
    ],
    [
      "a community that has no name",
      { prefixAdvertisements: [{ cidr: "10.0.0.0/8", communities: ["1:2", "nosuch"] }] },
      ["spec.prefixAdvertisements[0].communities[1]", "nosuch", "community"],
    ],
    ["a priority of 0", { ipv4NormalRoutePriority: 0 }, ["spec.ipv4NormalRoutePriority", 0, "range"]],
    [
      "an interface pattern that is none",
      { ignoredInterfaces: ["a b"] },
      ["spec.ignoredInterfaces[0]", "a b", "interface-name"],
    ],
  ])("is refused for %s", (_why, spec, refusal) => {
    expect(refusals(() => apply("BGPConfiguration", "default", spec))).toEqual([refusal]);
  });

  it("takes communities by value, standard and large, and by name", () => {
    const spec = {
      communities: [
        { name: "a", value: "65535:1" },
        { name: "b", value: "4294967295:2:3" },
      ],
      prefixAdvertisements: [{ cidr: "10.0.0.0/8", communities: ["a", "b", "1:2", "1:2:3"] }],
    };
    expect(refusals(() => apply("BGPConfiguration", "default", spec))).toEqual([]);
  });

  it("for one node does not set what all must agree on", () => {
    const spec = { logSeverityScreen: "Debug", asNumber: 65000, nodeToNodeMeshEnabled: true };
    expect(refusals(() => apply("BGPConfiguration", "node.node1", spec))).toEqual([
      ["spec.nodeToNodeMeshEnabled", true, "default-only"],
      ["spec.asNumber", 65000, "default-only"],
    ]);
  });

  it("is called default, or by a node", () => {
    expect(refusals(() => apply("BGPConfiguration", "mine", {}))).toEqual([
      ["metadata.name", "mine", "configuration-name"],
    ]);
    expect(refusals(() => apply("BGPConfiguration", "node.n1", {}))).toEqual([]);
  });

  it("shows a dash for what it does not set", () => {
    const rows = resourceTable(bgpConfiguration, [apply("BGPConfiguration", "node.n1", {})]).rows;
    expect(rows).toEqual([["node.n1", "", "-", "-"]]);
  });
});

describe("ClusterInformation", () => {
  it("is one", () => {
    expect(refusals(() => apply("ClusterInformation", "other", {}))).toEqual([
      ["metadata.name", "other", "configuration-name"],
    ]);
  });

  it("shows what it says", () => {
    const spec = { clusterGUID: "g", clusterType: "k8s,bgp", calicoVersion: "v3.32.1", datastoreReady: false };
    expect(resourceTable(clusterInformation, [apply("ClusterInformation", "default", spec)])).toEqual({
      headings: ["NAME", "CLUSTERGUID", "CLUSTERTYPE", "CALICOVERSION", "DATASTOREREADY"],
      rows: [["default", "g", "k8s,bgp", "v3.32.1", "false"]],
    });
  });
});

describe("IPReservation", () => {
  it("reserves networks: bits beyond a length mean nothing, and an address is itself alone", () => {
    const key = "/calico/resources/v3/projectcalico.org/ipreservations/r";
    const value = JSON.stringify({
      kind: "IPReservation",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: "r" },
      spec: { reservedCIDRs: ["10.0.0.5/28", "10.1.0.1", "fd00::1"] },
    });
    const reserved = reservedNetworks(decodeStored(ipReservation, { key, value, modRevision: 3n }));
    expect(reserved.map(String)).toEqual(["10.0.0.0/28", "10.1.0.1/32", "fd00::1/128"]);
  });

  it("takes networks and addresses, and nothing else", () => {
    expect(
      refusals(() => apply("IPReservation", "r", { reservedCIDRs: ["10.0.0.0/24", "10.1.0.1", "fd00::1"] })),
    ).toEqual([]);
    expect(refusals(() => apply("IPReservation", "r", { reservedCIDRs: ["10.0.0"] }))).toEqual([
      ["spec.reservedCIDRs[0]", "10.0.0", "cidr"],
    ]);
  });
});

describe("IPAMConfiguration", () => {
  const key = "/calico/ipam/v2/config";
  const decode = (value: string) => decodeStored(ipamConfiguration, { key, value, modRevision: 3n });

  it("is stored in IPAM's own form, false and 0 left out", () => {
    const config = apply("IPAMConfiguration", "default", {
      strictAffinity: true,
      maxBlocksPerHost: 4,
      ipCooldownSeconds: 30,
    });
    expect(encodeStored(config)).toBe(
      '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":4,"kubeVirtVMAddressPersistence":"Enabled","ipCooldownSeconds":30}',
    );
    expect(decode(encodeStored(config)).spec).toEqual(config.spec);
  });

  it("reads what is left out as false, as Go does", () => {
    expect(decode("{}").spec).toMatchObject({ strictAffinity: false, autoAllocateBlocks: false, maxBlocksPerHost: 0 });
  });

  it("keeps what it does not know, false or not", () => {
    const value =
      '{"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Disabled","newer":false,"count":18446744073709551615}';
    expect(encodeStored(decode(value))).toBe(value);
  });

  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    ["borrowing only", { autoAllocateBlocks: false }, ["spec.strictAffinity", false, "strict-affinity"]],
    ["a limit that borrowing evades", { maxBlocksPerHost: 2 }, ["spec.strictAffinity", false, "strict-affinity"]],
    ["a long cooldown", { ipCooldownSeconds: 1201 }, ["spec.ipCooldownSeconds", 1201, "range"]],
  ])("is refused for %s", (_why, spec, refusal) => {
    expect(refusals(() => apply("IPAMConfiguration", "default", spec))).toEqual([refusal]);
  });
});

describe("BlockAffinity", () => {
  const key = "/calico/ipam/v2/host/node-1/ipv6/block/fd00:10:244::-122";

  it("is read from IPAM's keys, an old value without a state as confirmed", () => {
    const read = (value: string) => decodeStored(blockAffinity, { key, value, modRevision: 9n });
    expect(read('{"state":"pending","deleted":false}')).toMatchObject({
      metadata: { name: "node-1-fd00-10-244---122", resourceVersion: "9" },
      spec: { state: "pending", node: "node-1", cidr: "fd00:10:244::/122", type: "host", deleted: false },
    });
    expect(read("{}").spec.state).toBe("confirmed");
  });

  it("is not written by hand, nor by this package", () => {
    const spec = { node: "n", cidr: "10.0.0.0/26" };
    expect(refusals(() => apply("BlockAffinity", "a", spec))).toEqual([["kind", undefined, "read-only"]]);
    const resource = decodeStored(blockAffinity, { key, value: "{}", modRevision: 1n });
    expect(() => encodeStored(resource)).toThrow(TypeError);
  });
});
