import {
  type Address,
  AddressError,
  bitsOf,
  compareAddresses,
  type Family,
  familyOf,
  formatAddress,
  type Ipv4,
  type Ipv6,
  parseAddress,
} from "./address.ts";

export interface PrefixOptions {
  /** What to do with bits set beyond the length: refuse them (the default) or clear them. */
  readonly hostBits?: "refuse" | "clear";
}

/** An address block: a network address and a length. Immutable; its text is its identity, good as a map key. */
export class Prefix {
  readonly address: Address;
  /** 0..32 or 0..128. */
  readonly length: number;
  #text: string | undefined;

  private constructor(address: Address, length: number) {
    this.address = address;
    this.length = length;
  }

  /** The block of the given length that holds `address`. Throws AddressError on a length outside the family's range. */
  static of(address: Address, length: number): Prefix {
    if (!Number.isInteger(length) || length < 0 || length > bitsOf(familyOf(address))) {
      throw new AddressError(`/${length} is not a prefix length of IPv${familyOf(address)}`);
    }
    return new Prefix(mask(address, length), length);
  }

  /** The /32 or /128 of one address. */
  static host(address: Address): Prefix {
    return new Prefix(address, bitsOf(familyOf(address)));
  }

  get family(): Family {
    return familyOf(this.address);
  }

  get isHost(): boolean {
    return this.length === bitsOf(this.family);
  }

  /** How many addresses it holds. */
  get size(): bigint {
    return 1n << BigInt(bitsOf(this.family) - this.length);
  }

  get last(): Address {
    return this.nth(this.size - 1n);
  }

  has(address: Address): boolean {
    return familyOf(address) === this.family && compareAddresses(mask(address, this.length), this.address) === 0;
  }

  /** True if every address of `other` is in this one (a block covers itself). */
  covers(other: Prefix): boolean {
    return other.length >= this.length && this.has(other.address);
  }

  overlaps(other: Prefix): boolean {
    return this.covers(other) || other.covers(this);
  }

  equals(other: Prefix): boolean {
    return this.length === other.length && compareAddresses(this.address, other.address) === 0;
  }

  /** The address at `ordinal`, counted from the network address. Throws RangeError outside the block. */
  nth(ordinal: number | bigint): Address {
    const offset = BigInt(ordinal);
    if (offset < 0n || offset >= this.size) throw new RangeError(`${this} has no address number ${ordinal}`);
    return typeof this.address === "number"
      ? ((this.address + Number(offset)) as Ipv4)
      : ((this.address + offset) as Ipv6);
  }

  /** The inverse of nth. Throws RangeError for an address outside the block. */
  ordinalOf(address: Address): bigint {
    if (!this.has(address)) throw new RangeError(`${formatAddress(address)} is not in ${this}`);
    return BigInt(address) - BigInt(this.address);
  }

  toString(): string {
    this.#text ??= `${formatAddress(this.address)}/${this.length}`;
    return this.#text;
  }

  /** By address, then the shorter first. */
  static compare(a: Prefix, b: Prefix): number {
    return compareAddresses(a.address, b.address) || a.length - b.length;
  }
}

/** Parses `address/length`; a bare address is its host prefix. Throws AddressError, also on host bits unless told to clear them. */
export function parsePrefix(text: string, options: PrefixOptions = {}): Prefix {
  const slash = text.indexOf("/");
  if (slash < 0) return Prefix.host(parseAddress(text));
  const address = parseAddress(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText))
    throw new AddressError(`"${text}": "${lengthText}" is not a prefix length`);
  const prefix = Prefix.of(address, Number(lengthText));
  if (options.hostBits !== "clear" && compareAddresses(prefix.address, address) !== 0) {
    throw new AddressError(`"${text}" has bits set beyond its length; the network is ${prefix}`);
  }
  return prefix;
}

function mask(address: Address, length: number): Address {
  if (typeof address === "number") {
    return (length === 0 ? 0 : (address & (0xffff_ffff << (32 - length))) >>> 0) as Ipv4;
  }
  const host = BigInt(128 - length);
  return ((address >> host) << host) as Ipv6;
}
