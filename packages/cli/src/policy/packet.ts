import { OcicatError } from "@ocicat/kit";
import { type Address, type Family, familyOf, formatAddress } from "@ocicat/net";
import { hasPorts, type Packet, Protocol, protocolName } from "@ocicat/policy";
import type { PacketOptions } from "../options/policy.ts";
import type { PacketEnd } from "./ends.ts";

/** What a connection's first packet is made of, besides its addresses. */
export interface Wanted {
  /** ICMP stands for ICMPv6 where the addresses are of IPv6. */
  readonly protocol: number;
  readonly port: number | undefined;
  readonly sourcePort: number | undefined;
}

/** From the first of the range that kernels choose from by themselves. */
const SOURCE_PORT = 40_000;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;

/** A packet of TCP where a port is given and nothing else; an echo request where nothing is. Throws OcicatError CLI_ARGUMENTS. */
export function readWanted(options: PacketOptions): Wanted {
  const name = options.proto ?? options.protocol;
  const port = options.port === undefined ? undefined : within("--port", options.port, 1, 65_535);
  const protocol = name === undefined ? (port === undefined ? Protocol.icmp : Protocol.tcp) : protocolOf(name);
  if (hasPorts(protocol) && port === undefined) throw bad("--proto", `${name} needs a port`, "give --port as well");
  if (!hasPorts(protocol) && port !== undefined) throw bad("--port", `${name} has no ports`, "leave it out");
  const sourcePort =
    options.sourcePort === undefined ? undefined : within("--source-port", options.sourcePort, 1, 65_535);
  return { protocol, port, sourcePort };
}

/** By IPv4 where both ends have it, unless told. Throws OcicatError WALK_NO_ADDRESS. */
export function packetBetween(from: PacketEnd, to: PacketEnd, wanted: Wanted, ipv6: boolean | undefined): Packet {
  for (const family of ipv6 === true ? ([6] as const) : ([4, 6] as const)) {
    const source = from.addresses.find((address) => familyOf(address) === family);
    const destination = to.addresses.find((address) => familyOf(address) === family);
    if (source !== undefined && destination !== undefined) return packetOf(source, destination, family, wanted);
  }
  const listed = (addresses: readonly Address[]) => addresses.map(formatAddress).join(", ") || "none";
  throw new OcicatError({
    code: "WALK_NO_ADDRESS",
    what: `${from.name} and ${to.name} have no address of one family`,
    why: `${listed(from.addresses)}; and ${listed(to.addresses)}`,
  });
}

function packetOf(source: Address, destination: Address, family: Family, wanted: Wanted): Packet {
  const { protocol, port, sourcePort = SOURCE_PORT } = wanted;
  if (protocol === Protocol.icmp || protocol === Protocol.icmpv6) {
    const number = family === 4 ? Protocol.icmp : Protocol.icmpv6;
    return { source, destination, protocol: number, icmp: { type: ECHO_REQUEST[family], code: 0 } };
  }
  return { source, destination, protocol, ...(port === undefined ? {} : { sourcePort, destinationPort: port }) };
}

/** `TCP 80`, `ICMP`, `protocol 47`. */
export function packetText({ protocol, destinationPort }: Packet): string {
  return `${protocolName(protocol)}${destinationPort === undefined ? "" : ` ${destinationPort}`}`;
}

function protocolOf(text: string): number {
  const known: Readonly<Record<string, number>> = Protocol;
  const name = text.toLowerCase();
  const named = Object.hasOwn(known, name) ? known[name] : undefined;
  if (named !== undefined) return named;
  const number = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= 255) return number;
  throw bad("--proto", `"${text}" is not a protocol`, `use ${Object.keys(known).join(", ")}, or a number up to 255`);
}

function within(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw bad(option, `"${text}" is not a number from ${least} to ${most}`);
}

function bad(where: string, what: string, fix?: string): OcicatError {
  return new OcicatError({ code: "CLI_ARGUMENTS", where, what, fix });
}
