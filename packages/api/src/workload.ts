import { OcicatError } from "@ocicat/kit";
import { sha1Hex } from "./sha1.ts";

/**
 * What names a workload endpoint: the node, the orchestrator, the orchestrator's name for the workload, the interface.
 * In the resource's name each part has its dashes doubled, so that the single ones part them:
 *
 *     node1-k8s-web--1-eth0        pod web-1 on node1
 *     node1-cni-4f2a…-eth0         container 4f2a… on node1, made by CNI without Kubernetes
 */
export interface WorkloadIdentity {
  /** `k8s`, `cni`, `libnetwork`, or another one's name. */
  readonly orchestrator: string;
  readonly node: string;
  /** The interface in the workload, `eth0`. */
  readonly endpoint: string;
  readonly pod?: string;
  readonly containerID?: string;
  readonly workload?: string;
}

/** Throws OcicatError WORKLOAD_NAME_INVALID if a part is missing, or begins or ends with a dash. */
export function workloadEndpointName(identity: WorkloadIdentity): string {
  return `${workloadEndpointPrefix(identity)}${segment("endpoint", identity.endpoint)}`;
}

/**
 * The part of the name that all endpoints of one workload share, with the dash at its end: for listing them. Names of
 * other workloads can begin with it too (`n-k8s-a--b-eth0` of pod a-b with `n-k8s-a-`): ask isEndpointOf about each.
 */
export function workloadEndpointPrefix(identity: Omit<WorkloadIdentity, "endpoint">): string {
  const { node, orchestrator } = identity;
  return `${segment("node", node)}-${segment("orchestrator", orchestrator)}-${workloadSegment(identity)}-`;
}

/** Whether a name is that of an endpoint of this workload. Throws as workloadEndpointName. */
export function isEndpointOf(name: string, identity: Omit<WorkloadIdentity, "endpoint">): boolean {
  const prefix = workloadEndpointPrefix(identity);
  // No endpoint begins with a dash: one more dash is half of a doubled one, so the workload's name goes on.
  return name.startsWith(prefix) && name.charAt(prefix.length) !== "-";
}

function workloadSegment(identity: Omit<WorkloadIdentity, "endpoint">): string {
  switch (identity.orchestrator) {
    case "k8s":
      return segment("pod", identity.pod);
    case "cni":
      return segment("containerID", identity.containerID);
    case "libnetwork":
      return "libnetwork";
    default:
      return segment("workload", identity.workload);
  }
}

/**
 * The host's side of a pod's veth: prefix + the first 11 hex digits of SHA-1(`<namespace>.<pod>`), 15 characters with
 * the usual prefix `cali`, which is as long as a Linux interface name may be. Throws OcicatError on a longer prefix.
 */
export function workloadInterfaceName(namespace: string, pod: string, prefix = "cali"): string {
  return hostInterface(prefix, sha1Hex(`${namespace}.${pod}`));
}

/** Outside Kubernetes: prefix + the first 11 characters of the container's id. Throws OcicatError on a longer prefix. */
export function containerInterfaceName(containerID: string, prefix = "cali"): string {
  return hostInterface(prefix, containerID);
}

function hostInterface(prefix: string, id: string): string {
  if (prefix.length > 0 && prefix.length <= 4) return prefix + id.slice(0, 11);
  throw new OcicatError({
    code: "INTERFACE_PREFIX_INVALID",
    what: `"${prefix}" cannot begin the name of a workload's interface`,
    why: "an interface name has at most 15 characters, and 11 of them are the workload's",
    fix: "set interfacePrefix in FelixConfiguration to 1 to 4 characters",
  });
}

function segment(part: string, text = ""): string {
  if (text !== "" && !text.startsWith("-") && !text.endsWith("-")) return text.replaceAll("-", "--");
  throw new OcicatError({
    code: "WORKLOAD_NAME_INVALID",
    what: `"${text}" cannot be the ${part} in a workload endpoint's name`,
    why: text === "" ? "it is missing" : "it begins or ends with a dash, and dashes part the name",
  });
}
