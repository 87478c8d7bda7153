import { Prefix } from "@ocicat/net";
import type { NetworkSet } from "@ocicat/policy";
import type { AgentNodeRow } from "../tables/rows.ts";

/** A node as rules choose it. */
export function nodeSetOf({
  name,
  labels,
  addresses,
}: Pick<AgentNodeRow, "name" | "labels" | "addresses">): NetworkSet {
  return { kind: "Node", id: name, labels, profiles: [], networks: addresses.map((address) => Prefix.host(address)) };
}

/** Whether rules would choose it as before: nodes are written often, for much that policy does not ask about. */
export function isChosenAlike(a: AgentNodeRow, b: AgentNodeRow): boolean {
  return textOf(a) === textOf(b);
}

function textOf({ labels, addresses }: AgentNodeRow): string {
  return JSON.stringify([Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)), addresses.map(String)]);
}
