import { OcicatError } from "@ocicat/kit";
import { sha1Hex } from "./sha1.ts";

/** What identifies a workload endpoint. In its resource's name each part has its dashes doubled, so that single ones part them. */
export type WorkloadIdentity =
  | { readonly orchestrator: "k8s"; readonly node: string; readonly pod: string; readonly endpoint: string }
  | { readonly orchestrator: "cni"; readonly node: string; readonly containerID: string; readonly endpoint: string };

/** `<node>-k8s-<pod>-<endpoint>`, or `<node>-cni-<container id>-<endpoint>` outside Kubernetes. Throws OcicatError. */
export function workloadEndpointName(identity: WorkloadIdentity): string {
  return `${workloadEndpointPrefix(identity)}${segment("endpoint", identity.endpoint)}`;
}

/** The part of the name that all endpoints of one workload share, with the dash at its end: for listing them. */
export function workloadEndpointPrefix(identity: WorkloadIdentity): string {
  const workload =
    identity.orchestrator === "k8s" ? segment("pod", identity.pod) : segment("container id", identity.containerID);
  return `${segment("node", identity.node)}-${identity.orchestrator}-${workload}-`;
}

/**
 * The host's side of a pod's veth: prefix + the first 11 hex digits of SHA-1(`<namespace>.<pod>`), 15 characters with
 * the usual prefix `cali`, which is as long as a Linux interface name may be. Throws OcicatError on a longer prefix.
 */
export function workloadInterfaceName(namespace: string, pod: string, prefix = "cali"): string {
  return interfaceName(prefix, sha1Hex(`${namespace}.${pod}`).slice(0, 11));
}

/** Outside Kubernetes: prefix + the first 11 characters of the container's id. */
export function containerInterfaceName(containerID: string, prefix = "cali"): string {
  return interfaceName(prefix, containerID.slice(0, 11));
}

function interfaceName(prefix: string, suffix: string): string {
  if (prefix.length > 4 || prefix.length === 0) {
    throw new OcicatError({
      code: "INTERFACE_PREFIX_INVALID",
      what: `"${prefix}" cannot begin an interface name`,
      why: "a Linux interface name has at most 15 characters, 11 of which are the pod's",
      fix: "set interfacePrefix in FelixConfiguration to 1 to 4 characters",
    });
  }
  return prefix + suffix;
}

function segment(what: string, text: string): string {
  if (text === "" || text.startsWith("-") || text.endsWith("-")) {
    throw new OcicatError({
      code: "WORKLOAD_NAME_INVALID",
      what: `"${text}" cannot be the ${what} in a workload endpoint's name`,
      why: "it is empty, or begins or ends with a dash",
    });
  }
  return text.replaceAll("-", "--");
}
