export { Credentials, readSource } from "./credentials.ts";
export { inClusterTarget, SERVICE_ACCOUNT_DIR } from "./in-cluster.ts";
export { parseKubeconfig, readKubeconfig } from "./kubeconfig.ts";
export {
  API_GROUPS,
  type ApiGroup,
  apiGroupOf,
  targetOf,
} from "./settings.ts";
export { authorityOf, type Server, type Source, type Target, type TokenSource } from "./target.ts";
export { KUBERNETES_VARIABLES, type KubernetesSettings } from "./variables.ts";
