import { formatAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { parseAttachment, parseCommand, parsePlugin } from "../src/environment.ts";
import { CniError, identify, parseCniArgs } from "../src/index.ts";
import { ADD_ENV } from "./support/plugin.ts";

const environment = (change: Readonly<Record<string, string>> = {}) =>
  new Map(Object.entries({ ...ADD_ENV, ...change }));

function codeAndMessage(run: () => unknown): { readonly code: number; readonly message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof CniError) return { code: error.cniCode, message: error.message };
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("the environment", () => {
  it("names the attachment", () => {
    expect(parseAttachment(environment(), "ADD")).toEqual({
      containerId: ADD_ENV.CNI_CONTAINERID,
      ifname: "eth0",
      netns: "/var/run/netns/gp1",
      args: { pod: { namespace: "default", name: "web-1" }, infraContainerId: "aaaa" },
    });
  });

  it("may lack a namespace for DEL alone", () => {
    expect(parseAttachment(environment({ CNI_NETNS: "" }), "DEL").netns).toBeUndefined();
    expect(codeAndMessage(() => parseAttachment(environment({ CNI_NETNS: "" }), "ADD")).message).toContain("CNI_NETNS");
    expect(codeAndMessage(() => parseAttachment(environment({ CNI_NETNS: "" }), "CHECK")).code).toBe(4);
  });

  const bad: readonly (readonly [string, string, string])[] = [
    ["no container id", "CNI_CONTAINERID", ""],
    ["a container id that begins with a dot", "CNI_CONTAINERID", ".a"],
    ["a container id with a slash", "CNI_CONTAINERID", "a/b"],
    ["no interface", "CNI_IFNAME", ""],
    ["an interface name of 16 characters", "CNI_IFNAME", "eth0123456789012"],
    ["an interface name with a slash", "CNI_IFNAME", "eth/0"],
    ["an interface name with a colon", "CNI_IFNAME", "eth:0"],
    ["an interface name with a space", "CNI_IFNAME", "eth 0"],
    ["the interface name ..", "CNI_IFNAME", ".."],
    ["a namespace by relative path", "CNI_NETNS", "netns/x"],
    ["an unknown argument", "CNI_ARGS", "FOO=1"],
    ["an argument without a value's sign", "CNI_ARGS", "IgnoreUnknown=1;FOO"],
    ["an IgnoreUnknown that is no boolean", "CNI_ARGS", "IgnoreUnknown=maybe"],
    ["an IP that is none", "CNI_ARGS", "IP=10.0.0"],
    ["a pod's name with a slash", "CNI_ARGS", "K8S_POD_NAMESPACE=a;K8S_POD_NAME=../b"],
    ["a namespace in capitals", "CNI_ARGS", "K8S_POD_NAMESPACE=A;K8S_POD_NAME=b"],
  ];
  it.each(bad)("refuses %s, naming the variable", (_name, variable, value) => {
    const { code, message } = codeAndMessage(() => parseAttachment(environment({ [variable]: value }), "ADD"));
    expect(code).toBe(4);
    expect(message).toContain(variable);
  });

  it("refuses an unknown command and an unknown name of the plugin", () => {
    expect(codeAndMessage(() => parseCommand(environment({ CNI_COMMAND: "PAUSE" }))).message).toContain("CNI_COMMAND");
    expect(codeAndMessage(() => parsePlugin(environment({ OCICAT_PLUGIN: "bridge" }))).message).toContain('"bridge"');
  });

  it("tells the IPAM plugin by its name", () => {
    expect(parsePlugin(environment({ OCICAT_PLUGIN: "calico" })).role).toBe("network");
    expect(parsePlugin(environment({ OCICAT_PLUGIN: "calico-ipam" })).role).toBe("ipam");
  });
});

describe("CNI_ARGS", () => {
  it("names a pod only with both its names: podman sets K8S_POD_NAME alone, to a container's name", () => {
    expect(parseCniArgs("IgnoreUnknown=1;K8S_POD_NAME=My_Container")).toEqual({});
    expect(parseCniArgs("K8S_POD_NAMESPACE=default")).toEqual({});
  });

  it("asks for an address", () => {
    const { ip } = parseCniArgs("IP=10.244.0.7;K8S_POD_UID=8b930817-e8fb");
    expect(ip === undefined ? undefined : formatAddress(ip)).toBe("10.244.0.7");
  });

  it("treats an empty value as an absent one", () => {
    expect(parseCniArgs("K8S_POD_NAMESPACE=;K8S_POD_NAME=;IP=")).toEqual({});
  });
});

describe("an endpoint's identity", () => {
  it("is Calico's in Kubernetes", () => {
    expect(identify("node1", "k8s-pod-network", parseAttachment(environment(), "ADD"))).toEqual({
      orchestrator: "k8s",
      namespace: "default",
      workload: "web-1",
      endpoint: "eth0",
      name: "node1-k8s-web--1-eth0",
      hostInterface: "cali0761ccbeace",
      handleId: `k8s-pod-network.${ADD_ENV.CNI_CONTAINERID}`,
    });
  });

  it("is Calico's outside Kubernetes", () => {
    const container = "aaaa000000000000000000000000000000000000000000000000000000000004";
    const attachment = parseAttachment(environment({ CNI_CONTAINERID: container, CNI_ARGS: "" }), "ADD");
    expect(identify("node1", "k8s-pod-network", attachment)).toMatchObject({
      orchestrator: "cni",
      namespace: "default",
      workload: container,
      name: `node1-cni-${container}-eth0`,
      hostInterface: "caliaaaa0000000",
    });
  });
});
