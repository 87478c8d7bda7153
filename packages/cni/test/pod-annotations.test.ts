import { describe, expect, it } from "vitest";
import { parseAddOptions, parseNetwork, withAnnotations } from "../src/index.ts";

const CALICO = "cni.projectcalico.org/";

function options(more: object = {}) {
  return parseAddOptions(parseNetwork(JSON.stringify({ cniVersion: "0.3.1", name: "net", type: "ocicat", ...more })));
}

describe("what a pod and its namespace say of themselves", () => {
  it("goes before the network's configuration, the pod's word before its namespace's", () => {
    const network = options({ ipam: { type: "calico-ipam", ipv4_pools: ["of-network"], ipv6_pools: ["of-network"] } });
    const names = (found: ReturnType<typeof options>) =>
      [...found.pools.ipv4, ...found.pools.ipv6].map((pool) => (pool.by === "name" ? pool.name : ""));
    const namespace = { [`${CALICO}ipv4pools`]: '["of-namespace"]', [`${CALICO}ipv6pools`]: '["of-namespace"]' };
    const pod = { [`${CALICO}ipv4pools`]: '["of-pod"]' };
    expect(names(withAnnotations(network, {}, {}))).toEqual(["of-network", "of-network"]);
    expect(names(withAnnotations(network, {}, namespace))).toEqual(["of-namespace", "of-namespace"]);
    expect(names(withAnnotations(network, pod, namespace))).toEqual(["of-pod", "of-namespace"]);
  });

  it("is addresses, families, a MAC address, limits; of a namespace, pools alone", () => {
    const pod = {
      [`${CALICO}ipAddrs`]: '["10.0.0.9"]',
      [`${CALICO}ipFamilies`]: '["IPv4", "IPv6"]',
      [`${CALICO}hwAddr`]: "02:00:00:00:00:0A",
      "kubernetes.io/ingress-bandwidth": "10M",
    };
    const found = withAnnotations(options(), pod, { [`${CALICO}ipAddrs`]: "no list" });
    expect(found).toMatchObject({
      families: [4, 6],
      mac: "02:00:00:00:00:0a",
      qos: { ingressBandwidth: expect.anything() },
    });
    expect(found.addresses).toHaveLength(1);
  });

  it.each([
    [{ [`${CALICO}ipAddrs`]: '["10.0.0.9", "10.0.0.10"]' }, "more than one of IPv4"],
    [{ [`${CALICO}ipFamilies`]: '["IPv5"]' }, '"IPv5" is no family'],
    [{ [`${CALICO}hwAddr`]: "02:00" }, '"02:00" is not a MAC address'],
    [{ [`${CALICO}ipv4pools`]: "pool" }, "is not a JSON list of strings"],
    [{ [`${CALICO}floatingIPs`]: '["10.0.0.9"]' }, "feature_control.floating_ips"],
  ])("is refused where it cannot be kept to: %j", (pod, message) => {
    expect(() => withAnnotations(options(), pod, {})).toThrow(message);
  });
});
