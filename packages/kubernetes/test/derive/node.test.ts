import { decodeStored, node as nodeKind } from "@ocicat/api";
import { type NodeOptions, patchOfNode, rowOfNode } from "@ocicat/kubernetes/derive";
import { describe, expect, it } from "vitest";

const ANNOTATIONS = {
  "projectcalico.org/IPv4Address": "192.168.0.81/24",
  "projectcalico.org/IPv6Address": "fd00:1::81/64",
  "projectcalico.org/IPv4IPIPTunnelAddr": "10.244.1.1",
  "projectcalico.org/IPv4VXLANTunnelAddr": "10.244.1.2",
  "projectcalico.org/VXLANTunnelMACAddr": "66:01:02:03:04:05",
  "projectcalico.org/IPv6VXLANTunnelAddr": "fd00:2::2",
  "projectcalico.org/VXLANTunnelMACAddrV6": "66:01:02:03:04:06",
  "projectcalico.org/ASNumber": "64513",
  "projectcalico.org/RouteReflectorClusterID": "224.0.0.1",
  "projectcalico.org/IPv4WireguardInterfaceAddr": "10.244.1.3",
  "projectcalico.org/IPv6WireguardInterfaceAddr": "fd00:2::3",
  "projectcalico.org/WireguardPublicKey": "key4",
  "projectcalico.org/WireguardPublicKeyV6": "key6",
  "projectcalico.org/Interfaces": '[{"name":"eth0","addresses":["192.168.0.81/24"]}]',
  "projectcalico.org/labels": '{"rack":"r1"}',
  "projectcalico.org/annotations": '{"ocicat.io/backend":"bird"}',
};

function kubernetesNode(annotations: Readonly<Record<string, string>> = {}, more: object = {}) {
  return {
    metadata: {
      name: "node1",
      uid: "11111111-2222-4333-8444-555555555555",
      creationTimestamp: "2026-11-21T10:00:00Z",
      labels: { "kubernetes.io/hostname": "node1", zone: "a" },
      annotations: { "node.alpha.kubernetes.io/ttl": "0", ...annotations },
    },
    spec: { podCIDR: "10.96.1.0/24", podCIDRs: ["10.96.1.0/24", "fd00:96::/80"] },
    status: {
      addresses: [
        { type: "InternalIP", address: "192.168.0.81" },
        { type: "ExternalIP", address: "203.0.113.81" },
        { type: "Hostname", address: "node1" },
      ],
    },
    ...more,
  };
}

function derived(annotations?: Readonly<Record<string, string>>, options?: NodeOptions) {
  const { key, value, problems } = rowOfNode(kubernetesNode(annotations), options);
  return { node: decodeStored(nodeKind, { key, value, modRevision: 5n }), problems };
}

describe("a node of Kubernetes", () => {
  it("has all that its annotations say", () => {
    const { node, problems } = derived(ANNOTATIONS);
    expect(problems).toEqual([]);
    expect(node).toEqual({
      kind: "Node",
      apiVersion: "projectcalico.org/v3",
      metadata: {
        name: "node1",
        uid: "11111111-2222-4333-8444-555555555555",
        creationTimestamp: "2026-11-21T10:00:00Z",
        resourceVersion: "5",
        labels: { rack: "r1", "kubernetes.io/hostname": "node1", zone: "a" },
        annotations: {
          "ocicat.io/backend": "bird",
          "projectcalico.org/kube-labels": '{"kubernetes.io/hostname":"node1","zone":"a"}',
        },
      },
      spec: {
        bgp: {
          asNumber: 64513,
          ipv4Address: "192.168.0.81/24",
          ipv6Address: "fd00:1::81/64",
          ipv4IPIPTunnelAddr: "10.244.1.1",
          routeReflectorClusterID: "224.0.0.1",
        },
        ipv4VXLANTunnelAddr: "10.244.1.2",
        vxlanTunnelMACAddr: "66:01:02:03:04:05",
        ipv6VXLANTunnelAddr: "fd00:2::2",
        vxlanTunnelMACAddrV6: "66:01:02:03:04:06",
        orchRefs: [{ nodeName: "node1", orchestrator: "k8s" }],
        wireguard: { interfaceIPv4Address: "10.244.1.3", interfaceIPv6Address: "fd00:2::3" },
        addresses: [
          { address: "192.168.0.81/24", type: "CalicoNodeIP" },
          { address: "fd00:1::81/64", type: "CalicoNodeIP" },
          { address: "192.168.0.81", type: "InternalIP" },
          { address: "203.0.113.81", type: "ExternalIP" },
        ],
        interfaces: [{ name: "eth0", addresses: ["192.168.0.81/24"] }],
      },
      status: {
        wireguardPublicKey: "key4",
        wireguardPublicKeyV6: "key6",
        podCIDRs: ["10.96.1.0/24", "fd00:96::/80"],
      },
    });
  });

  it("without annotations has no part in BGP, and Kubernetes' addresses", () => {
    const { node } = derived();
    expect(node.spec).toEqual({
      orchRefs: [{ nodeName: "node1", orchestrator: "k8s" }],
      addresses: [
        { address: "192.168.0.81", type: "InternalIP" },
        { address: "203.0.113.81", type: "ExternalIP" },
      ],
    });
  });

  it("has Kubernetes' label where both have one", () => {
    const { node } = derived({ "projectcalico.org/labels": '{"zone":"z","rack":"r1"}' });
    expect(node.metadata.labels).toMatchObject({ zone: "a", rack: "r1" });
  });

  it.each([
    ["projectcalico.org/IPv4Address", "fd00::1/64"],
    ["projectcalico.org/IPv4Address", "192.168.0.81/33"],
    ["projectcalico.org/IPv6Address", "192.168.0.81/24"],
    ["projectcalico.org/IPv4IPIPTunnelAddr", "here"],
    ["projectcalico.org/VXLANTunnelMACAddr", "66:01"],
    ["projectcalico.org/ASNumber", "4294967296"],
    ["projectcalico.org/ASNumber", "1.70000"],
    ["projectcalico.org/labels", "{"],
    ["projectcalico.org/Interfaces", "{}"],
  ])("is taken without an annotation that is none, and that is told: %s: %s", (annotation, text) => {
    const { node, problems } = derived({ [annotation]: text });
    expect(problems).toEqual([expect.stringContaining(annotation)]);
    expect(node.spec).toEqual(derived().node.spec);
  });

  it.each([
    ["64513", 64513],
    ["1.10", 65546],
    ["0.64512", 64512],
    ["4294967295", 4294967295],
  ])("has the AS number %s", (text, expected) => {
    expect(derived({ "projectcalico.org/ASNumber": text }).node.spec.bgp).toEqual({ asNumber: expected });
  });

  it("whose addresses come from its own range has the range's first for its tunnels", () => {
    const own = { usePodCidr: true };
    const { "projectcalico.org/WireguardPublicKey": _, ...unkeyed } = ANNOTATIONS;
    expect(derived(unkeyed, own).node.spec).toMatchObject({ bgp: { ipv4IPIPTunnelAddr: "10.96.1.1" } });
    expect(derived(unkeyed, own).node.spec.wireguard).toBeUndefined();
    expect(derived(ANNOTATIONS, own).node.spec.wireguard).toEqual({ interfaceIPv4Address: "10.96.1.1" });
  });
});

describe("what is written to a node of Kubernetes", () => {
  const withNulls = (annotations: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.keys(ANNOTATIONS).map((name) => [name, annotations[name] ?? null]));

  it("is every annotation that says a field, and no label of Kubernetes'", () => {
    expect(patchOfNode(derived(ANNOTATIONS).node)).toEqual({ metadata: { annotations: ANNOTATIONS } });
  });

  it("takes away what is not said any more", () => {
    const { node } = derived(ANNOTATIONS);
    const { bgp: _, wireguard: __, ...spec } = node.spec;
    const { annotations } = patchOfNode({ ...node, spec }).metadata;
    expect(annotations).toMatchObject({
      "projectcalico.org/IPv4Address": null,
      "projectcalico.org/ASNumber": null,
      "projectcalico.org/IPv4WireguardInterfaceAddr": null,
      "projectcalico.org/IPv4VXLANTunnelAddr": "10.244.1.2",
    });
  });

  it("of a node without annotations takes all away that there may be", () => {
    expect(patchOfNode(derived().node)).toEqual({ metadata: { annotations: withNulls({}) } });
  });

  it("keeps a label of its own that was added to the row, and leaves Kubernetes' alone", () => {
    const { node } = derived();
    const labels = { ...node.metadata.labels, rack: "r2" };
    const { annotations } = patchOfNode({ ...node, metadata: { ...node.metadata, labels } }).metadata;
    expect(annotations["projectcalico.org/labels"]).toBe('{"rack":"r2"}');
  });
});
