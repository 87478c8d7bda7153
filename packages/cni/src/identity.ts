import { containerInterfaceName, workloadEndpointName, workloadInterfaceName } from "@ocicat/api";
import type { Attachment } from "./environment.ts";

/** Who an attachment is in the datastore and on the host: Calico's names, so that both can serve the same cluster. */
export interface EndpointIdentity {
  readonly orchestrator: "k8s" | "cni";
  /** Namespace of the WorkloadEndpoint. */
  readonly namespace: string;
  /** The pod's name, or the container id outside Kubernetes. */
  readonly workload: string;
  /** The interface's name in the container. */
  readonly endpoint: string;
  /** Name of the WorkloadEndpoint resource. */
  readonly name: string;
  /** Name of the host's end of the veth pair. */
  readonly hostInterface: string;
  /** IPAM handle: `<network>.<containerID>`. */
  readonly handleId: string;
}

/** Throws OcicatError WORKLOAD_NAME_INVALID on a container id or an interface name that ends with a dash. */
export function identify(nodeName: string, network: string, attachment: Attachment): EndpointIdentity {
  const { containerId, ifname, args } = attachment;
  const handleId = `${network}.${containerId}`;
  const { pod } = args;
  if (pod === undefined) {
    const name = workloadEndpointName({
      orchestrator: "cni",
      node: nodeName,
      containerID: containerId,
      endpoint: ifname,
    });
    const hostInterface = containerInterfaceName(containerId);
    return {
      orchestrator: "cni",
      namespace: "default",
      workload: containerId,
      endpoint: ifname,
      name,
      hostInterface,
      handleId,
    };
  }
  const name = workloadEndpointName({ orchestrator: "k8s", node: nodeName, pod: pod.name, endpoint: ifname });
  const hostInterface = workloadInterfaceName(pod.namespace, pod.name);
  return {
    orchestrator: "k8s",
    namespace: pod.namespace,
    workload: pod.name,
    endpoint: ifname,
    name,
    hostInterface,
    handleId,
  };
}
