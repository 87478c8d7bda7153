import { type Address, addressFromBytes, ByteReader, TruncatedError } from "@ocicat/net";

/** What the beginning of an IP packet says of it. */
export interface IpHeader {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  readonly icmp: { readonly type: number; readonly code: number } | undefined;
  readonly length: number;
}

const ICMP = 1;
const ICMPV6 = 58;
/** TCP, UDP, DCCP, SCTP, UDPLite: a header that begins with two ports. */
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

const FRAGMENT = 44;
const AUTHENTICATION = 51;
/** Hop-by-hop options, routing, fragment, authentication, destination options. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, FRAGMENT, AUTHENTICATION, 60]);

/** Undefined for what is not IP, or is cut short before its addresses. What is cut short behind them is left out. */
export function ipHeaderOf(bytes: Uint8Array): IpHeader | undefined {
  try {
    const version = (bytes[0] ?? 0) >> 4;
    return version === 4 ? ipv4Header(bytes) : version === 6 ? ipv6Header(bytes) : undefined;
  } catch (error) {
    if (error instanceof TruncatedError) return undefined;
    throw error;
  }
}

/*
 *      0             1     2        4    6                   8     9          10         12       16            20
 *      +-------------+-----+--------+----+-------------------+-----+----------+----------+--------+-------------+- - - -
 *      | 4 | words   | tos | length | id | flags 3 offset 13 | ttl | protocol | checksum | source | destination | options
 *      +-------------+-----+--------+----+-------------------+-----+----------+----------+--------+-------------+- - - -
 */
function ipv4Header(bytes: Uint8Array): IpHeader {
  const reader = new ByteReader(bytes);
  const headerLength = (reader.u8() & 15) * 4;
  reader.skip(1);
  const length = reader.u16();
  reader.skip(2);
  const isLaterFragment = (reader.u16() & 0x1fff) !== 0;
  reader.skip(1);
  const protocol = reader.u8();
  reader.skip(2);
  const source = addressFromBytes(reader.bytes(4));
  const destination = addressFromBytes(reader.bytes(4));
  const behind = isLaterFragment ? undefined : bytes.subarray(headerLength);
  return { source, destination, protocol, ...transportOf(protocol, behind), length };
}

/*
 *      0                   4                6             7           8        24            40
 *      +-------------------+----------------+-------------+-----------+--------+-------------+
 *      | 6 | class, flow   | payload length | next header | hop limit | source | destination |
 *      +-------------------+----------------+-------------+-----------+--------+-------------+
 *
 *      extension header:  | next header | length | …   in units of 8 bytes without the first 8; of 4 for authentication
 */
function ipv6Header(bytes: Uint8Array): IpHeader {
  const reader = new ByteReader(bytes);
  reader.skip(4);
  const length = reader.u16() + 40;
  let protocol = reader.u8();
  reader.skip(1);
  const source = addressFromBytes(reader.bytes(16));
  const destination = addressFromBytes(reader.bytes(16));
  let isLaterFragment = false;
  while (EXTENSIONS.has(protocol) && reader.left >= 8) {
    const kind = protocol;
    const header = reader.bytes(8);
    protocol = header[0] ?? 0;
    const units = header[1] ?? 0;
    if (kind === FRAGMENT) isLaterFragment ||= (((header[2] ?? 0) << 8) | (header[3] ?? 0)) >> 3 !== 0;
    else reader.skip(Math.min(reader.left, kind === AUTHENTICATION ? units * 4 : units * 8));
    if (isLaterFragment) break;
  }
  const behind = isLaterFragment ? undefined : bytes.subarray(bytes.length - reader.left);
  return { source, destination, protocol, ...transportOf(protocol, behind), length };
}

function transportOf(
  protocol: number,
  bytes: Uint8Array | undefined,
): Pick<IpHeader, "sourcePort" | "destinationPort" | "icmp"> {
  const nothing = { sourcePort: undefined, destinationPort: undefined, icmp: undefined };
  if (bytes === undefined || bytes.length < 4) return nothing;
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  if (WITH_PORTS.has(protocol)) return { ...nothing, sourcePort: (a << 8) | b, destinationPort: (c << 8) | d };
  return protocol === ICMP || protocol === ICMPV6 ? { ...nothing, icmp: { type: a, code: b } } : nothing;
}
