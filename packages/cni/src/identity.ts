import { createHash } from "node:crypto";
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

const PREFIX = "cali";
const DIGITS = 11;

export function identify(nodeName: string, network: string, attachment: Attachment): EndpointIdentity {
  const { containerId, ifname, args } = attachment;
  const orchestrator = args.pod === undefined ? "cni" : "k8s";
  const workload = args.pod?.name ?? containerId;
  return {
    orchestrator,
    namespace: args.pod?.namespace ?? "default",
    workload,
    endpoint: ifname,
    name: workloadEndpointName(nodeName, orchestrator, workload, ifname),
    hostInterface:
      PREFIX + (args.pod === undefined ? containerId : sha1(`${args.pod.namespace}.${args.pod.name}`)).slice(0, DIGITS),
    handleId: `${network}.${containerId}`,
  };
}

/** Dashes inside a part are doubled, so that single ones separate the parts. */
export function workloadEndpointName(node: string, orchestrator: string, workload: string, endpoint: string): string {
  return [node, orchestrator, workload, endpoint].map((part) => part.replaceAll("-", "--")).join("-");
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}
