import type { Link } from "@ocicat/linux/kernel";
import { type Address, compareAddresses, formatAddress } from "@ocicat/net";
import { NAT_TABLES, type Rule, renderBody } from "@ocicat/nftables";
import type { IpHeader } from "../probe/traces.ts";
import { findRoute, routeStep } from "./lookup.ts";
import { neighbourStep } from "./neighbours.ts";
import type { Place } from "./record.ts";
import { frameStep, hopsLeft, type NeighbourFrame, type Sighting } from "./sightings.ts";
import type { CableEnd, Macs, Step, TranslationStep, TunnelStep } from "./story.ts";

export interface WayOptions {
  /** Of one packet, in the order of time. */
  readonly sightings: readonly Sighting[];
  readonly neighbours: readonly NeighbourFrame[];
  /** When the first frame of all was seen. */
  readonly start: bigint;
}

/** From sightings to steps: between two of them stands what must have happened, with what the kernel there held. */
export function wayOf({ sightings, neighbours, start }: WayOptions): readonly Step[] {
  const steps = sightings.flatMap((here, index) => [
    ...transition(sightings[index - 1], here, neighbours),
    frameStep(here, start),
  ]);
  const last = sightings.at(-1);
  return last === undefined || last.outgoing ? steps : [...steps, ...arrival(last)];
}

function transition(
  before: Sighting | undefined,
  here: Sighting,
  neighbours: readonly NeighbourFrame[],
): readonly Step[] {
  if (before === undefined) {
    if (!here.outgoing) return [];
    return departure(here.place, here.inner.source, here.inner.destination, neighbours, here.link);
  }
  if (before.place !== here.place) return cable(before, here);
  if (!here.outgoing) return before.outer === undefined || here.outer !== undefined ? [] : [leaving(before, here)];
  if (before.outer === undefined && here.outer !== undefined && before.outgoing)
    return entering(before, here, neighbours);
  return forwarded(before, here, neighbours);
}

/** Where a packet begins: the route, and where the next hop is. `towards`: the interface it was seen to leave by. */
export function departure(
  place: Place,
  source: Address,
  destination: Address,
  neighbours: readonly NeighbourFrame[],
  towards?: Link,
): readonly Step[] {
  const found = findRoute(place.state, source, destination, towards?.index);
  const link = towards ?? found.link;
  const next = link && neighbourStep(place, link, found.hop?.via ?? destination, neighbours);
  return [routeStep(place, destination, found), ...(next === undefined ? [] : [next])];
}

function forwarded(before: Sighting, here: Sighting, neighbours: readonly NeighbourFrame[]): readonly Step[] {
  const { place, link } = here;
  const [came, goes] = routedHeaders(before, here);
  const found = findRoute(place.state, came.ip.source, goes.ip.destination, link.index);
  const next = neighbourStep(place, link, found.hop?.via ?? goes.ip.destination, neighbours);
  return [
    ...translation(before, here, "destination"),
    routeStep(place, goes.ip.destination, found),
    ...translation(before, here, "source"),
    ...(next === undefined ? [] : [next]),
    {
      step: "forward",
      place: place.name,
      from: before.link.name,
      to: link.name,
      ttl: { before: hopsLeft(came.ip), after: hopsLeft(goes.ip) },
      macs: { before: came.macs ?? null, after: goes.macs ?? null },
    },
  ];
}

interface RoutedHeaders {
  readonly ip: IpHeader;
  readonly macs: Macs | undefined;
}

/** What a place routes by: within a tunnel, where it only passes through, what is around the packet. */
function routedHeaders(before: Sighting, here: Sighting): readonly [RoutedHeaders, RoutedHeaders] {
  if (before.outer !== undefined && here.outer !== undefined) return [before.outer, here.outer];
  return [
    { ip: before.inner, macs: before.innerMacs },
    { ip: here.inner, macs: here.innerMacs },
  ];
}

/** Out by a tunnel's device, and then by the interface that the wrapped packet takes. */
function entering(before: Sighting, here: Sighting, neighbours: readonly NeighbourFrame[]): readonly Step[] {
  const { place, link, outer } = here;
  if (outer === undefined) return [];
  const found = findRoute(place.state, outer.ip.source, outer.ip.destination, link.index);
  const next = neighbourStep(place, link, found.hop?.via ?? outer.ip.destination, neighbours);
  return [
    tunnelStep("encapsulate", here, before),
    routeStep(place, outer.ip.destination, found),
    ...(next === undefined ? [] : [next]),
  ];
}

function leaving(before: Sighting, here: Sighting): Step {
  return tunnelStep("decapsulate", before, here);
}

/** `wrapped`: on the interface underneath; `bare`: on the tunnel's own device. */
function tunnelStep(step: TunnelStep["step"], wrapped: Sighting, bare: Sighting): TunnelStep {
  const { outer } = wrapped;
  if (outer === undefined) throw new TypeError("a tunnel step needs the packet around the packet");
  return {
    step,
    place: wrapped.place.name,
    mode: outer.mode,
    interface: bare.link.name,
    outer: {
      source: formatAddress(outer.ip.source),
      destination: formatAddress(outer.ip.destination),
      ttl: hopsLeft(outer.ip),
      protocol: outer.ip.protocol,
      macs: outer.macs ?? null,
    },
    innerMacs: wrapped.innerMacs !== undefined && outer.mode === "vxlan" ? wrapped.innerMacs : null,
    vni: outer.vni ?? null,
    port: outer.port ?? null,
    overhead:
      wrapped.length -
      (wrapped.link.mac === undefined ? 0 : ETHERNET) -
      (bare.length - (bare.link.mac === undefined ? 0 : ETHERNET)),
  };
}

const ETHERNET = 14;

function translation(before: Sighting, here: Sighting, field: "source" | "destination"): readonly TranslationStep[] {
  const port = field === "source" ? "sourcePort" : "destinationPort";
  if (compareAddresses(before.ends[field], here.ends[field]) === 0 && before.ends[port] === here.ends[port]) return [];
  const text = ({ ends }: Sighting) =>
    hasPorts(here) ? `${formatAddress(ends[field])}:${ends[port]}` : formatAddress(ends[field]);
  if (text(before) === text(here)) return [];
  // An answer is turned back by the connection's entry, and by no rule.
  const rule = here.role === "request" && field === "source" ? masqueradeIn(here.place) : undefined;
  return [
    {
      step: "translate",
      place: here.place.name,
      field,
      before: text(before),
      after: text(here),
      rule: rule === undefined ? null : renderBody(rule.body),
      why: rule === undefined || rule.origin.reason === "" ? null : rule.origin.reason,
    },
  ];
}

function hasPorts({ headers }: Sighting): boolean {
  const last = headers.at(-1);
  return last?.layer === "tcp" || last?.layer === "udp";
}

/** Ours, or the only one that there is: which of several strangers' it was cannot be seen. */
function masqueradeIn(place: Place): Rule | undefined {
  const rules = place.state.tables.flatMap(({ name, chains }) =>
    chains
      .filter((chain) => chain.kind === "baseChain" && chain.hook === "postrouting")
      .flatMap((chain) => chain.rules)
      .filter((rule) => rule.body.some((expression) => expression.kind === "masquerade"))
      .map((rule) => ({ rule, ours: OUR_NAT.has(name) })),
  );
  return (rules.find(({ ours }) => ours) ?? (rules.length === 1 ? rules[0] : undefined))?.rule;
}

const OUR_NAT: ReadonlySet<string> = new Set(Object.values(NAT_TABLES).map(({ name }) => name));

function cable(before: Sighting, here: Sighting): readonly Step[] {
  if (!areEnds(before, here)) return [];
  return [{ step: "cable", from: endOf(before), to: endOf(here) }];
}

/** A pod's interface and its host's end, which say each other's number; and the host is the pod's. */
function areEnds(a: Sighting, b: Sighting): boolean {
  const related = a.place.node === b.place.name || b.place.node === a.place.name;
  return related && a.link.peerIndex === b.link.index && b.link.peerIndex === a.link.index;
}

function endOf({ place, link }: Sighting): CableEnd {
  return { place: place.name, interface: link.name, index: link.index, peerIndex: link.peerIndex ?? 0 };
}

/** What became of a packet that came in and was not seen again. */
function arrival(last: Sighting): readonly Step[] {
  const { place, link, inner, outer } = last;
  const { source, destination } = outer?.ip ?? inner;
  const step = routeStep(place, destination, findRoute(place.state, source, destination));
  // At a tunnel's end it is the packet inside that is to be routed, and that has not come out.
  if (outer !== undefined) return step.meaning === "local" ? [] : [step];
  if (step.meaning !== "local") return [step];
  return [step, { step: "deliver", place: place.name, interface: link.name, address: formatAddress(destination) }];
}
