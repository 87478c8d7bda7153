import { decodeStored, encodeStored, workloadEndpoint } from "@ocicat/api";
import {
  type DerivedRow,
  patchOfEndpoint,
  patchOfReleasedEndpoint,
  podOfEndpoint,
  rowOfPod,
} from "@ocicat/kubernetes/derive";
import { describe, expect, it } from "vitest";

interface Parts {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly metadata?: object;
  readonly spec?: object;
  readonly status?: object;
}

function pod({ annotations = {}, labels = { app: "web" }, metadata = {}, spec = {}, status = {} }: Parts = {}) {
  return {
    kind: "Pod",
    apiVersion: "v1",
    metadata: {
      name: "web-1",
      namespace: "shop",
      uid: "0a6d7ed5-4a0c-4a3d-8f3b-5d0a3a3a3a3a",
      creationTimestamp: "2026-11-21T10:00:00Z",
      resourceVersion: "77",
      labels,
      annotations,
      ...metadata,
    },
    spec: { nodeName: "node-1", serviceAccountName: "seller", containers: [{ name: "c" }], ...spec },
    status: { phase: "Running", ...status },
  };
}

function row(parts?: Parts): DerivedRow {
  const found = rowOfPod(pod(parts));
  if (found === undefined) throw new Error("the pod has no endpoint");
  return found;
}

const endpoint = (parts?: Parts) => endpointIn(row(parts));

function endpointIn({ key, value }: DerivedRow) {
  return decodeStored(workloadEndpoint, { key, value, modRevision: 77n });
}

describe("the endpoint of a pod", () => {
  it("is named after node, pod and interface, and stands where Calico's does", () => {
    const { key, value, problems } = row({ status: { podIPs: [{ ip: "10.244.1.5" }] } });
    expect(key).toBe("/calico/resources/v3/projectcalico.org/workloadendpoints/shop/node--1-k8s-web--1-eth0");
    expect(problems).toEqual([]);
    expect(JSON.parse(value)).toEqual({
      kind: "WorkloadEndpoint",
      apiVersion: "projectcalico.org/v3",
      metadata: {
        name: "node--1-k8s-web--1-eth0",
        namespace: "shop",
        uid: "0a6d7ed5-4a0c-4a3d-8f3b-5d0a3a3a3a3a",
        creationTimestamp: "2026-11-21T10:00:00Z",
        labels: {
          app: "web",
          "projectcalico.org/namespace": "shop",
          "projectcalico.org/orchestrator": "k8s",
          "projectcalico.org/serviceaccount": "seller",
        },
      },
      spec: {
        orchestrator: "k8s",
        node: "node-1",
        pod: "web-1",
        endpoint: "eth0",
        serviceAccountName: "seller",
        ipNetworks: ["10.244.1.5/32"],
        profiles: ["kns.shop", "ksa.shop.seller"],
        // cali and the first 11 digits of the SHA-1 of "shop.web-1".
        interfaceName: "cali751425ce827",
      },
    });
  });

  const everything = {
    "cni.projectcalico.org/podIPs": "10.1.2.3/32,fd00::5/128",
    "cni.projectcalico.org/containerID": "abc",
    "cni.projectcalico.org/floatingIPs": '["203.0.113.5"]',
    "cni.projectcalico.org/allowedSourcePrefixes": '["10.9.0.0/16"]',
    "ocicat.io/mac": "02:00:00:00:00:07",
  };

  it.each<[string, Parts]>([
    ["a plain pod", {}],
    ["one without anything", { labels: {}, spec: { serviceAccountName: undefined } }],
    [
      "one that says all there is",
      {
        annotations: everything,
        labels: { zone: "z", app: "web", Upper: "1", "a.b/c": "2" },
        spec: { containers: [{ ports: [{ name: "http", containerPort: 80, hostPort: 8080, hostIP: "10.0.0.1" }] }] },
      },
    ],
    [
      "one with limits",
      {
        annotations: {
          ...everything,
          "qos.projectcalico.org/egressBandwidth": "1M",
          "qos.projectcalico.org/ingressPacketRate": "9",
        },
      },
    ],
    ["one with other signs", { annotations: { "k8s.v1.cni.cncf.io/network-status": '[{"name": "<a & b>\u2028"}]' } }],
  ])("is stored as the same bytes that Calico's form has: %s", (_, parts) => {
    const { key, value } = row(parts);
    expect(encodeStored(endpointIn({ key, value, problems: [] }))).toBe(value);
  });

  it.each([
    ["of the host's network", { hostNetwork: true }],
    ["on no node yet", { nodeName: undefined }],
    ["on no node yet, said by an empty name", { nodeName: "" }],
  ])("is none for a pod %s", (_, spec) => expect(rowOfPod(pod({ spec }))).toBeUndefined());

  it("is there before the pod has an address", () => {
    expect(endpoint({ status: { phase: "Pending" } }).spec.ipNetworks).toBeUndefined();
  });

  it("has another interface prefix where it is told one", () => {
    const found = rowOfPod(pod(), { interfacePrefix: "tap" });
    expect(found && endpointIn(found).spec.interfaceName).toBe("tap751425ce827");
  });

  it("is in the namespace that it is in, whatever its labels say", () => {
    const labels = { "projectcalico.org/namespace": "kube-system", "projectcalico.org/orchestrator": "cni" };
    expect(endpoint({ labels }).metadata.labels).toMatchObject({
      "projectcalico.org/namespace": "shop",
      "projectcalico.org/orchestrator": "k8s",
    });
  });

  it.each([
    [62, true],
    [63, false],
  ])("has a service account of %i characters as a label: %s", (length, isThere) => {
    const serviceAccountName = "a".repeat(length);
    const found = endpoint({ spec: { serviceAccountName } });
    expect(Object.hasOwn(found.metadata.labels ?? {}, "projectcalico.org/serviceaccount")).toBe(isThere);
    expect(found.spec).toMatchObject({ serviceAccountName, profiles: ["kns.shop", `ksa.shop.${serviceAccountName}`] });
  });

  it("without a service account has its namespace's profile alone", () => {
    expect(endpoint({ spec: { serviceAccountName: undefined } }).spec.profiles).toEqual(["kns.shop"]);
  });

  it("carries the status of its other networks, and no other annotation", () => {
    const annotations = { "k8s.v1.cni.cncf.io/network-status": "[{}]", other: "1" };
    expect(endpoint({ annotations }).metadata.annotations).toEqual({ "k8s.v1.cni.cncf.io/network-status": "[{}]" });
  });
});

describe("a pod's addresses", () => {
  const all = {
    annotations: {
      "cni.projectcalico.org/podIPs": "10.0.0.3/32,fd00::3/128",
      "cni.projectcalico.org/podIP": "10.0.0.4/32",
      "vpc.amazonaws.com/pod-ips": "10.0.0.5,10.0.0.6",
    },
    status: { podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }], podIP: "10.0.0.2" },
  };
  const without = (...names: string[]) => ({
    annotations: Object.fromEntries(Object.entries(all.annotations).filter(([name]) => !names.includes(name))),
    status: Object.fromEntries(Object.entries(all.status).filter(([name]) => !names.includes(name))),
  });

  it.each([
    ["the annotation podIPs", all, ["10.0.0.3/32", "fd00::3/128"]],
    ["the annotation podIP", without("cni.projectcalico.org/podIPs"), ["10.0.0.4/32"]],
    [
      "status.podIPs",
      without("cni.projectcalico.org/podIPs", "cni.projectcalico.org/podIP"),
      ["10.0.0.1/32", "fd00::1/128"],
    ],
    ["status.podIP", without("cni.projectcalico.org/podIPs", "cni.projectcalico.org/podIP", "podIPs"), ["10.0.0.2/32"]],
    [
      "Amazon's annotation",
      without("podIPs", "podIP", "cni.projectcalico.org/podIPs", "cni.projectcalico.org/podIP"),
      ["10.0.0.5/32", "10.0.0.6/32"],
    ],
  ])("are those of %s, if none before it says any", (_, parts, expected) => {
    expect(endpoint(parts).spec.ipNetworks).toEqual(expected);
  });

  const going = { deletionTimestamp: "2026-11-21T10:05:00Z" };
  const takenBack = { "cni.projectcalico.org/podIP": "", "cni.projectcalico.org/podIPs": "" };
  const status = { podIPs: [{ ip: "10.0.0.1" }] };

  it.each([
    ["that is going, while its plugin has not taken them back", { metadata: going, status }, true],
    ["that is going, once its plugin has", { metadata: going, status, annotations: takenBack }, false],
    [
      "that is going, once Amazon's plugin has",
      { metadata: going, status, annotations: { "vpc.amazonaws.com/pod-ips": "" } },
      false,
    ],
    [
      "that stays, once its plugin has taken them back, whatever kubelet still says: its sandbox is made anew",
      { status, annotations: takenBack },
      false,
    ],
    ["that failed", { status: { ...status, phase: "Failed" } }, false],
    ["that succeeded", { status: { ...status, phase: "Succeeded" } }, false],
    ["of which nothing is known", { status: { ...status, phase: "Unknown" } }, true],
  ])("are those of a pod %s: %#", (_, parts: Parts, has) => {
    expect(endpoint(parts).spec.ipNetworks).toEqual(has ? ["10.0.0.1/32"] : undefined);
  });

  it("are none where they are no addresses, and that is told", () => {
    const found = row({ status: { podIPs: [{ ip: "10.0.0.300" }] } });
    expect(endpointIn(found).spec.ipNetworks).toBeUndefined();
    expect(found.problems).toEqual([expect.stringContaining("10.0.0.300")]);
  });
});

describe("a pod's ports", () => {
  it("are those with a name or a port of the host, of init containers too", () => {
    const spec = {
      containers: [
        {
          ports: [
            { name: "http", containerPort: 80 },
            { containerPort: 81 },
            { containerPort: 82, hostPort: 8082, hostIP: "192.168.0.1", protocol: "UDP" },
            { name: "odd", containerPort: 83, protocol: "QUIC" },
          ],
        },
        { ports: [{ name: "sig", containerPort: 84, protocol: "SCTP" }] },
      ],
      initContainers: [{ ports: [{ name: "side", containerPort: 85, protocol: "TCP" }] }],
    };
    expect(endpoint({ spec }).spec.ports).toEqual([
      { name: "http", protocol: "TCP", port: 80, hostPort: 0, hostIP: "" },
      { name: "", protocol: "UDP", port: 82, hostPort: 8082, hostIP: "192.168.0.1" },
      { name: "sig", protocol: "SCTP", port: 84, hostPort: 0, hostIP: "" },
      { name: "side", protocol: "TCP", port: 85, hostPort: 0, hostIP: "" },
    ]);
  });
});

describe("a pod's annotations", () => {
  const status = { podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] };

  it("name the sandbox", () => {
    const annotations = { "cni.projectcalico.org/containerID": "abc" };
    expect(endpoint({ annotations }).spec.containerID).toBe("abc");
  });

  it("give floating addresses, each to the address of its family", () => {
    const annotations = { "cni.projectcalico.org/floatingIPs": '["203.0.113.5", "2001:db8::5"]' };
    expect(endpoint({ annotations, status }).spec.ipNATs).toEqual([
      { internalIP: "10.0.0.1", externalIP: "203.0.113.5" },
      { internalIP: "fd00::1", externalIP: "2001:db8::5" },
    ]);
    const ipv4Only = { podIPs: [{ ip: "10.0.0.1" }] };
    expect(endpoint({ annotations, status: ipv4Only }).spec.ipNATs).toHaveLength(1);
    expect(endpoint({ annotations }).spec.ipNATs).toBeUndefined();
  });

  it("give sources that it may send from, as networks", () => {
    const annotations = { "cni.projectcalico.org/allowedSourcePrefixes": '["10.9.8.7/16", "fd00:1::/64"]' };
    expect(endpoint({ annotations }).spec.allowSpoofedSourcePrefixes).toEqual(["10.9.0.0/16", "fd00:1::/64"]);
  });

  it("limit its traffic, but for what Kubernetes' bandwidth plugin does itself", () => {
    const annotations = {
      "kubernetes.io/ingress-bandwidth": "1M",
      "kubernetes.io/egress-bandwidth": "2M",
      "qos.projectcalico.org/egressBandwidth": "3M",
      "qos.projectcalico.org/egressPacketRate": "100",
      "qos.projectcalico.org/dscp": "AF41",
    };
    expect(endpoint({ annotations }).spec.qosControls).toEqual({
      egressBandwidth: 3_000_000,
      egressBurst: 4_294_967_296,
      egressPacketRate: 100,
      egressPacketBurst: 5,
      dscp: "AF41",
    });
  });

  it.each([
    ["cni.projectcalico.org/floatingIPs", "203.0.113.5"],
    ["cni.projectcalico.org/floatingIPs", '["nowhere"]'],
    ["cni.projectcalico.org/allowedSourcePrefixes", '["10.0.0.0/99"]'],
    ["qos.projectcalico.org/ingressBandwidth", "fast"],
    ["ocicat.io/mac", "here"],
  ])("that say no sense are left out and told, and the endpoint stays: %s: %s", (annotation, text) => {
    const found = row({ annotations: { [annotation]: text }, status });
    expect(found.problems).toEqual([expect.stringContaining(annotation)]);
    expect(endpointIn(found).spec).toMatchObject({ ipNetworks: ["10.0.0.1/32", "fd00::1/128"] });
  });
});

describe("what of an endpoint is written to its pod", () => {
  it("is its addresses, its sandbox and its MAC address", () => {
    const written = endpoint({ annotations: { "cni.projectcalico.org/containerID": "abc" } });
    const given = {
      ...written,
      spec: { ...written.spec, ipNetworks: ["10.0.0.7/32", "fd00::7/128"], mac: "02:00:00:00:00:07" },
    };
    expect(patchOfEndpoint(given)).toEqual({
      metadata: {
        annotations: {
          "cni.projectcalico.org/podIP": "10.0.0.7/32",
          "cni.projectcalico.org/podIPs": "10.0.0.7/32,fd00::7/128",
          "cni.projectcalico.org/containerID": "abc",
          "ocicat.io/mac": "02:00:00:00:00:07",
        },
      },
    });
  });

  it("is read back as it was written", () => {
    const first = endpoint({ status: { phase: "Pending" } });
    const given = {
      ...first,
      spec: { ...first.spec, containerID: "abc", ipNetworks: ["10.0.0.7/32"], mac: "02:00:00:00:00:07" },
    };
    const annotations = Object.fromEntries(
      Object.entries(patchOfEndpoint(given).metadata.annotations).map(([name, text]) => [name, text ?? ""]),
    );
    expect(endpoint({ annotations, status: { phase: "Pending" } })).toEqual(given);
  });

  it("is empty addresses when it is deleted, and the sandbox stays told", () => {
    expect(patchOfReleasedEndpoint()).toEqual({
      metadata: { annotations: { "cni.projectcalico.org/podIP": "", "cni.projectcalico.org/podIPs": "" } },
    });
  });

  it.each([{ endpoint: "net1" }, { orchestrator: "cni" }])(
    "is nothing for what is no pod's first interface",
    (other) => {
      const one = endpoint();
      expect(() => patchOfEndpoint({ ...one, spec: { ...one.spec, ...other } })).toThrow(
        /cannot be kept in Kubernetes/,
      );
    },
  );
});

describe("whose pod a key is about", () => {
  const at = (name: string) => `/calico/resources/v3/projectcalico.org/workloadendpoints/shop/${name}`;

  it.each([
    ["node1-k8s-web-eth0", { namespace: "shop", node: "node1", pod: "web" }],
    ["node--1-k8s-web--1--x-eth0", { namespace: "shop", node: "node-1", pod: "web-1-x" }],
    ["n.example.com-k8s-web.0-eth0", { namespace: "shop", node: "n.example.com", pod: "web.0" }],
    ["k8s-k8s-k8s-eth0", { namespace: "shop", node: "k8s", pod: "k8s" }],
    ["node1-k8s-web-net1", undefined],
    ["node1-cni-abc-eth0", undefined],
    ["node1", undefined],
  ])("%s", (name, expected) => expect(podOfEndpoint(at(name))).toEqual(expected));

  it("is the pod that the row follows from", () => {
    expect(podOfEndpoint(row().key)).toEqual({ namespace: "shop", node: "node-1", pod: "web-1" });
  });
});
