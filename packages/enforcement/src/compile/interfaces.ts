import { type Address, compareAddresses } from "@ocicat/net";
import type { EndpointNeeds, Host } from "@ocicat/policy";

/** The node's own interfaces with their addresses: host endpoints may be told by either. */
export type NodeInterfaces = ReadonlyMap<string, readonly Address[]>;

/** Stands for every interface that has no endpoint of its own. */
export const ALL_OTHERS = "*";

/** Which endpoint an interface has. Where several claim it: the one with the first key. */
export interface Occupied {
  readonly workloads: ReadonlyMap<string, EndpointNeeds>;
  /** With ALL_OTHERS. */
  readonly hosts: ReadonlyMap<string, EndpointNeeds>;
}

export function occupy(endpoints: ReadonlyMap<string, EndpointNeeds>, interfaces: NodeInterfaces): Occupied {
  const workloads = new Map<string, EndpointNeeds>();
  const hosts = new Map<string, EndpointNeeds>();
  for (const [, needs] of [...endpoints].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { endpoint } = needs;
    const [taken, names] =
      endpoint.kind === "workload"
        ? [workloads, [endpoint.interfaceName]]
        : [hosts, hostInterfaces(endpoint, interfaces)];
    for (const name of names) if (name !== "" && !taken.has(name)) taken.set(name, needs);
  }
  return { workloads, hosts };
}

/** By name, or those that have one of its addresses. */
function hostInterfaces({ interfaceName, addresses }: Host, interfaces: NodeInterfaces): readonly string[] {
  if (interfaceName !== "") return [interfaceName];
  return [...interfaces]
    .filter(([, own]) => own.some((one) => addresses.some((other) => compareAddresses(one, other) === 0)))
    .map(([name]) => name);
}
