import { type Address, formatAddress } from "@ocicat/net";
import { hasPorts, type Packet, Protocol } from "@ocicat/policy";
import type { Diagrams, Node } from "./space/diagram.ts";
import {
  type AddressLine,
  DIMENSIONS,
  type Dimension,
  dimension,
  MARK_BITS,
  markBit,
  STATES,
  type State,
} from "./space/header.ts";

/** One packet, with everything that rules can ask of it. */
export interface Probe {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  /** The bits of `tcp flags`. */
  readonly tcpFlags: number;
  readonly state: State;
  readonly mark: number;
  /** What a look-up among the connections that lost their permission says. */
  readonly revoked: boolean;
}

/** Values that say more to people than others, the best first; the first one also where nothing is asked. */
export type Wishes = Readonly<Partial<Record<Dimension, readonly number[]>>>;

/** The first packet of a connection by TCP to a port that people know, where it can be one. */
const WISHES: Wishes = {
  protocol: [Protocol.tcp, Protocol.udp, Protocol.icmp, Protocol.icmpv6, Protocol.sctp],
  sourcePort: [40_000],
  destinationPort: [80],
  icmpType: [8],
  tcpFlags: [2],
};

/** A packet that two diagrams judge differently. Throws RangeError if they are equal. */
export function tellApart(a: Node, b: Node, diagrams: Diagrams, addresses: AddressLine, wishes: Wishes): Probe {
  const all: Wishes = { ...WISHES, ...wishes };
  const values = new Map<number, number>();
  for (let [left, right] = [a, b]; ; ) {
    const asked = Math.min(diagrams.dimensionOf(left) ?? LEAF, diagrams.dimensionOf(right) ?? LEAF);
    if (asked === LEAF) return probeOf(values, all, addresses);
    const child = (node: Node, value: number) =>
      diagrams.dimensionOf(node) === asked ? diagrams.child(node, value) : node;
    const name = DIMENSIONS[asked];
    const value = [...((name && all[name]) ?? []), ...diagrams.valuesOf(left, right, asked)].find(
      (candidate) => child(left, candidate) !== child(right, candidate),
    );
    if (value === undefined) throw new RangeError("equal diagrams have no packet that tells them apart");
    values.set(asked, value);
    [left, right] = [child(left, value), child(right, value)];
  }
}

const LEAF = Number.POSITIVE_INFINITY;

function probeOf(values: ReadonlyMap<number, number>, wishes: Wishes, addresses: AddressLine): Probe {
  const value = (name: Dimension) => values.get(dimension[name]) ?? wishes[name]?.[0] ?? 0;
  let mark = 0;
  for (let bit = 0; bit < MARK_BITS; bit++) if (values.get(markBit(bit)) === 1) mark += 2 ** bit;
  return {
    source: addresses.addressIn(value("source")),
    destination: addresses.addressIn(value("destination")),
    protocol: value("protocol"),
    sourcePort: value("sourcePort"),
    destinationPort: value("destinationPort"),
    icmpType: value("icmpType"),
    icmpCode: value("icmpCode"),
    tcpFlags: value("tcpFlags"),
    state: STATES[value("state")] ?? "new",
    mark,
    revoked: value("revoked") === 1,
  };
}

/** Where the packet stands in each dimension. */
export function valueIn(probe: Probe, addresses: AddressLine): (of: number) => number {
  const values: Readonly<Record<Dimension, number>> = {
    ...probe,
    source: addresses.pieceOf(probe.source),
    destination: addresses.pieceOf(probe.destination),
    state: STATES.indexOf(probe.state),
    revoked: probe.revoked ? 1 : 0,
  };
  return (of) => {
    const name = DIMENSIONS[of];
    return name === undefined ? (probe.mark >>> (of - markBit(0))) & 1 : values[name];
  };
}

/** As policy sees it. */
export function packetOf(probe: Probe): Packet {
  const { source, destination, protocol, sourcePort, destinationPort, icmpType: type, icmpCode: code } = probe;
  return {
    source,
    destination,
    protocol,
    ...(hasPorts(protocol) ? { sourcePort, destinationPort } : {}),
    ...(isIcmp(protocol) ? { icmp: { type, code } } : {}),
  };
}

/** `tcp 10.65.0.1:40000 → 10.65.0.2:80, new`. */
export function describeProbe(probe: Probe): string {
  const { protocol, source, destination, sourcePort, destinationPort, icmpType, icmpCode } = probe;
  const name = PROTOCOL_NAMES.get(protocol) ?? `protocol ${protocol}`;
  const end = (address: Address, port: number) => {
    if (!hasPorts(protocol)) return formatAddress(address);
    return typeof address === "number" ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
  };
  const notes = [
    ...(isIcmp(protocol) ? [`type ${icmpType} code ${icmpCode}`] : []),
    ...(protocol === Protocol.tcp && (probe.tcpFlags & 2) === 0 ? ["not a SYN"] : []),
    probe.state,
    ...(probe.mark === 0 ? [] : [`mark 0x${probe.mark.toString(16)}`]),
    ...(probe.revoked ? ["of a connection that lost its permission"] : []),
  ];
  return `${name} ${end(source, sourcePort)} → ${end(destination, destinationPort)}, ${notes.join(", ")}`;
}

const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Protocol).map(([name, number]) => [number, name]),
);

function isIcmp(protocol: number): boolean {
  return protocol === Protocol.icmp || protocol === Protocol.icmpv6;
}
