import { type Address, ipv4, Prefix, parseAddress, parsePrefix } from "@ocicat/net";

/** ::ffff:0:0/96: IPv4 addresses as IPv6 sockets see them (RFC 4291 §2.5.5.2). */
const MAPPED = parsePrefix("::ffff:0:0/96");

/**
 * A network of a rule, bits beyond its length cleared. One of IPv4-mapped addresses means the IPv4 network: packets carry no
 * such addresses, and a rule against one would silently keep nothing out. Throws AddressError.
 */
export function readNetwork(text: string): Prefix {
  const prefix = parsePrefix(text, { hostBits: "clear" });
  if (!MAPPED.covers(prefix)) return prefix;
  return Prefix.of(unmapped(prefix.address), prefix.length - MAPPED.length);
}

/** Throws AddressError. */
export function readAddress(text: string): Address {
  const address = parseAddress(text);
  return MAPPED.has(address) ? unmapped(address) : address;
}

function unmapped(address: Address): Address {
  return ipv4(Number(BigInt(address) & 0xffff_ffffn));
}
