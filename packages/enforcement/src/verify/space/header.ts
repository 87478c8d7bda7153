import type { Address, Family, Ipv4, Ipv6, Prefix } from "@ocicat/net";

/**
 * What of a packet is asked, in the order in which diagrams ask it. What belongs together stands together, and what most
 * rules ask stands first. Family and interfaces are not among them: each pair is proved by itself.
 */
export const DIMENSIONS = [
  "state",
  "protocol",
  "source",
  "destination",
  "sourcePort",
  "destinationPort",
  "icmpType",
  "icmpCode",
  "tcpFlags",
  "revoked",
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const dimension = Object.fromEntries(DIMENSIONS.map((name, index) => [name, index])) as Readonly<
  Record<Dimension, number>
>;

/** The mark's bits are a dimension each, last: they are set on the way. */
export const MARK_BITS = 32;
export function markBit(bit: number): number {
  return DIMENSIONS.length + bit;
}

/** In the order of the dimension's values. */
export const STATES = ["new", "established", "related", "invalid", "untracked"] as const;
export type State = (typeof STATES)[number];

/** How many values each dimension has. */
export function sizesOf(addresses: AddressLine): number[] {
  const sizes: Readonly<Record<Dimension, number>> = {
    state: STATES.length,
    protocol: 256,
    source: addresses.size,
    destination: addresses.size,
    sourcePort: 0x1_0000,
    destinationPort: 0x1_0000,
    icmpType: 256,
    icmpCode: 256,
    tcpFlags: 256,
    revoked: 2,
  };
  return [...DIMENSIONS.map((name) => sizes[name]), ...Array.from({ length: MARK_BITS }, () => 2)];
}

/** A family's addresses, cut wherever anything anybody asks of an address can change: one value a piece. */
export class AddressLine {
  /** The first address of each piece; the first piece begins at 0. */
  readonly #starts: readonly Address[];
  readonly #index: ReadonlyMap<Address, number>;
  readonly family: Family;

  constructor(family: Family, ranges: Iterable<AddressRange>) {
    const cuts = new Set<Address>([zero(family)]);
    for (const { first, last } of ranges) {
      if (typeof first !== typeof zero(family)) continue;
      cuts.add(first);
      const next = successor(last);
      if (next !== undefined) cuts.add(next);
    }
    this.family = family;
    this.#starts = [...cuts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.#index = new Map(this.#starts.map((start, index) => [start, index]));
  }

  get size(): number {
    return this.#starts.length;
  }

  /** The pieces that a range consists of, which was among those given. Throws RangeError for others. */
  piecesOf({ first, last }: AddressRange): { readonly first: number; readonly last: number } {
    const next = successor(last);
    const [start, end] = [this.#index.get(first), next === undefined ? this.size : this.#index.get(next)];
    if (start === undefined || end === undefined) throw new RangeError(`${first}-${last} is not cut out of the line`);
    return { first: start, last: end - 1 };
  }

  /** The piece that holds the address. */
  pieceOf(address: Address): number {
    let [low, high] = [0, this.size - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const start = this.#starts[middle];
      if (start !== undefined && start <= address) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** An address in the piece. */
  addressIn(piece: number): Address {
    return this.#starts[piece] ?? zero(this.family);
  }
}

/** Both ends belong to it. */
export interface AddressRange {
  readonly first: Address;
  readonly last: Address;
}

export function rangeOf(prefix: Prefix): AddressRange {
  return { first: prefix.address, last: prefix.last };
}

function zero(family: Family): Address {
  return family === 4 ? (0 as Ipv4) : (0n as Ipv6);
}

function successor(address: Address): Address | undefined {
  if (typeof address === "number") return address === 0xffff_ffff ? undefined : ((address + 1) as Ipv4);
  return address === (1n << 128n) - 1n ? undefined : ((address + 1n) as Ipv6);
}
