import { API_VERSION, isObject, KUBERNETES_OBJECTS, networkPolicy } from "@ocicat/api";
import type { Controller } from "./controller.ts";
import { calicoPolicySpec } from "./convert-policy.ts";
import { made } from "./resources.ts";

/** Kubernetes' own NetworkPolicies, the objects as they are. */
const KUBERNETES_POLICIES = KUBERNETES_OBJECTS.networkPolicy.storage.prefix();

const POLICIES = networkPolicy.storage.prefix();
/** All policies of such a name are ours to write and to delete; people are kept from it. */
const OF_KUBERNETES = "knp.default.";

/** Kubernetes' network policies as Calico's, for a datastore that is not Kubernetes. */
export const networkPolicies: Controller = {
  name: "policy",
  reads: { kubernetes: [KUBERNETES_POLICIES], store: [POLICIES] },
  /** By `namespace/name` of Kubernetes' policy. */
  subjects(side, key) {
    const prefix = side === "kubernetes" ? KUBERNETES_POLICIES : POLICIES;
    if (!key.startsWith(prefix)) return [];
    const path = key.slice(prefix.length);
    if (side === "kubernetes") return [path];
    const [namespace, name = ""] = path.split("/");
    return name.startsWith(OF_KUBERNETES) ? [`${namespace}/${name.slice(OF_KUBERNETES.length)}`] : [];
  },
  *plan(subject, { kubernetes }) {
    const [namespace = "", policy = ""] = subject.split("/");
    const name = `${OF_KUBERNETES}${policy}`;
    const key = networkPolicy.storage.key(name, namespace) ?? "";
    const row = kubernetes.get(`${KUBERNETES_POLICIES}${subject}`);
    if (row === undefined) {
      yield { key, resource: undefined, why: `NetworkPolicy ${subject} does not exist` };
      return;
    }
    const document: unknown = JSON.parse(row.value);
    const spec = calicoPolicySpec(isObject(document) ? document.spec : undefined);
    const resource = made(networkPolicy, {
      kind: "NetworkPolicy",
      apiVersion: API_VERSION,
      metadata: { name, namespace },
      spec,
    });
    yield { key, resource, why: `NetworkPolicy ${subject} is so` };
  },
};
