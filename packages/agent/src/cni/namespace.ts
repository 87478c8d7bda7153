import { decodeStored, type Labels, profile, resourceKey } from "@ocicat/api";
import type { EndpointIdentity } from "@ocicat/cni";
import type { Datastore } from "@ocicat/datastore";
import type { Want } from "@ocicat/ipam";
import type { AgentPoolRow } from "../tables/rows.ts";

/** What Calico puts before a namespace's own labels in its profile. */
const LABEL_PREFIX = "pcns.";

/**
 * Which pools may serve pods of an endpoint's namespace. Undefined: all, which costs nothing; a namespace is looked up
 * only where a pool asks for it. Throws DatastoreError.
 */
export async function poolsForNamespace(
  store: Datastore,
  pools: Iterable<AgentPoolRow>,
  endpoint: EndpointIdentity,
): Promise<Want["allows"]> {
  const asking = new Map(
    [...pools].flatMap(({ name, selectsNamespace }) => (selectsNamespace ? [[name, selectsNamespace]] : [])),
  );
  if (asking.size === 0) return undefined;
  const labels = await namespaceLabels(store, endpoint);
  return ({ name }) => asking.get(name)?.(labels) ?? true;
}

/**
 * What is known of a namespace without Kubernetes: its name, and the labels in its profile, which Calico's controllers
 * keep in etcd. A container outside Kubernetes has no namespace, so no labels.
 */
async function namespaceLabels(store: Datastore, { orchestrator, namespace }: EndpointIdentity): Promise<Labels> {
  if (orchestrator !== "k8s") return {};
  const item = await store.get(resourceKey(profile.kind, `kns.${namespace}`));
  const given = item === undefined ? {} : (decodeStored(profile, item).spec.labelsToApply ?? {});
  const own = Object.entries(given).flatMap(([name, value]) =>
    name.startsWith(LABEL_PREFIX) ? [[name.slice(LABEL_PREFIX.length), value]] : [],
  );
  const names = { "kubernetes.io/metadata.name": namespace, "projectcalico.org/name": namespace };
  return { ...Object.fromEntries(own), ...names };
}
