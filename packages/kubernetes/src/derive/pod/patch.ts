import { type AnyResource, isObject, type WorkloadEndpoint, workloadEndpoint } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { type AnnotationPatch, patchOf } from "../row.ts";
import { CONTAINER_ID, MAC, POD_IP, POD_IPS } from "./annotations.ts";
import { POD_INTERFACE } from "./endpoint.ts";

/** Whose pod an endpoint's key is about. */
export interface PodOfEndpoint {
  readonly namespace: string;
  readonly node: string;
  readonly pod: string;
}

/** Dashes of a name are doubled in it; single ones part it: `node1-k8s-web--1-eth0`. */
const NAME = /^((?:[^-]|--)+)-k8s-((?:[^-]|--)+)-((?:[^-]|--)+)$/;

/** Undefined for a key that is no endpoint's, or not a pod's first interface. */
export function podOfEndpoint(key: string): PodOfEndpoint | undefined {
  const name = workloadEndpoint.storage.parse(key);
  const [, node, pod, endpoint] = NAME.exec(name?.name ?? "")?.map((part) => part.replaceAll("--", "-")) ?? [];
  if (name?.namespace === undefined || node === undefined || pod === undefined) return undefined;
  return endpoint === POD_INTERFACE ? { namespace: name.namespace, node, pod } : undefined;
}

/**
 * What an endpoint's addresses are on its pod: ahead of kubelet's word for them, and told apart by the sandbox that has them.
 * All else of an endpoint follows from its pod. Throws OcicatError POD_ENDPOINT_INVALID for one that is no pod's.
 */
export function patchOfEndpoint(endpoint: AnyResource): AnnotationPatch {
  if (!isEndpoint(endpoint) || endpoint.spec.orchestrator !== "k8s" || endpoint.spec.endpoint !== POD_INTERFACE) {
    throw new OcicatError({
      code: "POD_ENDPOINT_INVALID",
      where: endpoint.metadata.name,
      what: "this endpoint cannot be kept in Kubernetes",
      why: `there, endpoints are pods' interfaces ${POD_INTERFACE}`,
    });
  }
  const { ipNetworks = [], containerID, mac } = endpoint.spec;
  return patchOf({
    [POD_IP]: ipNetworks[0] ?? "",
    [POD_IPS]: ipNetworks.join(","),
    ...(containerID === undefined ? {} : { [CONTAINER_ID]: containerID }),
    ...(mac === undefined ? {} : { [MAC]: mac }),
  });
}

/** The addresses are taken back; the sandbox stays told, so that a repeated DEL knows whose it was. */
export function patchOfReleasedEndpoint(): AnnotationPatch {
  return patchOf({ [POD_IP]: "", [POD_IPS]: "" });
}

function isEndpoint(resource: AnyResource): resource is WorkloadEndpoint {
  return resource.kind === "WorkloadEndpoint" && isObject(resource.spec);
}
