/** What plugins write on a pod, and what a pod says of its network. */

/** The addresses, as they were given: in the object before kubelet has told of them. Empty: taken back. */
export const POD_IP = "cni.projectcalico.org/podIP";
export const POD_IPS = "cni.projectcalico.org/podIPs";
/** Amazon's plugin writes its own. */
export const AWS_POD_IPS = "vpc.amazonaws.com/pod-ips";
/** Which sandbox of the pod has them: tells pods of one name apart. */
export const CONTAINER_ID = "cni.projectcalico.org/containerID";
/** The pod's own MAC address, which nothing else in the object tells. */
export const MAC = "ocicat.io/mac";

/** A JSON list in a text each. */
export const FLOATING_IPS = "cni.projectcalico.org/floatingIPs";
export const ALLOWED_SOURCES = "cni.projectcalico.org/allowedSourcePrefixes";

/** Of the Network Plumbing Working Group; copied, for those who look at endpoints only. */
export const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";
