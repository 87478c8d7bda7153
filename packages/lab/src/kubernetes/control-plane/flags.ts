import { join } from "node:path";
import type { KubernetesProgram } from "../programs.ts";
import { auditFlags } from "./audit.ts";
import type { Credentials } from "./credentials.ts";

export interface ControlPlaneSettings {
  /** Where etcd keeps its data and the programs their certificates. */
  readonly directory: string;
  readonly credentials: Credentials;
  /** Where the API server listens, and where others reach it. */
  readonly address: string;
  readonly port: number;
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  /** One prefix, or one a family. */
  readonly serviceCidr: string;
  /** More flags, after ours, of which the last counts. */
  readonly extra?: Readonly<Partial<Record<KubernetesProgram, readonly string[]>>>;
}

/** What each program of a control plane is started with. */
export function controlPlaneFlags(settings: ControlPlaneSettings, kubeconfig: (user: string) => string) {
  const extra = (program: KubernetesProgram) => settings.extra?.[program] ?? [];
  return {
    etcd: () => [...etcd(settings), ...extra("etcd")],
    "kube-apiserver": () => [...apiServer(settings), ...extra("kube-apiserver")],
    "kube-controller-manager": () => [
      ...controllerManager(settings, kubeconfig("system:kube-controller-manager")),
      ...extra("kube-controller-manager"),
    ],
    "kube-scheduler": () => [...scheduler(settings, kubeconfig("system:kube-scheduler")), ...extra("kube-scheduler")],
  } as const;
}

export type ControlPlaneProgram = keyof ReturnType<typeof controlPlaneFlags>;

export function etcdEndpoint({ etcdPort }: Pick<ControlPlaneSettings, "etcdPort">): string {
  return `http://127.0.0.1:${etcdPort}`;
}

function etcd(settings: ControlPlaneSettings): string[] {
  const peers = `http://127.0.0.1:${settings.etcdPeerPort}`;
  return [
    "--name=lab",
    `--data-dir=${join(settings.directory, "etcd")}`,
    `--listen-client-urls=${etcdEndpoint(settings)}`,
    `--advertise-client-urls=${etcdEndpoint(settings)}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=lab=${peers}`,
    // A lab does not outlive its machine, and a power cut is not what it is to try.
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

function apiServer(settings: ControlPlaneSettings): string[] {
  const { credentials, address, directory } = settings;
  const loopback = address.startsWith("127.");
  return [
    `--etcd-servers=${etcdEndpoint(settings)}`,
    `--cert-dir=${credentials.serverDirectory}`,
    `--bind-address=${loopback ? address : "0.0.0.0"}`,
    `--secure-port=${settings.port}`,
    `--token-auth-file=${credentials.tokenFile}`,
    `--client-ca-file=${credentials.clientAuthority}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${credentials.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${credentials.serviceAccountKey}`,
    `--service-cluster-ip-range=${settings.serviceCidr}`,
    "--allow-privileged=true",
    // By name, as is the default, it would find no node: exec and logs would fail.
    "--kubelet-preferred-address-types=InternalIP",
    `--kubelet-client-certificate=${credentials.adminCertificate.certificate}`,
    `--kubelet-client-key=${credentials.adminCertificate.key}`,
    "--profiling=false",
    ...auditFlags(directory),
    // An address of the loopback cannot be the endpoint of a service: then there is none, and nobody in a pod to ask for it.
    ...(loopback ? ["--endpoint-reconciler-type=none"] : [`--advertise-address=${address}`]),
  ];
}

function controllerManager({ credentials, directory }: ControlPlaneSettings, kubeconfig: string): string[] {
  return [
    ...asComponent(kubeconfig, join(directory, "kube-controller-manager")),
    "--use-service-account-credentials",
    `--service-account-private-key-file=${credentials.serviceAccountKey}`,
    `--root-ca-file=${credentials.serverAuthority}`,
  ];
}

function scheduler({ directory }: ControlPlaneSettings, kubeconfig: string): string[] {
  return asComponent(kubeconfig, join(directory, "kube-scheduler"));
}

function asComponent(kubeconfig: string, certificates: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    `--cert-dir=${certificates}`,
    "--bind-address=127.0.0.1",
    "--leader-elect=false",
  ];
}
