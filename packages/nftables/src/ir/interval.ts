import { type Address, bitsOf, familyOf, type Ipv4, type Ipv6, Prefix } from "@ocicat/net";

/** The block that holds exactly first..last, if one does. Both of one family, first <= last. */
export function blockOf(first: Address, last: Address): Prefix | undefined {
  const size = BigInt(last) - BigInt(first) + 1n;
  const hostBits = size.toString(2).length - 1;
  if (size !== 1n << BigInt(hostBits) || BigInt(first) % size !== 0n) return undefined;
  return Prefix.of(first, bitsOf(familyOf(first)) - hostBits);
}

/** The next address up, undefined after the family's last. */
export function successor(address: Address): Address | undefined {
  if (typeof address === "number") return address === 0xffff_ffff ? undefined : ((address + 1) as Ipv4);
  return address === (1n << 128n) - 1n ? undefined : ((address + 1n) as Ipv6);
}

/** The next address down. Throws RangeError below zero. */
export function predecessor(address: Address): Address {
  if (BigInt(address) === 0n) throw new RangeError("there is no address below zero");
  return typeof address === "number" ? ((address - 1) as Ipv4) : ((address - 1n) as Ipv6);
}
