/** What says how a cluster is reached, by the names of calicoctl's configuration file. Empty is not given. */
export interface KubernetesSettings {
  readonly kubeconfig?: string | undefined;
  readonly kubeconfigInline?: string | undefined;
  readonly k8sCurrentContext?: string | undefined;
  readonly k8sAPIEndpoint?: string | undefined;
  readonly k8sKeyFile?: string | undefined;
  readonly k8sCertFile?: string | undefined;
  readonly k8sCAFile?: string | undefined;
  readonly k8sAPIToken?: string | undefined;
  readonly k8sInsecureSkipTLSVerify?: string | undefined;
  readonly calicoAPIGroup?: string | undefined;
}

/** The variables that say the same. */
export const KUBERNETES_VARIABLES = {
  kubeconfig: "KUBECONFIG",
  kubeconfigInline: "KUBECONFIG_INLINE",
  k8sCurrentContext: "K8S_CURRENT_CONTEXT",
  k8sAPIEndpoint: "K8S_API_ENDPOINT",
  k8sKeyFile: "K8S_KEY_FILE",
  k8sCertFile: "K8S_CERT_FILE",
  k8sCAFile: "K8S_CA_FILE",
  k8sAPIToken: "K8S_API_TOKEN",
  k8sInsecureSkipTLSVerify: "K8S_INSECURE_SKIP_TLS_VERIFY",
  calicoAPIGroup: "CALICO_API_GROUP",
} as const satisfies Readonly<Record<keyof KubernetesSettings, string>>;
