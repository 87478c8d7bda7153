import { formatAddress, parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { CniError, parseAddOptions, parseNetwork } from "../src/index.ts";

const parse = (conf: unknown) => parseAddOptions(parseNetwork(JSON.stringify(conf)));
const minimal = { cniVersion: "1.0.0", name: "net", type: "ocicat" };

function failureOf(run: () => unknown): CniError {
  try {
    run();
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a network configuration", () => {
  it("needs no more than version, name and type", () => {
    expect(parseNetwork(JSON.stringify(minimal))).toMatchObject({ cniVersion: "1.0.0", name: "net", type: "ocicat" });
    expect(parse(minimal)).toEqual({
      mtu: undefined,
      families: [4],
      pools: { ipv4: [], ipv6: [] },
      addresses: [],
      floating: [],
      allowedSources: [],
      qos: undefined,
      labels: {},
      mac: undefined,
      makesProfile: true,
      allowsFloating: false,
      allowIpForwarding: false,
      dns: {},
      withoutEffect: [],
    });
  });

  it("without a cniVersion is one of 0.2.0, as Calico reads it", () => {
    expect(parseNetwork('{"name":"net","type":"calico"}').cniVersion).toBe("0.2.0");
  });

  it("takes pools by CIDR and by name, of both families", () => {
    const ipam = { ipv4_pools: ["10.99.0.0/26", "small-pool"], ipv6_pools: ["fd00::/64"], assign_ipv6: "true" };
    const options = parse({ ...minimal, ipam: { type: "calico-ipam", ...ipam } });
    expect(options.families).toEqual([4, 6]);
    expect(options.pools.ipv4.map((pool) => (pool.by === "cidr" ? pool.cidr.toString() : pool.name))).toEqual([
      "10.99.0.0/26",
      "small-pool",
    ]);
    expect(options.pools.ipv6.map((pool) => (pool.by === "cidr" ? pool.cidr.toString() : pool.name))).toEqual([
      "fd00::/64",
    ]);
    expect(options.withoutEffect).toEqual([]);
  });

  it("takes booleans as booleans and as Calico's strings", () => {
    expect(parse({ ...minimal, ipam: { assign_ipv4: false, assign_ipv6: true } }).families).toEqual([6]);
    expect(parse({ ...minimal, ipam: { assign_ipv4: "false", assign_ipv6: "true" } }).families).toEqual([6]);
  });

  it("takes labels as the CNI conventions have them", () => {
    const labels = [
      { key: "app", value: "web" },
      { key: "example.org/tier", value: "" },
    ];
    const options = parse({ ...minimal, args: { cni: { labels } } });
    expect(options.labels).toEqual({ app: "web", "example.org/tier": "" });
    expect(options.withoutEffect).toEqual([]);
  });

  it("takes 0 and null for an MTU that the agent decides", () => {
    expect(parse({ ...minimal, mtu: 0 }).mtu).toBeUndefined();
    expect(parse({ ...minimal, mtu: null }).mtu).toBeUndefined();
    expect(parse({ ...minimal, mtu: 1440 }).mtu).toBe(1440);
  });

  it("takes an address asked for from CNI_ARGS, runtimeConfig or args, once", () => {
    const conf = {
      ...minimal,
      runtimeConfig: { ips: ["10.244.0.9/24", "fd00::9"] },
      args: { cni: { ips: ["10.244.0.9"] } },
    };
    const options = parseAddOptions(parseNetwork(JSON.stringify(conf)), parseAddress("10.244.0.9"));
    expect(options.addresses.map(formatAddress)).toEqual(["10.244.0.9", "fd00::9"]);
  });

  it("puts a pod's annotations before the network's pools, and takes its addresses", () => {
    const annotations = {
      "cni.projectcalico.org/ipv4pools": '["blue", "10.9.0.0/16"]',
      "cni.projectcalico.org/ipAddrs": '["10.9.0.7"]',
      "cni.projectcalico.org/floatingIPs": '["203.0.113.5"]',
      "kubernetes.io/psp": "anything",
    };
    const options = parse({
      ...minimal,
      ipam: { type: "calico-ipam", ipv4_pools: ["green"], ipv6_pools: ["six"] },
      feature_control: { floating_ips: true, ip_addrs_no_ipam: true },
      runtimeConfig: { "io.kubernetes.cri.pod-annotations": annotations },
    });
    expect(options.pools.ipv4).toMatchObject([{ by: "name", name: "blue" }, { by: "cidr" }]);
    expect(options.pools.ipv6).toEqual([{ by: "name", name: "six" }]);
    expect(options.addresses.map(formatAddress)).toEqual(["10.9.0.7"]);
    expect(options.floating.map(formatAddress)).toEqual(["203.0.113.5"]);
    expect(options.withoutEffect.map(({ key }) => key)).toEqual(["feature_control.ip_addrs_no_ipam"]);
  });

  it("takes what a pod's annotations limit it to, Kubernetes' own where there are none of Calico's", () => {
    const annotations = {
      "cni.projectcalico.org/allowedSourcePrefixes": '["198.51.100.7", "fd00:9::1/64"]',
      "qos.projectcalico.org/ingressBandwidth": "10M",
      "qos.projectcalico.org/ingressBurst": "1.5Mi",
      "qos.projectcalico.org/ingressPeakrate": "20M",
      "qos.projectcalico.org/ingressMinburst": "2k",
      "qos.projectcalico.org/egressPacketRate": "100",
      "qos.projectcalico.org/egressPacketBurst": "20",
      "qos.projectcalico.org/egressMaxConnections": "7",
      "qos.projectcalico.org/dscp": "AF41",
      "kubernetes.io/ingress-bandwidth": "1M",
      "kubernetes.io/egress-bandwidth": "2G",
    };
    const options = parse({ ...minimal, runtimeConfig: { "io.kubernetes.cri.pod-annotations": annotations } });
    expect(options.allowedSources.map(String)).toEqual(["198.51.100.7/32", "fd00:9::/64"]);
    expect(options.qos).toEqual({
      ingressBandwidth: 10_000_000,
      ingressBurst: 1_572_864,
      ingressPeakrate: 20_000_000,
      ingressMinburst: 2_000,
      egressBandwidth: 2_000_000_000,
      egressBurst: 4_294_967_296,
      egressPacketRate: 100,
      egressPacketBurst: 20,
      egressMaxConnections: 7,
      dscp: "AF41",
    });
  });

  it.each([
    ["ingressBandwidth", "fast", /ingressBandwidth: fast is not a quantity, as 10M; write it as 10M/],
    ["ingressBandwidth", "999", /999 is less than 1000/],
    ["egressBandwidth", "2P", /2P is more than 1000000000000000/],
    ["egressBurst", "1M", /1M is left out: there is no egressBandwidth/],
    ["egressPacketRate", "10001", /10001 is more than 10000/],
    ["egressMaxConnections", "0", /0 is less than 1/],
    ["dscp", "64", /64 is not a DSCP/],
    ["dscp", "AF44", /AF44 is not a DSCP: a number from 0 to 63/],
  ])("refuses the limit %s = %s whole", (name, text, message) => {
    const annotations = { [`qos.projectcalico.org/${name}`]: text };
    const error = failureOf(() =>
      parse({ ...minimal, runtimeConfig: { "io.kubernetes.cri.pod-annotations": annotations } }),
    );
    expect(error.cniCode).toBe(7);
    expect(error.message).toMatch(message);
  });

  it.each([
    ["ipv4pools", "blue", 7, /ipv4pools: blue is not a JSON list of strings; write it like/],
    ["ipv4pools", "[]", 7, /not a JSON list/],
    ["ipv4pools", '["fd00::/64"]', 7, /ipv4pools\[0\]: "fd00::\/64" is not an IPv4 pool/],
    ["ipAddrs", '["10.0.0.300"]', 7, /ipAddrs\[0\]/],
    ["ipAddrs", '["10.0.0.3", "10.0.0.4"]', 7, /more than one of IPv4/],
    ["ipAddrsNoIpam", '["10.0.0.3"]', 2, /ipAddrsNoIpam.*use ipAddrs/],
    ["floatingIPs", '["10.0.0.3"]', 2, /floatingIPs.*feature_control\.floating_ips/],
  ])("refuses the annotation %s = %s whole", (name, text, code, message) => {
    const annotations = { [`cni.projectcalico.org/${name}`]: text };
    const error = failureOf(() =>
      parse({ ...minimal, runtimeConfig: { "io.kubernetes.cri.pod-annotations": annotations } }),
    );
    expect(error.cniCode).toBe(code);
    expect(error.message).toMatch(message);
  });

  it("lists the keys that change nothing, each with the reason", () => {
    const options = parse({
      ...minimal,
      datastore_type: "etcdv3",
      nodename: "node1",
      kubernetes: { kubeconfig: "/etc/cni/net.d/calico-kubeconfig" },
      policy: { type: "k8s", k8s_api_root: "https://10.96.0.1" },
      ipam: { type: "calico-ipam", subnet: "usePodCidr" },
      capabilities: { portMappings: true },
      runtimeConfig: { portMappings: [] },
      mtuu: 1440,
    });
    expect(Object.fromEntries(options.withoutEffect.map(({ key, why }) => [key, why]))).toEqual({
      datastore_type: "the agent holds the connection to the datastore",
      kubernetes: "the agent holds the connection to the datastore",
      nodename: "the agent's configuration rules",
      "policy.k8s_api_root": "the agent holds the connection to the datastore",
      "ipam.subnet": "addresses come from IP pools; name one in ipam.ipv4_pools",
      "runtimeConfig.portMappings": "the portmap plugin reads it",
      mtuu: "not a key of this plugin",
    });
  });

  it.each([
    [undefined, true],
    [{}, true],
    [{ type: "k8s" }, true],
    [{ type: "none" }, false],
  ])("with policy %j, whether the network's profile is made: %s", (policy, makesProfile) => {
    expect(parse(policy === undefined ? minimal : { ...minimal, policy }).makesProfile).toBe(makesProfile);
  });

  it("hands dns through", () => {
    expect(parse({ ...minimal, dns: { nameservers: ["10.96.0.10"], search: ["svc"] } }).dns).toEqual({
      nameservers: ["10.96.0.10"],
      search: ["svc"],
    });
  });
});

describe("a bad network configuration is refused whole", () => {
  const texts: readonly (readonly [string, string, number, RegExp])[] = [
    ["nothing", "", 6, /configuration is empty/],
    ["no JSON", "{", 6, /not JSON/],
    ["a list", "[]", 6, /not a JSON object/],
    ["an unknown version", '{"cniVersion":"1.2.0","name":"n","type":"t"}', 1, /asks for CNI 1\.2\.0/],
    ["a version that is a number", '{"cniVersion":1,"name":"n","type":"t"}', 7, /cniVersion: 1 is not a string/],
    ["no name", '{"cniVersion":"1.0.0","type":"t"}', 7, /name: is missing/],
    ["a name with a slash", '{"cniVersion":"1.0.0","name":"a/b","type":"t"}', 7, /"a\/b" is not a network name/],
    ["no type", '{"cniVersion":"1.0.0","name":"n"}', 7, /type: is missing.*"type": "ocicat"/],
    ["an empty type", '{"cniVersion":"1.0.0","name":"n","type":""}', 7, /type: is missing/],
  ];
  it.each(texts)("%s", (_name, text, code, message) => {
    const error = failureOf(() => parseNetwork(text));
    expect(error.cniCode).toBe(code);
    expect(error.message).toMatch(message);
  });

  const confs: readonly (readonly [string, object, number, RegExp])[] = [
    ["an MTU in quotes", { mtu: "1440" }, 7, /mtu: "1440" is not an integer from 0 to 65535/],
    ["an MTU below 68", { mtu: 10 }, 7, /mtu: 10 is less than 68/],
    ["a negative MTU", { mtu: -1 }, 7, /mtu: -1/],
    ["a fraction of an MTU", { mtu: 1440.5 }, 7, /mtu: 1440\.5/],
    ["ipam that is a string", { ipam: "calico-ipam" }, 7, /ipam: "calico-ipam" is not an object/],
    ["another IPAM", { ipam: { type: "host-local" } }, 2, /ipam\.type = "host-local"/],
    ["another device", { device_type: "netkit" }, 2, /device_type = "netkit"/],
    ["another data plane", { dataplane_options: { type: "grpc" } }, 2, /dataplane_options\.type = "grpc"/],
    ["no family", { ipam: { assign_ipv4: "false" } }, 7, /both false/],
    ["a boolean that is none", { ipam: { assign_ipv4: "yes" } }, 7, /ipam\.assign_ipv4: "yes"/],
    [
      "a pool with host bits",
      { ipam: { ipv4_pools: ["10.99.0.1/26"] } },
      7,
      /ipam\.ipv4_pools\[0\]: .*10\.99\.0\.0\/26/,
    ],
    ["a pool of the other family", { ipam: { ipv4_pools: ["fd00::/64"] } }, 7, /belongs in ipv6_pools/],
    ["a pool that is neither", { ipam: { ipv4_pools: ["Not A Pool"] } }, 7, /neither a CIDR nor the name/],
    ["a pool that is a number", { ipam: { ipv4_pools: [7] } }, 7, /ipam\.ipv4_pools\[0\]: 7 is not a string/],
    ["two addresses of a family", { runtimeConfig: { ips: ["10.0.0.1", "10.0.0.2"] } }, 7, /10\.0\.0\.1, 10\.0\.0\.2/],
    ["an address that is none", { args: { cni: { ips: ["10.0.0.256"] } } }, 7, /args\.cni\.ips\[0\]/],
    [
      "a label that is none",
      { args: { cni: { labels: [{ key: "app", value: "a b" }] } } },
      7,
      /args\.cni\.labels\[0\]\.value: "a b" is not a label value/,
    ],
    [
      "a label without a key",
      { args: { cni: { labels: [{ value: "a" }] } } },
      7,
      /labels\[0\]\.key: "" is not a label/,
    ],
    ["a plugin before it", { prevResult: { ips: [] } }, 7, /put it first in plugins/],
  ];
  it.each(confs)("%s", (_name, part, code, message) => {
    const error = failureOf(() => parse({ ...minimal, ...part }));
    expect(error.cniCode).toBe(code);
    expect(error.message).toMatch(message);
  });

  it("never shows what is inside a structure, which may hold a secret", () => {
    const error = failureOf(() => parse({ ...minimal, mtu: { token: "s3cret" } }));
    expect(error.message).not.toContain("s3cret");
  });
});
