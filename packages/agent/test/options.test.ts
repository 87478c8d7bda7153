import { felixVariablesWithoutEffect } from "@ocicat/api";
import { describe, expect, it } from "vitest";
import { variablesWithoutEffect } from "../src/node/variables.ts";
import { agentOptionsFrom } from "../src/options.ts";

/** Where the agent runs, for a variable that means something beside others only. */
const BASE = {
  NODENAME: "node1",
  IP6: "autodetect",
  CALICO_IPV4POOL_CIDR: "10.9.0.0/16",
  CALICO_IPV6POOL_CIDR: "fd09::/48",
};

/** Every variable that calico-node's reference has, with a value that is not its standard one. */
const OBEYED: Readonly<Record<string, string>> = {
  NODENAME: "node2",
  CALICO_NODENAME_FILE: "/tmp/nodename",
  CALICO_K8S_NODE_REF: "worker",
  CALICO_NETWORKING_BACKEND: "vxlan",
  CLUSTER_TYPE: "k8s,bgp",
  IP: "192.0.2.7/24",
  IP6: "none",
  IP_AUTODETECTION_METHOD: "interface=eth1",
  IP6_AUTODETECTION_METHOD: "cidr=fd00::/8",
  AUTODETECT_POLL_INTERVAL: "10s",
  DISABLE_NODE_IP_CHECK: "true",
  AS: "64999",
  CALICO_ROUTER_ID: "hash",
  CALICO_ADVERTISE_CLUSTER_IPS: "10.96.0.0/12",
  CALICO_IPV4POOL_CIDR: "10.8.0.0/16",
  CALICO_IPV4POOL_BLOCK_SIZE: "28",
  CALICO_IPV4POOL_IPIP: "Always",
  CALICO_IPV4POOL_VXLAN: "Always",
  CALICO_IPV4POOL_NAT_OUTGOING: "false",
  CALICO_IPV4POOL_NODE_SELECTOR: "has(pool)",
  CALICO_IPV4POOL_DISABLE_BGP_EXPORT: "true",
  CALICO_IPV6POOL_CIDR: "fd08::/48",
  CALICO_IPV6POOL_BLOCK_SIZE: "124",
  CALICO_IPV6POOL_VXLAN: "Always",
  CALICO_IPV6POOL_NAT_OUTGOING: "true",
  CALICO_IPV6POOL_NODE_SELECTOR: "has(pool)",
  CALICO_IPV6POOL_DISABLE_BGP_EXPORT: "true",
  DATASTORE_TYPE: "kubernetes",
  ETCD_ENDPOINTS: "http://192.0.2.1:2379",
  ETCD_USERNAME: "somebody",
  ETCD_PASSWORD: "secret",
  ETCD_KEY_FILE: "/etc/key",
  ETCD_CERT_FILE: "/etc/cert",
  ETCD_CA_CERT_FILE: "/etc/ca",
  KUBECONFIG: "/etc/kubeconfig",
  K8S_API_ENDPOINT: "https://192.0.2.1:6443",
  K8S_CERT_FILE: "/etc/cert",
  K8S_KEY_FILE: "/etc/key",
  K8S_CA_FILE: "/etc/ca",
  K8S_API_TOKEN: "secret",
  K8S_INSECURE_SKIP_TLS_VERIFY: "true",
  K8S_CURRENT_CONTEXT: "other",
  CALICO_API_GROUP: "projectcalico.org/v3",
  FELIX_IPINIPMTU: "1400",
  FELIX_DEFAULTENDPOINTTOHOSTACTION: "ACCEPT",
  FELIX_HEALTHHOST: "0.0.0.0",
  FELIX_HEALTHPORT: "9199",
};

/** Those that change nothing here; the log says why. */
const TOLD: Readonly<Record<string, string>> = {
  WAIT_FOR_DATASTORE: "false",
  CALICO_MANAGE_CNI: "true",
  CALICO_DISABLE_FILE_LOGGING: "false",
  CALICO_STARTUP_LOGLEVEL: "DEBUG",
  CALICO_EARLY_NETWORKING: "/etc/early.yaml",
  BGP_LOGSEVERITYSCREEN: "debug",
  USE_POD_CIDR: "true",
  ETCD_DISCOVERY_SRV: "example.org",
  SKIP_CNI_BINARIES: "bandwidth",
  UPDATE_CNI_BINARIES: "true",
  CNI_NET_DIR: "/etc/cni",
  TYPHA_ADDR: "typha:5473",
  FELIX_TYPHAADDR: "typha:5473",
  FELIX_TYPHAK8SSERVICENAME: "calico-typha",
};

const optionsWith = (env: Readonly<Record<string, string>>) => agentOptionsFrom({ ...BASE, ...env }, "host");

describe("calico-node's variables", () => {
  it.each(Object.entries(OBEYED))("%s is obeyed", (name, value) => {
    expect(optionsWith({ [name]: value })).not.toEqual(optionsWith({}));
    expect(variablesWithoutEffect({ [name]: value })).toEqual([]);
    expect(felixVariablesWithoutEffect({ [name]: value })).toEqual([]);
  });

  it.each(Object.entries(TOLD))("%s changes nothing, and the reason is told", (name, value) => {
    expect(optionsWith({ [name]: value })).toEqual(optionsWith({}));
    expect(variablesWithoutEffect({ [name]: value })).toMatchObject([
      { variable: name, why: expect.stringMatching(/./) },
    ]);
  });

  it("NO_DEFAULT_POOLS makes none, and is refused beside one that would make some", () => {
    expect(agentOptionsFrom({ NODENAME: "node1", NO_DEFAULT_POOLS: "true" }, "host").firstPools).toEqual([]);
    expect(() => optionsWith({ NO_DEFAULT_POOLS: "true" })).toThrow("NO_DEFAULT_POOLS");
  });

  it.each([
    ["CALICO_ROUTER_ID", "fd00::1"],
    ["CALICO_ROUTER_ID", "0.0.0.0"],
    ["CALICO_ADVERTISE_CLUSTER_IPS", "10.96.0.0/12,services"],
    ["DISABLE_NODE_IP_CHECK", "maybe"],
  ])("%s=%s is refused by its name", (name, value) => {
    expect(() => optionsWith({ [name]: value })).toThrow(name);
  });

  it.each([
    ["10.96.3.4", "https://10.96.3.4:5473"],
    ["fd96::4", "https://[fd96::4]:5473"],
  ])("OCICAT_FANOUT_SERVICE is where the kubelet says that it is: %s", (host, endpoint) => {
    const place = { OCICAT_FANOUT_SERVICE_HOST: host, OCICAT_FANOUT_SERVICE_PORT: "5473" };
    expect(optionsWith({ OCICAT_FANOUT_SERVICE: "ocicat-fanout", ...place }).fanout?.endpoints).toEqual([endpoint]);
    expect(optionsWith({ OCICAT_FANOUT_SERVICE: "none", ...place }).fanout).toBeUndefined();
    expect(() => optionsWith({ OCICAT_FANOUT_SERVICE: "ocicat-fanout" })).toThrow("OCICAT_FANOUT_SERVICE");
  });

  it("CALICO_ADVERTISE_CLUSTER_IPS may be several networks", () => {
    const { serviceClusterIps } = optionsWith({ CALICO_ADVERTISE_CLUSTER_IPS: "10.96.0.0/12, fd96::/112" });
    expect(serviceClusterIps.map(String)).toEqual(["10.96.0.0/12", "fd96::/112"]);
  });
});
