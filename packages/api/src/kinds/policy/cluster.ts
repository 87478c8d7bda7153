import {
  anything,
  choice,
  type Infer,
  list,
  object,
  optional,
  port,
  required,
  ruleNetwork,
  text,
} from "../../schema/index.ts";
import { labelSelector } from "./kubernetes.ts";
import { portName } from "./port.ts";

/**
 * The parts of a ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2), which is read and never written here. What is not
 * matched is declared all the same, so that it can be told by its name.
 */
const pods = object(
  { namespaceSelector: optional(labelSelector), podSelector: optional(labelSelector) },
  { namespaceSelector: "In namespaces with these labels.", podSelector: "Pods with these labels." },
);

export const clusterSubject = object(
  { namespaces: optional(labelSelector), pods: optional(pods) },
  { namespaces: "All pods of namespaces with these labels.", pods: "Pods by their own labels and their namespaces'." },
);

const range = object({ start: required(port()), end: required(port()) }, { start: "The first.", end: "The last." });

const destination = object(
  {
    destinationPort: optional(
      object({ number: optional(port()), range: optional(range) }, { number: "One port.", range: "A range of ports." }),
    ),
  },
  { destinationPort: "All unless told." },
);

const protocol = object(
  {
    tcp: optional(destination),
    udp: optional(destination),
    sctp: optional(destination),
    destinationNamedPort: optional(portName()),
  },
  {
    tcp: "TCP to this port.",
    udp: "UDP to this port.",
    sctp: "SCTP to this port.",
    destinationNamedPort: "The port that the pods give this name, of whatever protocol.",
  },
);

const ruleFields = {
  name: optional(text(), ""),
  action: required(choice("Accept", "Deny", "Pass")),
  protocols: optional(list(protocol), []),
};

const ruleDescriptions = {
  name: "For people.",
  action: "Accept and Deny decide; Pass hands over to the next tier.",
  protocols: "One of these protocols and ports; any unless told.",
};

const ingressPeer = object(
  { namespaces: optional(labelSelector), pods: optional(pods) },
  { namespaces: "All pods of namespaces with these labels.", pods: "Pods by their own labels and their namespaces'." },
);

const egressPeer = object(
  {
    namespaces: optional(labelSelector),
    pods: optional(pods),
    networks: optional(list(ruleNetwork()), []),
    nodes: optional(labelSelector),
    domainNames: optional(anything()),
  },
  {
    namespaces: "All pods of namespaces with these labels.",
    pods: "Pods by their own labels and their namespaces'.",
    networks: "Addresses of these networks.",
    nodes: "Nodes by their labels, at all of their addresses.",
    domainNames: "What names resolve to; not matched.",
  },
);

export const clusterIngressRule = object(
  { ...ruleFields, from: optional(list(ingressPeer), []) },
  { ...ruleDescriptions, from: "Where from: one peer or more." },
);

export const clusterEgressRule = object(
  { ...ruleFields, to: optional(list(egressPeer), []) },
  { ...ruleDescriptions, to: "Where to: one peer or more." },
);

export type ClusterProtocol = Infer<typeof protocol>;
export type ClusterPeer = Infer<typeof egressPeer>;

/** A rule of either direction. */
export interface ClusterRule {
  readonly action: "Accept" | "Deny" | "Pass";
  readonly protocols?: readonly ClusterProtocol[];
  readonly from?: readonly ClusterPeer[];
  readonly to?: readonly ClusterPeer[];
}
