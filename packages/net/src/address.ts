declare const ipv4Brand: unique symbol;
declare const ipv6Brand: unique symbol;

/** An IPv4 address: an unsigned 32-bit integer, most significant byte first. */
export type Ipv4 = number & { readonly [ipv4Brand]: true };
/** An IPv6 address: an unsigned 128-bit integer. */
export type Ipv6 = bigint & { readonly [ipv6Brand]: true };
/** The family is the JavaScript type: `typeof address === "number"` is IPv4. */
export type Address = Ipv4 | Ipv6;
export type Family = 4 | 6;

export class AddressError extends Error {
  readonly code = "ADDRESS_INVALID";
}

const IPV6_MAX = (1n << 128n) - 1n;

/** Brands a number as IPv4; signed 32-bit input is folded to unsigned. Throws AddressError outside 32 bits. */
export function ipv4(value: number): Ipv4 {
  if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0xffff_ffff) {
    throw new AddressError(`${value} is not a 32-bit address`);
  }
  return (value >>> 0) as Ipv4;
}

/** Brands a bigint as IPv6. Throws AddressError outside 128 bits. */
export function ipv6(value: bigint): Ipv6 {
  if (value < 0n || value > IPV6_MAX) throw new AddressError(`${value} is not a 128-bit address`);
  return value as Ipv6;
}

export function familyOf(address: Address): Family {
  return typeof address === "number" ? 4 : 6;
}

/** 32 or 128. */
export function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** Parses dotted-quad IPv4 (no leading zeros, RFC 6943 §3.1.1) or IPv6 (RFC 4291 §2.2, no zone). Throws AddressError. */
export function parseAddress(text: string): Address {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

export function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}

/** IPv4 in dotted quads; IPv6 in the canonical form of RFC 5952. */
export function formatAddress(address: Address): string {
  return typeof address === "number" ? formatIpv4(address) : formatIpv6(address);
}

/** Orders IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** 4 or 16 bytes, network order. */
export function addressToBytes(address: Address): Uint8Array {
  if (typeof address === "number") {
    return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
  }
  const bytes = new Uint8Array(16);
  for (let index = 15, rest: bigint = address; index >= 0; index--, rest >>= 8n) bytes[index] = Number(rest & 255n);
  return bytes;
}

/** The inverse of addressToBytes. Throws AddressError unless given 4 or 16 bytes. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes;
    return ((a * 2 ** 24 + ((b << 16) | (c << 8) | d)) >>> 0) as Ipv4;
  }
  if (bytes.length === 16) return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) as Ipv6;
  throw new AddressError(`an address has 4 or 16 bytes, not ${bytes.length}`);
}

function parseIpv4(text: string): Ipv4 {
  const parts = text.split(".");
  if (parts.length !== 4) throw new AddressError(`"${text}" is not an IP address`);
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) {
      throw new AddressError(`"${text}" is not an IPv4 address: "${part}" is not a number from 0 to 255`);
    }
    value = value * 256 + Number(part);
  }
  return value as Ipv4;
}

function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

function parseIpv6(text: string): Ipv6 {
  const invalid = () => new AddressError(`"${text}" is not an IPv6 address`);
  const halves = text.split("::");
  if (halves.length > 2) throw invalid();
  const groupsOf = (half: string | undefined): number[] => {
    if (half === undefined || half === "") return [];
    return half.split(":").flatMap((group, index, all) => {
      if (group.includes(".") && index === all.length - 1) {
        const embedded = parseIpv4(group);
        return [embedded >>> 16, embedded & 0xffff];
      }
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) throw invalid();
      return [Number.parseInt(group, 16)];
    });
  };
  const head = groupsOf(halves[0]);
  const tail = groupsOf(halves[1]);
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) throw invalid();
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n) as Ipv6;
}

function formatIpv6(address: Ipv6): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number((address >> BigInt(112 - 16 * index)) & 0xffffn));
  const run = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatIpv4(Number(address & 0xffff_ffffn) as Ipv4)}`;
  }
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
