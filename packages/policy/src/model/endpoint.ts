import type { Labels } from "@ocicat/api";
import type { Address, Prefix } from "@ocicat/net";

/** What policies apply to and select. */
export type Endpoint = Workload | Host;

interface Common {
  /** The resource's name, with its namespace before it if it has one: `default/node1-k8s-web--1-eth0`. Unique in its kind. */
  readonly id: string;
  readonly node: string;
  /** Its own; those of its profiles come beside them (see effectiveLabels). */
  readonly labels: Labels;
  /** By name, in order. */
  readonly profiles: readonly string[];
  readonly ports: readonly NamedPort[];
}

/** A workload's interface. */
export interface Workload extends Common {
  readonly kind: "workload";
  /** For people: `default/web-1`. */
  readonly workload: string;
  readonly namespace: string;
  /** Its end on the host; "" while it has none. */
  readonly interfaceName: string;
  readonly addresses: readonly Address[];
  /** What it may send from besides its own addresses. */
  readonly allowedSources: readonly Prefix[];
}

/** An interface of a node, or all of them. */
export interface Host extends Common {
  readonly kind: "host";
  /** `*`: all interfaces that are not workloads'. "": the one that has one of the addresses. */
  readonly interfaceName: string;
  readonly addresses: readonly Address[];
}

export interface NamedPort {
  readonly name: string;
  /** 0 to 255. */
  readonly protocol: number;
  /** 1 to 65535. */
  readonly port: number;
}

/** Addresses with labels, that rules select as they select endpoints; those of nodes apart from all others. */
export interface NetworkSet {
  /** `name`, or `namespace/name`. Unique among network sets of its kind. */
  readonly id: string;
  readonly kind: "NetworkSet" | "GlobalNetworkSet" | "Node";
  readonly labels: Labels;
  /** Whose labels it has besides: that of its namespace, if it has one. */
  readonly profiles: readonly string[];
  readonly networks: readonly Prefix[];
}

/** Where a service's endpoints are. */
export interface Service {
  readonly namespace: string;
  readonly name: string;
  readonly endpoints: readonly ServiceEndpoint[];
}

export interface ServiceEndpoint {
  readonly address: Address;
  /** Undefined: the service has no ports, so that the endpoint can be a source and not a destination. */
  readonly at: { readonly protocol: number; readonly port: number } | undefined;
}
