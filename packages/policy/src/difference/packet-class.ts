import type { Address, Family } from "@ocicat/net";
import type { Endpoint } from "../model/endpoint.ts";
import type { PolicyModel } from "../model/model.ts";
import { hasPorts, type Packet, Protocol } from "../model/packet.ts";
import type { End, Rule } from "../model/rule.ts";
import { rulesOf } from "./rules.ts";

/** Packets between two ends that no rule tells apart. */
export interface PacketClass {
  readonly protocol: number;
  /** No rule names the protocol, and it stands for all such. */
  readonly isOther: boolean;
  readonly ports: Range | undefined;
  readonly sourcePorts: Range | undefined;
  /** Of ICMP and ICMPv6; `type` undefined: those that no rule names. */
  readonly icmp: { readonly type: number | undefined; readonly code: number | undefined } | undefined;
}

/** Both ends belong to it. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** What the rules of these models can tell apart, of packets of a family. */
export function packetClasses(models: readonly PolicyModel[], family: Family): readonly PacketClass[] {
  const rules = models.flatMap((model) => [...rulesOf(model)]);
  const [icmp, foreign] = family === 4 ? [Protocol.icmp, Protocol.icmpv6] : [Protocol.icmpv6, Protocol.icmp];
  const named = rules
    .flatMap(({ protocol, notProtocol }) => [protocol, notProtocol])
    .filter((one) => one !== undefined);
  const protocols = new Set([Protocol.tcp, Protocol.udp, icmp, ...named]);
  const own = [...protocols].filter((protocol) => protocol !== foreign).sort((a, b) => rank(a) - rank(b));
  return [
    ...own.flatMap((protocol) => classesOf(protocol, rules, models)),
    { protocol: unnamed(protocols), isOther: true, ports: undefined, sourcePorts: undefined, icmp: undefined },
  ];
}

/** Those that most rules are about come first; ICMP is in the same place in both families. */
function rank(protocol: number): number {
  const FIRST: readonly number[] = [Protocol.tcp, Protocol.udp, Protocol.sctp, Protocol.icmp];
  const place = FIRST.indexOf(protocol);
  if (protocol === Protocol.icmpv6) return rank(Protocol.icmp);
  return place < 0 ? 1_000 + protocol : place;
}

/** One packet of the class. */
export function packetOf(
  { protocol, ports, sourcePorts, icmp }: PacketClass,
  source: Address,
  destination: Address,
): Packet {
  return {
    source,
    destination,
    protocol,
    ...(ports === undefined ? {} : { destinationPort: ports.first, sourcePort: sourcePorts?.last ?? 65_535 }),
    ...(icmp === undefined ? {} : { icmp: { type: icmp.type ?? UNNAMED_ICMP, code: icmp.code ?? 0 } }),
  };
}

/** RFC 3692 §2.1 keeps 253 and 254 for experiments. */
function unnamed(protocols: ReadonlySet<number>): number {
  for (let protocol = 253; protocol > 0; protocol--) if (!protocols.has(protocol)) return protocol;
  return 255;
}

/** Not assigned (IANA, ICMP Type Numbers), nor a rule's: those end with 254. */
const UNNAMED_ICMP = 255;

function classesOf(protocol: number, rules: readonly Rule[], models: readonly PolicyModel[]): readonly PacketClass[] {
  const plain = { protocol, isOther: false, ports: undefined, sourcePorts: undefined, icmp: undefined };
  const own = rules.filter((rule) => rule.protocol === undefined || rule.protocol === protocol);
  if (protocol === Protocol.icmp || protocol === Protocol.icmpv6) {
    return icmpClasses(own).map((icmp) => ({ ...plain, icmp }));
  }
  if (!hasPorts(protocol)) return [plain];
  const endpoints = models.flatMap((model) => model.endpoints);
  const services = models
    .flatMap((model) => model.services)
    .flatMap((service) => service.endpoints)
    .flatMap(({ at }) => (at?.protocol === protocol ? [{ first: at.port, last: at.port }] : []));
  const destinations = [...own.flatMap(({ destination }) => rangesOf(destination, protocol, endpoints)), ...services];
  const sources = own.flatMap(({ source }) => rangesOf(source, protocol, endpoints));
  return segments(destinations).flatMap((ports) =>
    segments(sources).map((sourcePorts) => ({ ...plain, ports, sourcePorts })),
  );
}

function rangesOf({ ports, notPorts }: End, protocol: number, endpoints: readonly Endpoint[]): readonly Range[] {
  return [...ports, ...notPorts].flatMap((match) => {
    if (match.kind === "range") return [match];
    return endpoints
      .flatMap((endpoint) => endpoint.ports)
      .filter((port) => port.name === match.name && port.protocol === protocol)
      .map(({ port }) => ({ first: port, last: port }));
  });
}

/** All ports, cut where a range begins or ends. */
function segments(ranges: readonly Range[]): readonly Range[] {
  const starts = new Set([1, ...ranges.flatMap(({ first, last }) => [first, last + 1])]);
  const sorted = [...starts].filter((start) => start >= 1 && start <= 65_535).sort((a, b) => a - b);
  return sorted.map((first, index) => ({ first, last: (sorted[index + 1] ?? 65_536) - 1 }));
}

function icmpClasses(rules: readonly Rule[]): readonly NonNullable<PacketClass["icmp"]>[] {
  const matches = rules.flatMap(({ icmp, notIcmp }) => [icmp, notIcmp]).filter((match) => match !== undefined);
  const found = new Map(matches.map((match) => [`${match.type} ${match.code}`, match]));
  // A type of which a rule names a code is two classes: this code, and the others.
  for (const { type } of matches) found.set(`${type} undefined`, { type, code: undefined });
  const codes = [...found.values()].map(({ type, code }) => ({ type, code: code ?? unnamedCode(type, matches) }));
  return [{ type: undefined, code: undefined }, ...codes];
}

function unnamedCode(
  type: number,
  matches: readonly { readonly type: number; readonly code: number | undefined }[],
): number {
  const taken = new Set(matches.filter((match) => match.type === type).map(({ code }) => code));
  for (let code = 0; code < 255; code++) if (!taken.has(code)) return code;
  return 255;
}
