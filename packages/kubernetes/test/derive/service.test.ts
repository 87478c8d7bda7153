import { readService, readSlice } from "@ocicat/kubernetes/derive";
import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";

const addresses = (...texts: string[]) => texts.map((text) => parseAddress(text));

describe("a service", () => {
  const service = (spec: object, status: object = {}) =>
    readService({ metadata: { namespace: "shop", name: "web" }, spec, status });

  it("is where it can be reached, of both families", () => {
    const spec = {
      type: "LoadBalancer",
      clusterIP: "10.96.0.10",
      clusterIPs: ["10.96.0.10", "fd00:96::a"],
      externalIPs: ["203.0.113.7"],
      externalTrafficPolicy: "Local",
    };
    const ingress = [{ ip: "198.51.100.1" }, { hostname: "lb.example.com" }, { ip: "2001:db8::1" }];
    expect(service(spec, { loadBalancer: { ingress } })).toEqual({
      namespace: "shop",
      name: "web",
      clusterIps: addresses("10.96.0.10", "fd00:96::a"),
      externalIps: addresses("203.0.113.7"),
      loadBalancerIps: addresses("198.51.100.1", "2001:db8::1"),
      isLocal: true,
    });
  });

  it.each([
    ["of one address, as before there could be two", { clusterIP: "10.96.0.10" }, ["10.96.0.10"]],
    ["without an address of its own", { clusterIP: "None", clusterIPs: ["None"] }, []],
    ["that is a name for something outside", { type: "ExternalName", clusterIP: "10.96.0.10" }, []],
    ["of which nothing is said", {}, []],
  ])("%s", (_, spec, expected) => {
    expect(service(spec)).toMatchObject({ clusterIps: addresses(...expected), isLocal: false });
  });
});

describe("a slice of endpoints", () => {
  const metadata = { namespace: "shop", name: "web-x1", labels: { "kubernetes.io/service-name": "web" } };

  it("is whose it is, with endpoints and ports", () => {
    const slice = readSlice({
      metadata,
      addressType: "IPv4",
      endpoints: [
        { addresses: ["10.244.1.5"], nodeName: "node1", conditions: { ready: true } },
        { addresses: ["10.244.2.5"], nodeName: "node2", conditions: { ready: false, serving: true } },
        { addresses: ["10.244.3.5"] },
      ],
      ports: [
        { name: "http", port: 8080 },
        { name: "dns", port: 53, protocol: "UDP" },
        { name: "any" },
        { port: 1, protocol: "QUIC" },
      ],
    });
    expect(slice).toEqual({
      namespace: "shop",
      service: "web",
      endpoints: [
        { addresses: addresses("10.244.1.5"), node: "node1", isReady: true },
        { addresses: addresses("10.244.2.5"), node: "node2", isReady: false },
        { addresses: addresses("10.244.3.5"), node: undefined, isReady: true },
      ],
      ports: [
        { protocol: 6, port: 8080 },
        { protocol: 17, port: 53 },
      ],
    });
  });

  it("of names has no addresses", () => {
    const endpoints = [{ addresses: ["db.example.com"] }];
    expect(readSlice({ metadata, addressType: "FQDN", endpoints, ports: null }).endpoints[0]?.addresses).toEqual([]);
  });

  it("of nobody is nobody's", () => {
    expect(readSlice({ metadata: { namespace: "shop", name: "x" } }).service).toBeUndefined();
  });
});
