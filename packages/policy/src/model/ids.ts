import type { Endpoint } from "./endpoint.ts";
import type { PolicyId } from "./policy.ts";

/** `NetworkPolicy default/allow-web`, `GlobalNetworkPolicy deny-metadata`. */
export function policyId(kind: string, namespace: string | undefined, name: string): PolicyId {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}` as PolicyId;
}

/** Unique among all endpoints. */
export function endpointKey(endpoint: Endpoint): string {
  return `${endpoint.kind} ${endpoint.id}`;
}
