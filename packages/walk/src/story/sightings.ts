import type { Link } from "@ocicat/linux/kernel";
import { type Address, compareAddresses, formatAddress } from "@ocicat/net";
import { ARP_REPLY, ARP_REQUEST } from "../frame/arp.ts";
import { decodeFrame } from "../frame/decode.ts";
import { describeFrame } from "../frame/describe.ts";
import type { EthernetHeader } from "../frame/ethernet.ts";
import { ICMP6 } from "../frame/icmp6.ts";
import type { Header, Layer } from "../frame/layer.ts";
import type { Probe } from "../probe/probe.ts";
import { type Ends, endsOf, type IpHeader, innermost, type Role, roleOf } from "../probe/traces.ts";
import { plainHeader } from "./plain.ts";
import type { Place, SeenFrame, WalkRecord } from "./record.ts";
import type { FrameStep, Macs } from "./story.ts";

/** The packet, its answer or an error about it, on one interface. */
export interface Sighting {
  readonly place: Place;
  readonly link: Link;
  readonly outgoing: boolean;
  readonly time: bigint;
  readonly length: number;
  readonly role: Role;
  readonly text: string;
  readonly headers: readonly Header[];
  /** Of what travels, whatever is around it. */
  readonly inner: IpHeader;
  readonly ends: Ends;
  /** Of the inner packet; none of IPIP's, nor on an interface without. */
  readonly innerMacs: Macs | undefined;
  /** Around it, if it is in a tunnel here. */
  readonly outer: Outer | undefined;
}

export interface Outer {
  readonly mode: "ipip" | "vxlan";
  readonly ip: IpHeader;
  readonly macs: Macs | undefined;
  readonly vni: number | undefined;
  readonly port: number | undefined;
}

/** A question for a neighbour's link-layer address, or an answer. */
export interface NeighbourFrame {
  readonly place: Place;
  readonly link: Link;
  readonly outgoing: boolean;
  readonly time: bigint;
  readonly protocol: "arp" | "nd";
  readonly asks: boolean;
  readonly address: Address;
  /** Of who answers. */
  readonly mac: string | undefined;
}

export interface Seen {
  /** In the order of time. */
  readonly sightings: readonly Sighting[];
  readonly neighbours: readonly NeighbourFrame[];
}

/**
 * Whether an answer, or an error about the packet, has come back to where it was sent from. Looks at that place's frames
 * only, and at all of them: there are few.
 */
export function answeredIn(probe: Probe, frames: readonly SeenFrame[]): boolean {
  const own = (ends: Ends) =>
    ends.destinationPort === probe.identifier && compareAddresses(ends.destination, probe.source) === 0;
  return frames.some((frame) => {
    if (frame.outgoing || frame.forOthers) return false;
    const role = roleOf(probe, decodeFrame(frame.bytes, frame.linkType), own);
    return role === "reply" || role === "error";
  });
}

interface Decoded {
  readonly place: Place;
  readonly link: Link;
  readonly frame: SeenFrame;
  readonly layers: readonly Layer[];
}

/** All frames that have to do with the packet. What an interface took up though it was for another machine is none of them. */
export function allSeen(record: WalkRecord): Seen {
  const decoded = record.places
    .flatMap((place) => place.frames.flatMap((frame) => decode(place, frame)))
    .toSorted((a, b) => (a.frame.time < b.frame.time ? -1 : a.frame.time > b.frame.time ? 1 : 0));
  const requests = new Map<string, Set<string>>();
  const sightings = decoded.flatMap((one) => {
    const asked = requests.get(one.place.name) ?? new Set();
    requests.set(one.place.name, asked);
    const role = roleOf(record.probe, one.layers, (ends) => asked.has(keyOf(turned(ends))));
    const sighting = role === undefined || one.frame.forOthers ? undefined : sightingOf(one, role);
    if (sighting?.role === "request") asked.add(keyOf(sighting.ends));
    return sighting ?? [];
  });
  return { sightings, neighbours: decoded.flatMap((one) => neighbourFrame(one) ?? []) };
}

function decode(place: Place, frame: SeenFrame): Decoded | [] {
  const link = place.state.links.find(({ index }) => index === frame.linkIndex);
  if (link === undefined) return [];
  return { place, link, frame, layers: decodeFrame(frame.bytes, frame.linkType) };
}

function keyOf({ source, destination, sourcePort, destinationPort }: Ends): string {
  return `${formatAddress(source)} ${sourcePort} ${formatAddress(destination)} ${destinationPort}`;
}

function turned({ source, destination, sourcePort, destinationPort }: Ends): Ends {
  return { source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort };
}

function sightingOf({ place, link, frame, layers }: Decoded, role: Role): Sighting | undefined {
  const inner = innermost(layers);
  if (inner === undefined) return undefined;
  const headers = layers.filter((layer): layer is Header => layer.layer !== "payload" && layer.layer !== "cut");
  return {
    place,
    link,
    outgoing: frame.outgoing,
    time: frame.time,
    length: frame.length,
    role,
    text: describeFrame(layers),
    headers,
    inner: inner.ip,
    ends: endsOf(inner.ip, layers[inner.at + 1]),
    innerMacs: macsOf(layers[inner.at - 1]),
    outer: outerOf(layers, inner.at),
  };
}

function outerOf(layers: readonly Layer[], innerAt: number): Outer | undefined {
  const at = layers.findIndex((layer) => layer.layer === "ipv4" || layer.layer === "ipv6");
  const ip = layers[at];
  if (at === innerAt || (ip?.layer !== "ipv4" && ip?.layer !== "ipv6")) return undefined;
  const vxlan = layers.find((layer) => layer.layer === "vxlan");
  const udp = layers[at + 1];
  return {
    mode: vxlan === undefined ? "ipip" : "vxlan",
    ip,
    macs: macsOf(layers[at - 1]),
    vni: vxlan?.vni,
    port: udp?.layer === "udp" ? udp.destinationPort : undefined,
  };
}

function macsOf(layer: Layer | undefined): Macs | undefined {
  return layer?.layer === "ethernet" ? macs(layer) : undefined;
}

function macs({ source, destination }: EthernetHeader): Macs {
  return { source, destination };
}

function neighbourFrame({ place, link, frame, layers }: Decoded): NeighbourFrame | undefined {
  const base = { place, link, outgoing: frame.outgoing, time: frame.time };
  for (const layer of layers) {
    if (layer.layer === "arp" && layer.operation === ARP_REQUEST)
      return { ...base, protocol: "arp", asks: true, address: layer.target, mac: undefined };
    if (layer.layer === "arp" && layer.operation === ARP_REPLY)
      return { ...base, protocol: "arp", asks: false, address: layer.sender, mac: layer.senderMac };
    if (layer.layer === "icmp6" && layer.target !== undefined) {
      const asks = layer.type === ICMP6.neighbourSolicitation;
      return { ...base, protocol: "nd", asks, address: layer.target, mac: asks ? undefined : layer.mac };
    }
  }
  return undefined;
}

export function hopsLeft(ip: IpHeader): number {
  return ip.layer === "ipv4" ? ip.ttl : ip.hopLimit;
}

/** Of the packet alone, headers of tunnels not counted. */
export function sizeOf(ip: IpHeader): number {
  return ip.layer === "ipv4" ? ip.length : 40 + ip.payloadLength;
}

export function frameStep(sighting: Sighting, start: bigint): FrameStep {
  const { place, link, outgoing, time, length, inner, headers } = sighting;
  return {
    step: "frame",
    place: place.name,
    interface: link.name,
    interfaceIndex: link.index,
    direction: outgoing ? "out" : "in",
    microseconds: Number(time - start) / 1000,
    length,
    source: formatAddress(inner.source),
    destination: formatAddress(inner.destination),
    ttl: hopsLeft(inner),
    text: sighting.text,
    headers: headers.map(plainHeader),
  };
}
