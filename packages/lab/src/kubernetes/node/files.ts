import type { Topology } from "../../topology/topology.ts";

export const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";
export const CONTAINERD_CONFIG = "/etc/containerd/config.toml";
export const KUBELET_CONFIG = "/etc/kubernetes/kubelet.json";
/** Every pod that is not asked for with a policy of its own asks these: a cluster without a network has no DNS. */
const RESOLV_CONF = "/etc/kubernetes/resolv.conf";
const PAUSE_IMAGE = "registry.k8s.io/pause:3.10";

export interface NodeFileSettings {
  readonly registry: string;
  readonly clusterDns: string;
  readonly cgroup: string;
  /** The API server proves itself to kubelets by a certificate of this authority. */
  readonly clientAuthority: string;
}

/** A node's own configuration, by path. */
export function nodeFiles(settings: NodeFileSettings): Readonly<Record<string, string>> {
  return {
    [CONTAINERD_CONFIG]: containerdConfig(),
    // Whatever registry an image's name says: there is no other to ask.
    "/etc/containerd/certs.d/_default/hosts.toml": `[host."http://${settings.registry}"]\n  capabilities = ["pull", "resolve"]\n`,
    [KUBELET_CONFIG]: `${JSON.stringify(kubeletConfig(settings), null, 2)}\n`,
    [RESOLV_CONF]: "",
  };
}

function containerdConfig(): string {
  return `version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
  address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE no process may be made less likely to be killed than its parent.
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
`;
}

function kubeletConfig({ clusterDns, cgroup, clientAuthority }: NodeFileSettings): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: clientAuthority },
    },
    authorization: { mode: "Webhook" },
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    staticPodPath: "/etc/kubernetes/manifests",
    cgroupDriver: "cgroupfs",
    cgroupRoot: cgroup,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: ["pods"],
    evictionHard: { "memory.available": "50Mi" },
    clusterDNS: [clusterDns],
    clusterDomain: "cluster.local",
    resolvConf: RESOLV_CONF,
    // As many as a block and a half of Calico's size: the tests want to see a node with several blocks.
    maxPods: 250,
    serializeImagePulls: false,
    // A lab is waited for: it is looked at more often than a machine is.
    nodeStatusUpdateFrequency: "2s",
    fileCheckFrequency: "2s",
    shutdownGracePeriod: "0s",
  };
}

export function kubeletFlags(node: string, nodeIps: readonly string[], kubeconfig: string): string[] {
  return [
    `--config=${KUBELET_CONFIG}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${node}`,
    `--node-ip=${nodeIps.join(",")}`,
  ];
}

/** Limits of conntrack are the machine's, of which a lab changes nothing. */
export function proxyFlags(
  node: string,
  mode: NonNullable<Topology["kubernetes"]>["proxyMode"],
  kubeconfig: string,
): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${node}`,
    `--proxy-mode=${mode}`,
    "--conntrack-max-per-core=0",
    "--conntrack-tcp-timeout-established=0",
    "--conntrack-tcp-timeout-close-wait=0",
    "--conntrack-udp-timeout=0",
    "--conntrack-udp-timeout-stream=0",
  ];
}
