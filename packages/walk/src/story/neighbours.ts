import type { Link } from "@ocicat/linux/kernel";
import { type Address, compareAddresses, familyOf, formatAddress } from "@ocicat/net";
import type { Place } from "./record.ts";
import type { NeighbourFrame } from "./sightings.ts";
import type { NeighbourStep } from "./story.ts";

/** NUD_*, as `ip neigh` names them. */
const STATES: Readonly<Record<number, string>> = {
  1: "INCOMPLETE",
  2: "REACHABLE",
  4: "STALE",
  8: "DELAY",
  16: "PROBE",
  32: "FAILED",
  64: "NOARP",
  128: "PERMANENT",
};

/**
 * How a place found the link-layer address of a next hop. Undefined if there was nothing to find: an interface without
 * link-layer addresses, a loop.
 */
export function neighbourStep(
  place: Place,
  link: Link,
  address: Address,
  frames: readonly NeighbourFrame[],
): NeighbourStep | undefined {
  if (link.mac === undefined || link.loopback) return undefined;
  const about = frames.filter((frame) => compareAddresses(frame.address, address) === 0);
  const here = about.filter((frame) => frame.place === place && frame.link.index === link.index);
  const asked = here.some((frame) => frame.asks && frame.outgoing);
  const answer = here.find((frame) => !frame.asks && !frame.outgoing);
  const entry = place.state.neighbours.find(
    (neighbour) => neighbour.linkIndex === link.index && compareAddresses(neighbour.address, address) === 0,
  );
  const mac = answer?.mac ?? entry?.mac ?? null;
  return {
    step: "neighbour",
    place: place.name,
    interface: link.name,
    address: formatAddress(address),
    mac,
    how: asked ? (answer === undefined ? "unanswered" : "asked") : "known",
    protocol: familyOf(address) === 4 ? "arp" : "nd",
    state: entry === undefined ? null : (STATES[entry.state] ?? String(entry.state)),
    answeredBy: answer === undefined ? null : answererOf(about, answer),
    tunnelTo: link.kind === "vxlan" ? tunnelEnd(place, link, mac) : null,
  };
}

/** Every gateway answers alike: what was sent last before the answer came is the answer. */
function answererOf(about: readonly NeighbourFrame[], { mac, time }: NeighbourFrame): NeighbourStep["answeredBy"] {
  const sent = about.findLast((frame) => !frame.asks && frame.outgoing && frame.mac === mac && frame.time <= time);
  if (sent === undefined) return null;
  const { place, link, address } = sent;
  return {
    place: place.name,
    interface: link.name,
    hasAddress: place.state.addresses.some((own) => compareAddresses(own.address, address) === 0),
    proxyArp: place.state.settings.get(link.index)?.proxyArp ?? false,
  };
}

/** The node that a VXLAN device sends what is for a MAC to. */
export function tunnelEnd(place: Place, link: Link, mac: string | null): string | null {
  const entry = place.state.forwardingEntries.find((one) => one.linkIndex === link.index && one.mac === mac);
  return entry?.destination === undefined ? null : formatAddress(entry.destination);
}
