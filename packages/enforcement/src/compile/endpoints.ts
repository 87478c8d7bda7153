import { origin } from "@ocicat/kit";
import { element, goTo, interfaceName, type SetElement, type Value } from "@ocicat/nftables";
import type { Endpoint, EndpointNeeds } from "@ocicat/policy";
import { DISPATCH_NAMES, DISPATCHES, type DispatchName } from "./dispatch.ts";
import { type Group, groupOf } from "./group.ts";

/** Sends an interface's packets to a group. */
export function dispatchElement(name: string, endpoint: Endpoint, group: Group): SetElement {
  return element(describeEndpoint(endpoint), dispatchKey(name), goTo(group.name));
}

export function dispatchKey(name: string): Value {
  return interfaceName(name);
}

/** The groups of a workload: always both, so that one without policies has the end that denies. */
export function workloadGroups(needs: EndpointNeeds): readonly Group[] {
  return [groupOf("from", needs), groupOf("to", needs)];
}

/** The dispatches that a node's host endpoints take part in: all of them, so that `*` gets nothing of theirs. */
export function hostDispatches(hosts: Iterable<EndpointNeeds>): readonly DispatchName[] {
  const all = [...hosts];
  return DISPATCH_NAMES.filter((name) => {
    const { kind, stage, direction } = DISPATCHES[name];
    if (kind !== "host") return false;
    return all.some((needs) => stage === "normal" || (needs.stages.get(stage)?.[direction] ?? []).length > 0);
  });
}

function describeEndpoint(endpoint: Endpoint) {
  return endpoint.kind === "workload"
    ? origin("policies of its endpoint", { kind: "WorkloadEndpoint", name: endpoint.id })
    : origin("policies of its endpoint", { kind: "HostEndpoint", name: endpoint.id });
}
