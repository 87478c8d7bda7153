import { API_VERSION } from "@ocicat/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Pair, put } from "./support.ts";

const ROOT = "/calico/resources/v3/projectcalico.org/";

function nodeOf(name: string, labels: Readonly<Record<string, string>> = {}) {
  return {
    kind: "Node",
    apiVersion: API_VERSION,
    metadata: { name, labels },
    spec: {
      bgp: { ipv4Address: "172.16.1.1/24", ipv6Address: "fe80::1/64", ipv4IPIPTunnelAddr: "192.168.100.1" },
      ipv4VXLANTunnelAddr: "192.168.200.1",
      addresses: [
        { address: "172.16.1.1/24", type: "CalicoNodeIP" },
        { address: "10.9.0.1", type: "InternalIP" },
        { address: "203.0.113.1", type: "ExternalIP" },
      ],
      interfaces: [
        { name: "eth0", addresses: ["172.16.1.1/24", "fe80::1/64"] },
        { name: "eth1.7", addresses: ["10.9.0.1/24"] },
        { name: "docker0", addresses: ["172.17.0.1/16"] },
      ],
    },
  } as const;
}

describe("host endpoints made for nodes", () => {
  let pair: Pair;
  beforeEach(async () => {
    pair = new Pair({ names: ["node"] });
    await put(pair.store, "nodes/n1", nodeOf("n1", { zone: "a" }));
  });
  afterEach(() => pair.close());
  const configure = async (hostEndpoint: object) => {
    await put(pair.store, "kubecontrollersconfigurations/default", {
      kind: "KubeControllersConfiguration",
      apiVersion: API_VERSION,
      metadata: { name: "default" },
      spec: { controllers: { node: { hostEndpoint } } },
    });
    await pair.rest();
  };
  const endpoint = async (name: string) =>
    JSON.parse((await pair.store.get(`${ROOT}hostendpoints/${name}`))?.value ?? "null") as unknown;

  it("are none unless they are asked for", async () => {
    await pair.rest();
    expect(await pair.names("hostendpoints")).toEqual([]);
  });

  it("are one for all interfaces, with the node's labels and addresses, that follows and goes", async () => {
    await configure({ autoCreate: "Enabled" });
    expect(await endpoint("n1-auto-hep")).toMatchObject({
      metadata: { labels: { zone: "a", "projectcalico.org/created-by": "calico-kube-controllers" } },
      spec: {
        node: "n1",
        interfaceName: "*",
        expectedIPs: ["172.16.1.1", "fe80::1", "192.168.100.1", "192.168.200.1", "10.9.0.1"],
        profiles: ["projectcalico-default-allow"],
      },
    });
    await put(pair.store, "nodes/n1", nodeOf("n1", { zone: "b" }));
    await put(pair.store, "nodes/n1-2", nodeOf("n1-2"));
    await pair.rest();
    expect(await endpoint("n1-auto-hep")).toMatchObject({ metadata: { labels: { zone: "b" } } });
    expect(await pair.names("hostendpoints")).toEqual(["n1-2-auto-hep", "n1-auto-hep"]);
    await pair.store.delete(`${ROOT}nodes/n1`);
    await pair.rest();
    expect(await pair.names("hostendpoints")).toEqual(["n1-2-auto-hep"]);
    await configure({ autoCreate: "Disabled" });
    expect(await pair.names("hostendpoints")).toEqual([]);
  });

  it("are those of templates: by addresses, by interfaces, on some nodes", async () => {
    await put(pair.store, "nodes/n2", nodeOf("n2", { zone: "b" }));
    const byAddress = {
      generateName: "inner",
      interfaceCIDRs: ["10.9.0.0/16", "2001:db8::/32"],
      labels: { zone: "of-template", net: "inner" },
      annotations: { note: "made" },
    };
    const byName = { generateName: "nic", interfacePattern: "^eth", nodeSelector: "zone == 'a'" };
    const both = { generateName: "both", interfacePattern: "^eth", interfaceCIDRs: ["10.9.0.0/16"] };
    await configure({
      autoCreate: "Enabled",
      createDefaultHostEndpoint: "Disabled",
      templates: [byAddress, byName, both, { generateName: "none", interfaceCIDRs: ["1.0.0.0/8"] }],
    });
    expect(await pair.names("hostendpoints")).toEqual([
      "n1-both-eth1-7-auto-hep",
      "n1-inner-auto-hep",
      "n1-nic-eth0-auto-hep",
      "n1-nic-eth1-7-auto-hep",
      "n2-both-eth1-7-auto-hep",
      "n2-inner-auto-hep",
    ]);
    const inner = await endpoint("n1-inner-auto-hep");
    expect(inner).toMatchObject({
      metadata: {
        labels: { zone: "of-template", net: "inner", "projectcalico.org/created-by": "calico-kube-controllers" },
        annotations: { note: "made" },
      },
      spec: { node: "n1", expectedIPs: ["10.9.0.1"] },
    });
    expect(inner).not.toMatchObject({ spec: { interfaceName: expect.anything() } });
    expect(await endpoint("n1-nic-eth1-7-auto-hep")).toMatchObject({
      spec: { interfaceName: "eth1.7", expectedIPs: ["10.9.0.1"] },
    });
    // A template of another name: its endpoints are made, and the old ones go.
    await configure({
      autoCreate: "Enabled",
      createDefaultHostEndpoint: "Disabled",
      templates: [{ ...byAddress, generateName: "outer" }],
    });
    expect(await pair.names("hostendpoints")).toEqual(["n1-outer-auto-hep", "n2-outer-auto-hep"]);
  });

  it("leave people's own alone, also under such a name, and come back when they are deleted", async () => {
    const own = {
      kind: "HostEndpoint",
      apiVersion: API_VERSION,
      metadata: { name: "n1-auto-hep", labels: { mine: "yes" } },
      spec: { node: "n1", interfaceName: "eth0" },
    };
    await put(pair.store, "hostendpoints/n1-auto-hep", own);
    await configure({ autoCreate: "Enabled" });
    expect(await endpoint("n1-auto-hep")).toMatchObject({ metadata: { labels: { mine: "yes" } } });
    await pair.store.delete(`${ROOT}hostendpoints/n1-auto-hep`);
    await pair.rest();
    expect(await endpoint("n1-auto-hep")).toMatchObject({ spec: { interfaceName: "*" } });
  });
});
