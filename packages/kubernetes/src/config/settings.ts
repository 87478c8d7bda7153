import { configError } from "./errors.ts";
import { inClusterTarget } from "./in-cluster.ts";
import { parseKubeconfig, readKubeconfig } from "./kubeconfig.ts";
import { parseServer, type Target } from "./target.ts";
import type { KubernetesSettings } from "./variables.ts";

/** In which of Calico's two groups the cluster keeps its resources: as their definitions were installed. */
export const API_GROUPS = ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const;
export type ApiGroup = (typeof API_GROUPS)[number];

/**
 * In this order: a kubeconfig's text, a kubeconfig, an address with what belongs to it, the pod that this runs in. What is
 * said besides of certificates, tokens and addresses goes before what a kubeconfig says. Throws OcicatError KUBERNETES_CONFIG.
 */
export function targetOf(settings: KubernetesSettings, env: Readonly<Record<string, string | undefined>>): Target {
  const base = baseOf(settings, env);
  const { k8sAPIEndpoint: endpoint, k8sCAFile: ca, k8sCertFile: chain, k8sKeyFile: key, k8sAPIToken: token } = settings;
  if (base === undefined && !endpoint) return inClusterTarget(env);
  const server = endpoint ? parseServer(endpoint) : base?.server;
  if (server === undefined) {
    throw configError("k8sAPIEndpoint", `"${endpoint}" is not an address`, "write https://host:port");
  }
  if (!chain !== !key) {
    throw configError("k8sCertFile", "of k8sCertFile and k8sKeyFile only one is given", "give both or neither");
  }
  return {
    server,
    serverName: base?.serverName,
    isInsecure: settings.k8sInsecureSkipTLSVerify === "true" || base?.isInsecure === true,
    ca: ca ? { file: ca } : base?.ca,
    certificate: chain && key ? { chain: { file: chain }, key: { file: key } } : base?.certificate,
    token: token ? { text: token } : base?.token,
    source: base?.source ?? "k8sAPIEndpoint",
  };
}

/** Throws OcicatError KUBERNETES_CONFIG. */
export function apiGroupOf({ calicoAPIGroup: text }: KubernetesSettings): ApiGroup {
  if (!text) return "crd.projectcalico.org/v1";
  const group = API_GROUPS.find((each) => each === text);
  if (group !== undefined) return group;
  throw configError("CALICO_API_GROUP", `"${text}" is none of Calico's groups`, `use one of ${API_GROUPS.join(", ")}`);
}

function baseOf(
  { kubeconfig, kubeconfigInline, k8sCurrentContext: context }: KubernetesSettings,
  env: Readonly<Record<string, string | undefined>>,
): Target | undefined {
  const named = context || undefined;
  if (kubeconfigInline) return parseKubeconfig(kubeconfigInline, "kubeconfigInline", named);
  if (kubeconfig) return readKubeconfig(firstFile(kubeconfig, env), named);
  return undefined;
}

/** kubectl merges several files; one is what programs are given. */
function firstFile(text: string, { HOME = "" }: Readonly<Record<string, string | undefined>>): string {
  const files = text.split(":").filter((part) => part !== "");
  const [file = ""] = files;
  if (files.length > 1) {
    throw configError("KUBECONFIG", "names several files", "merge them: kubectl config view --flatten > FILE");
  }
  return file.startsWith("~/") ? HOME + file.slice(1) : file;
}
