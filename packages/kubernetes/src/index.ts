export {
  type Answered,
  ApiClient,
  ApiError,
  type ApiList,
  type ApiObject,
  type ApiOptions,
  type ApiResource,
  type WatchListener,
} from "./api/index.ts";
export {
  API_GROUPS,
  type ApiGroup,
  apiGroupOf,
  inClusterTarget,
  KUBERNETES_VARIABLES,
  type KubernetesSettings,
  parseKubeconfig,
  readKubeconfig,
  type Target,
  targetOf,
} from "./config/index.ts";
export { KubernetesDatastore, type KubernetesOptions } from "./store/index.ts";
