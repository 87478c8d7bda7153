import type { Link } from "@ocicat/linux/kernel";
import { type Address, familyOf, parseAddress } from "@ocicat/net";
import { IP_PROTOCOL } from "../frame/ip-protocol.ts";
import { VXLAN_PORT } from "../frame/udp.ts";
import { findRoute } from "./lookup.ts";
import { neighbourStep, tunnelEnd } from "./neighbours.ts";
import { hasAddress, notUp, obstacles, reversePath, type Traveller } from "./obstacles.ts";
import type { Place, WalkRecord } from "./record.ts";
import { hopsLeft, type Seen, type Sighting, sizeOf } from "./sightings.ts";
import type { Loss, Reason, StoryError } from "./story.ts";

/** Why a packet was not seen again: what there is against it where it was seen last. `last`: undefined if nowhere. */
export function explainLoss(
  record: WalkRecord,
  seen: Seen,
  of: Loss["of"],
  last: Sighting | undefined,
  errors: readonly StoryError[],
): Loss {
  const told = errors.map(({ place, says, from, mtu }): Reason => ({ reason: "icmp", place, says, from, mtu }));
  const found = last === undefined ? neverLeft(record, seen) : afterwards(record, seen, of, last);
  const reasons = [...told, ...found];
  const where = last?.place.name ?? record.from;
  return {
    of,
    last:
      last === undefined
        ? null
        : { place: last.place.name, interface: last.link.name, direction: last.outgoing ? "out" : "in" },
    reasons: reasons.length > 0 ? reasons : [{ reason: "unknown", place: where }],
  };
}

function neverLeft(record: WalkRecord, seen: Seen): readonly Reason[] {
  const place = record.places.find(({ name }) => name === record.from);
  if (place === undefined) return [];
  const found = obstacles(place, ownPacket(record), undefined, seen.neighbours);
  const { refused } = record;
  const said: readonly Reason[] =
    refused === undefined ? [] : [{ reason: "refused", place: place.name, errno: refused }];
  return [...said, ...found, ...behind(record, place, found)];
}

function afterwards(record: WalkRecord, seen: Seen, of: Loss["of"], last: Sighting): readonly Reason[] {
  if (last.outgoing) return onTheWire(record, seen, last);
  const { place, link } = last;
  if (last.outer !== undefined && hasAddress(place, last.outer.ip.destination)) return wrapped(last, seen);
  const found = obstacles(place, travellerOf(last, of), link, seen.neighbours);
  return [...found, ...behind(record, place, found)];
}

/** It came in a tunnel's packet, to the tunnel's end, and nothing came out of the tunnel's device. */
function wrapped(last: Sighting, seen: Seen): readonly Reason[] {
  const { place, link, outer } = last;
  if (outer === undefined) return [];
  const device = place.state.links.find(
    ({ tunnel }) => tunnel?.kind === outer.mode && (tunnel.kind !== "vxlan" || tunnel.id === outer.vni),
  );
  const missing: readonly Reason[] =
    device === undefined
      ? [{ reason: "no-tunnel-device", place: place.name, mode: outer.mode }]
      : notUp(place, { ...device, running: true });
  return [
    ...missing,
    ...obstacles(
      place,
      outerTraveller(outer.mode, outer.ip.source, outer.ip.destination, hopsLeft(outer.ip), last.length),
      link,
      seen.neighbours,
    ),
  ];
}

/** Sent, and not seen at any other end. */
function onTheWire(record: WalkRecord, seen: Seen, last: Sighting): readonly Reason[] {
  const { place, link } = last;
  if (last.outer === undefined && (link.kind === "vxlan" || link.kind === "ipip")) return intoTunnel(seen, last);
  const other = otherEnd(record, place, link);
  if (other !== undefined) return other.reasons;
  const mac = (last.outer === undefined ? last.innerMacs : last.outer.macs)?.destination;
  if (mac === undefined || record.partial) return [];
  const owners = record.places.flatMap((one) =>
    one.state.links.filter((own) => own.mac === mac).map((own) => ({ one, own })),
  );
  if (owners.length === 0) return [{ reason: "mac-of-nobody", place: place.name, interface: link.name, mac }];
  return owners.flatMap(({ one, own }) => notUp(one, own));
}

/** By the tunnel's device, and by no interface after it. */
function intoTunnel(seen: Seen, last: Sighting): readonly Reason[] {
  const { place, link, inner } = last;
  const { hop } = findRoute(place.state, inner.source, inner.destination, link.index);
  const mode = link.kind === "vxlan" ? "vxlan" : "ipip";
  const remote = link.tunnel?.kind === "ipip" ? link.tunnel.remote : undefined;
  const end = mode === "vxlan" ? vtepOf(seen, last, hop?.via) : (remote ?? hop?.via);
  if (end === undefined) {
    const mac = last.innerMacs?.destination ?? "";
    return mode === "vxlan" ? [{ reason: "no-forwarding-entry", place: place.name, interface: link.name, mac }] : [];
  }
  const source = link.tunnel?.local ?? end;
  const size = sizeOf(inner) + (mode === "vxlan" ? VXLAN_OVERHEAD[familyOf(end)] : IPIP_OVERHEAD);
  return obstacles(place, outerTraveller(mode, source, end, 64, size), undefined, seen.neighbours);
}

const IPIP_OVERHEAD = 20;
/** IP, UDP, VXLAN and the inner Ethernet header. */
const VXLAN_OVERHEAD = { 4: 50, 6: 70 } as const;

function vtepOf(seen: Seen, { place, link, innerMacs }: Sighting, via: Address | undefined): Address | undefined {
  const step = via === undefined ? undefined : neighbourStep(place, link, via, seen.neighbours);
  const end = tunnelEnd(place, link, innerMacs?.destination ?? step?.mac ?? null);
  return end === null ? undefined : parseAddress(end);
}

/** Where a neighbour did not answer: what is wrong at the other end of the cable, if that is known. */
function behind(record: WalkRecord, place: Place, reasons: readonly Reason[]): readonly Reason[] {
  return reasons.flatMap((reason) => {
    if (reason.reason !== "no-neighbour") return [];
    const link = place.state.links.find(({ name }) => name === reason.interface);
    const other = link === undefined ? undefined : otherEnd(record, place, link);
    if (other === undefined) return [];
    const { end } = other;
    if (end === undefined) return other.reasons;
    // A question is answered on another's behalf only where a packet from the asker would be let in.
    const refused = reversePath(end.place, askerOf(record, place, reason.address), end.link);
    const silent =
      end.place.kind === "node" &&
      !hasAddress(end.place, parseAddress(reason.address)) &&
      end.place.state.settings.get(end.link.index)?.proxyArp === false;
    const off = silent ? [{ reason: "no-proxy-arp", place: end.place.name, interface: end.link.name } as const] : [];
    return [...other.reasons, ...off, ...refused];
  });
}

/** An ARP question as a packet: its sender's address, and the one that is asked for. */
function askerOf(record: WalkRecord, place: Place, asked: string): Pick<Traveller, "source" | "destination"> {
  const destination = parseAddress(asked);
  const own = place.state.addresses.find(
    ({ address, scope }) => familyOf(address) === familyOf(destination) && scope === 0,
  );
  return { source: own?.address ?? record.probe.source, destination };
}

interface OtherEnd {
  readonly end: { readonly place: Place; readonly link: Link } | undefined;
  readonly reasons: readonly Reason[];
}

/** The other end of a pod's cable; undefined if the link is none. */
function otherEnd(record: WalkRecord, place: Place, link: Link): OtherEnd | undefined {
  if (link.peerIndex === undefined) return undefined;
  const related = record.places.filter((other) => other.node === place.name || place.node === other.name);
  for (const other of related) {
    const end = other.state.links.find(({ index, peerIndex }) => index === link.peerIndex && peerIndex === link.index);
    if (end !== undefined) return { end: { place: other, link: end }, reasons: notUp(other, end) };
  }
  if (place.kind !== "pod") return undefined;
  return {
    end: undefined,
    reasons: [{ reason: "interface-gone", place: place.node ?? place.name, interface: link.name }],
  };
}

const NUMBERS = { tcp: () => IP_PROTOCOL.tcp, udp: () => IP_PROTOCOL.udp } as const;

function protocolOf(record: WalkRecord): number {
  const { protocol, source } = record.probe;
  if (protocol === "icmp") return familyOf(source) === 4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmp6;
  return NUMBERS[protocol]();
}

function ownPacket(record: WalkRecord): Traveller {
  const { source, destination, identifier, port, size } = record.probe;
  return {
    source,
    destination,
    protocol: protocolOf(record),
    sourcePort: port === undefined ? undefined : identifier,
    destinationPort: port,
    hops: 64,
    size,
    answers: false,
  };
}

function travellerOf(sighting: Sighting, of: Loss["of"]): Traveller {
  const { inner, ends, outer } = sighting;
  if (outer !== undefined)
    return outerTraveller(outer.mode, outer.ip.source, outer.ip.destination, hopsLeft(outer.ip), sizeOf(outer.ip));
  const hasPorts = inner.protocol === IP_PROTOCOL.tcp || inner.protocol === IP_PROTOCOL.udp;
  return {
    source: inner.source,
    destination: inner.destination,
    protocol: inner.protocol,
    sourcePort: hasPorts ? ends.sourcePort : undefined,
    destinationPort: hasPorts ? ends.destinationPort : undefined,
    hops: hopsLeft(inner),
    size: sizeOf(inner),
    answers: of === "reply",
  };
}

function outerTraveller(
  mode: "ipip" | "vxlan",
  source: Address,
  destination: Address,
  hops: number,
  size: number,
): Traveller {
  const vxlan = mode === "vxlan";
  return {
    source,
    destination,
    protocol: vxlan ? IP_PROTOCOL.udp : IP_PROTOCOL.ipip,
    sourcePort: undefined,
    destinationPort: vxlan ? VXLAN_PORT : undefined,
    hops,
    size,
    answers: false,
  };
}
