import type { ForwardingEntry, Neighbour } from "../kernel.ts";
import { requireLink } from "./links.ts";
import type { FakeNamespace } from "./namespace.ts";
import { refuse } from "./refusal.ts";

export function replaceNeighbour(namespace: FakeNamespace, neighbour: Neighbour): void {
  requireLink(namespace, neighbour.linkIndex);
  const present = namespace.neighbours.findIndex((entry) => isSameNeighbour(entry, neighbour));
  if (present < 0) namespace.neighbours.push(neighbour);
  else namespace.neighbours[present] = neighbour;
  namespace.notifier.tell({ type: "neighbour", neighbour });
}

export function deleteNeighbour(namespace: FakeNamespace, neighbour: Neighbour): void {
  requireLink(namespace, neighbour.linkIndex);
  const present = namespace.neighbours.find((entry) => isSameNeighbour(entry, neighbour)) ?? refuse("ENOENT");
  namespace.neighbours = namespace.neighbours.filter((entry) => entry !== present);
  namespace.notifier.tell({ type: "neighbour.gone", neighbour: present });
}

function isSameNeighbour(a: Neighbour, b: Neighbour): boolean {
  return a.linkIndex === b.linkIndex && a.address === b.address;
}

const FLOOD = "00:00:00:00:00:00";

export function replaceForwardingEntry(namespace: FakeNamespace, entry: ForwardingEntry): void {
  requireTable(namespace, entry);
  const replaced = (each: ForwardingEntry) =>
    each.linkIndex === entry.linkIndex &&
    each.mac === entry.mac &&
    (entry.mac !== FLOOD || each.destination === entry.destination);
  namespace.forwardingEntries = [...namespace.forwardingEntries.filter((each) => !replaced(each)), entry];
}

export function deleteForwardingEntry(namespace: FakeNamespace, entry: ForwardingEntry): void {
  requireTable(namespace, entry);
  const present = namespace.forwardingEntries.find((each) => isSameEntry(each, entry)) ?? refuse("ENOENT");
  namespace.forwardingEntries = namespace.forwardingEntries.filter((each) => each !== present);
}

function isSameEntry(a: ForwardingEntry, b: ForwardingEntry): boolean {
  return a.linkIndex === b.linkIndex && a.mac === b.mac && a.destination === b.destination;
}

/** With a destination it is a VXLAN device's own table, without one that of the bridge the link is a port of. */
function requireTable(namespace: FakeNamespace, entry: ForwardingEntry): void {
  const link = requireLink(namespace, entry.linkIndex);
  if (entry.destination === undefined ? link.master === 0 : link.kind !== "vxlan") refuse("EOPNOTSUPP");
}
