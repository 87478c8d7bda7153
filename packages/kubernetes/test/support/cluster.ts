import { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { resourceDefinitions } from "../../src/crd/index.ts";
import {
  type ApiClient,
  ApiError,
  type ApiGroup,
  type ApiResource,
  KubernetesDatastore,
  readKubeconfig,
} from "../../src/index.ts";

const DEFINITIONS: ApiResource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  namespaced: false,
};

/** A real API server with the definitions of both groups, or of one. */
export async function startCluster(
  options: Parameters<typeof PrivateControlPlane.start>[0] = {},
  groups: readonly ApiGroup[] = ["crd.projectcalico.org/v1", "projectcalico.org/v3"],
): Promise<PrivateControlPlane> {
  const cluster = await PrivateControlPlane.start(options);
  const store = openStore(cluster);
  try {
    for (const group of groups) await defineResources(store.api, group);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  } finally {
    await store.close();
  }
}

export function openStore(cluster: PrivateControlPlane, apiGroup?: ApiGroup): KubernetesDatastore {
  return new KubernetesDatastore({ target: readKubeconfig(cluster.kubeconfig), apiGroup });
}

/** Makes the definitions, and waits until the server serves what they define. */
async function defineResources(api: ApiClient, apiGroup: ApiGroup): Promise<void> {
  const definitions = resourceDefinitions(apiGroup);
  await Promise.all(definitions.map((definition) => api.create(DEFINITIONS, undefined, definition)));
  const [group = "", version = ""] = apiGroup.split("/");
  for (const { metadata } of definitions) {
    const [plural = ""] = metadata.name.split(".");
    await served(api, { group, version, plural, namespaced: false });
  }
}

async function served(api: ApiClient, resource: ApiResource): Promise<void> {
  for (;;) {
    try {
      await api.list(resource, { limit: 1 });
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
