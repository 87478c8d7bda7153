import type { Link } from "@ocicat/linux/kernel";
import { type Address, compareAddresses, familyOf, formatAddress } from "@ocicat/net";
import { CT_STATES, type Drop, describeRule, dropsAt, GUARD_TABLE, type Hook } from "@ocicat/nftables";
import { type Found, findRoute, routeText, whyOf } from "./lookup.ts";
import { neighbourStep, tunnelEnd } from "./neighbours.ts";
import type { Place } from "./record.ts";
import type { NeighbourFrame } from "./sightings.ts";
import type { Reason } from "./story.ts";

/** A packet as a place has it before it. */
export interface Traveller {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  /** TTL or hop limit, as it came in; what the place itself sends has enough. */
  readonly hops: number;
  /** Bytes, IP header included. */
  readonly size: number;
  /** It answers something: its connection is known. */
  readonly answers: boolean;
}

/**
 * Everything in a place that keeps a packet from going on, in the order in which the kernel comes by it. Without
 * `incoming` the place sends it itself.
 */
export function obstacles(
  place: Place,
  packet: Traveller,
  incoming: Link | undefined,
  neighbours: readonly NeighbourFrame[],
): readonly Reason[] {
  const found = findRoute(place.state, packet.source, packet.destination);
  const local = found.route?.kind === "local";
  const drops = (hook: Hook, outgoing: Link | undefined) => dropReasons(place, hook, packet, incoming, outgoing);
  if (incoming === undefined) {
    return [
      ...dead(place, packet, found),
      ...drops("output", found.link),
      ...onwards(place, packet, found, neighbours),
    ];
  }
  const before = [...drops("prerouting", undefined), ...reversePath(place, packet, incoming)];
  if (local) return [...before, ...drops("input", undefined)];
  return [
    ...before,
    ...dead(place, packet, found),
    ...notForwarding(place, incoming),
    ...(packet.hops <= 1 ? [{ reason: "ttl", place: place.name } as const] : []),
    ...drops("forward", found.link),
    ...onwards(place, packet, found, neighbours),
  ];
}

/** No route, or one that leads nowhere. */
function dead(place: Place, { destination }: Traveller, { route }: Found): readonly Reason[] {
  const to = formatAddress(destination);
  if (route === undefined) return [{ reason: "no-route", place: place.name, destination: to }];
  if (route.nextHops.length > 0 || route.kind === "local") return [];
  const text = routeText(route, place.state.links);
  return [
    {
      reason: "dead-route",
      place: place.name,
      destination: to,
      kind: route.kind,
      route: text,
      why: whyOf(place, route),
    },
  ];
}

/** From the route to the interface, and to the neighbour behind it. */
function onwards(
  place: Place,
  packet: Traveller,
  { route, hop, link }: Found,
  neighbours: readonly NeighbourFrame[],
): readonly Reason[] {
  if (route === undefined || link === undefined || route.kind === "local") return [];
  const mtu = route.mtu ?? link.mtu;
  return [
    ...notUp(place, link),
    ...(packet.size > mtu
      ? [{ reason: "too-big", place: place.name, interface: link.name, mtu, size: packet.size } as const]
      : []),
    ...dropReasons(place, "postrouting", packet, undefined, link),
    ...noNeighbour(place, link, hop?.via ?? packet.destination, neighbours),
  ];
}

export function notUp(place: Place, link: Link): readonly Reason[] {
  if (link.up && link.running) return [];
  return [{ reason: "interface-down", place: place.name, interface: link.name, carrier: link.running }];
}

const FAILED: ReadonlySet<string | null> = new Set(["FAILED", "INCOMPLETE"]);

function noNeighbour(place: Place, link: Link, address: Address, frames: readonly NeighbourFrame[]): readonly Reason[] {
  const step = neighbourStep(place, link, address, frames);
  if (step === undefined) return [];
  if (step.how === "unanswered" || FAILED.has(step.state)) {
    const { state } = step;
    const asked = step.how === "unanswered";
    return [{ reason: "no-neighbour", place: place.name, interface: link.name, address: step.address, asked, state }];
  }
  if (link.kind !== "vxlan" || step.mac === null || tunnelEnd(place, link, step.mac) !== null) return [];
  return [{ reason: "no-forwarding-entry", place: place.name, interface: link.name, mac: step.mac }];
}

function notForwarding(place: Place, incoming: Link): readonly Reason[] {
  if (place.state.settings.get(incoming.index)?.forwarding ?? true) return [];
  return [{ reason: "no-forwarding", place: place.name, interface: incoming.name }];
}

const STRICT = 1;

/** Reverse path filtering (ip-sysctl: rp_filter). IPv4 only. */
export function reversePath(
  place: Place,
  { source, destination }: Pick<Traveller, "source" | "destination">,
  incoming: Link,
): readonly Reason[] {
  const mode = place.state.settings.get(incoming.index)?.rpFilter ?? 0;
  if (mode === 0 || familyOf(source) !== 4 || incoming.loopback) return [];
  const { route, link } = findRoute(place.state, destination, source, incoming.index);
  const strict = mode === STRICT;
  if (route !== undefined && route.nextHops.length > 0 && (!strict || link?.index === incoming.index)) return [];
  const text = route === undefined ? null : routeText(route, place.state.links);
  return [
    {
      reason: "rp-filter",
      place: place.name,
      interface: incoming.name,
      strict,
      source: formatAddress(source),
      route: text,
    },
  ];
}

function dropReasons(
  place: Place,
  hook: Hook,
  packet: Traveller,
  incoming: Link | undefined,
  outgoing: Link | undefined,
): readonly Reason[] {
  const { source, destination, protocol, sourcePort, destinationPort } = packet;
  const facts = {
    source,
    destination,
    protocol,
    sourcePort,
    destinationPort,
    incoming: incoming?.name ?? "",
    outgoing: outgoing?.name ?? "",
    incomingGroup: incoming?.group,
    outgoingGroup: outgoing?.group,
    state: packet.answers ? CT_STATES.established : CT_STATES.new,
  };
  return dropsAt(place.state.tables, hook, facts).map((drop) => dropReason(place, drop, (incoming ?? outgoing)?.name));
}

function dropReason(place: Place, drop: Drop, link: string | undefined): Reason {
  const { table, base, chain, rule, certain } = drop;
  const text = rule === undefined ? null : describeRule(rule);
  if (table.name === GUARD_TABLE.name && text !== null) {
    return { reason: "guard", place: place.name, interface: link ?? "", hook: base.hook, rule: text };
  }
  const name = `${table.family} ${table.name}`;
  return { reason: "rule", place: place.name, table: name, chain: chain.name, hook: base.hook, rule: text, certain };
}

export function hasAddress(place: Place, address: Address): boolean {
  return place.state.addresses.some((own) => compareAddresses(own.address, address) === 0);
}
