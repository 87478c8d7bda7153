import {
  type Address,
  addressToBytes,
  type ByteReader,
  type ByteWriter,
  bitsOf,
  type Family,
  ipv4,
  ipv6,
  Prefix,
} from "@ocicat/net";

/** Says why bytes are not a list of prefixes; what follows from it depends on the field they stand in. */
export class NlriError extends Error {}

/** Prefixes and, where RFC 7911 was agreed on, their path identifiers, one for each. */
export interface Nlri {
  readonly prefixes: readonly Prefix[];
  readonly pathIds?: readonly number[] | undefined;
  /** The same as they came, where they did: to be read without an object for each. */
  readonly packed?: PackedNlri | undefined;
}

export const NO_NLRI: Nlri = { prefixes: [] };

/** Prefixes as they stand in a message, checked. The RIB reads them as numbers; objects are made for who asks for them. */
export class PackedNlri implements Nlri {
  readonly family: Family;
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly withIds: boolean;

  /** `bytes` are whole entries, `count` of them. */
  constructor(bytes: Uint8Array, family: Family, withIds: boolean, count: number) {
    this.bytes = bytes;
    this.family = family;
    this.withIds = withIds;
    this.count = count;
  }

  get packed(): PackedNlri {
    return this;
  }

  get prefixes(): readonly Prefix[] {
    const prefixes: Prefix[] = [];
    for (const cursor = this.cursor(); cursor.next(); )
      prefixes.push(Prefix.of(addressOf(this.family, cursor), cursor.length));
    return prefixes;
  }

  get pathIds(): readonly number[] | undefined {
    if (!this.withIds) return undefined;
    const ids: number[] = [];
    for (const cursor = this.cursor(); cursor.next(); ) ids.push(cursor.pathId);
    return ids;
  }

  cursor(): NlriCursor {
    return new NlriCursor(this.bytes, this.family === 6, this.withIds);
  }
}

/** Goes from prefix to prefix: `for (const cursor = nlri.cursor(); cursor.next(); ) …`. No object is made for any. */
export class NlriCursor {
  length = 0;
  /** Of the address, the most significant first; IPv4 has one. */
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;
  /** RFC 7911; 0 without. */
  pathId = 0;
  readonly #bytes: Uint8Array;
  readonly #isWide: boolean;
  readonly #withIds: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, isWide: boolean, withIds: boolean) {
    this.#bytes = bytes;
    this.#isWide = isWide;
    this.#withIds = withIds;
  }

  /** False: there was none left. */
  next(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (at >= bytes.length) return false;
    if (this.#withIds) {
      this.pathId = wordAt(bytes, at, 32);
      at += 4;
    }
    const length = bytes[at] ?? 0;
    at += 1;
    this.length = length;
    this.word0 = wordAt(bytes, at, length);
    if (this.#isWide) {
      this.word1 = wordAt(bytes, at + 4, length - 32);
      this.word2 = wordAt(bytes, at + 8, length - 64);
      this.word3 = wordAt(bytes, at + 12, length - 96);
    }
    this.#at = at + ((length + 7) >>> 3);
    return true;
  }
}

/** The first `length` bits of the four bytes at `at`, and zeros behind them. What is read beyond is another prefix's, and masked. */
function wordAt(bytes: Uint8Array, at: number, length: number): number {
  if (length <= 0) return 0;
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  const word = high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  return (length >= 32 ? word : word & (-1 << (32 - length))) >>> 0;
}

function addressOf(family: Family, { word0, word1, word2, word3 }: NlriCursor): Address {
  if (family === 4) return ipv4(word0);
  return ipv6([word1, word2, word3].reduce((high, word) => (high << 32n) | BigInt(word), BigInt(word0)));
}

/** Without making the prefixes. */
export function nlriCount(nlri: Nlri): number {
  return nlri.packed?.count ?? nlri.prefixes.length;
}

/** One list of several. Where one of them has path identifiers, those of the others are 0. */
export function joinNlri(lists: readonly Nlri[]): Nlri {
  const filled = lists.filter((list) => nlriCount(list) > 0);
  const [first = NO_NLRI] = filled;
  if (filled.length < 2) return first;
  const prefixes = filled.flatMap((list) => list.prefixes);
  if (filled.every(({ pathIds }) => pathIds === undefined)) return { prefixes };
  return { prefixes, pathIds: filled.flatMap((list) => list.pathIds ?? list.prefixes.map(() => 0)) };
}

/**
 * RFC 4271 §4.3: as many bytes of the address as the length needs. Bits beyond the length are irrelevant and cleared.
 *
 *     +----------------------+---------------+--------------------------------+
 *     | path identifier, 4   |  length, bits |  prefix, 0 to 4 (IPv6 16) bytes |   repeated to the end of the field
 *     +----------------------+---------------+--------------------------------+
 *       RFC 7911 §3, `withIds`
 */
export function decodeNlri(reader: ByteReader, family: Family, withIds: boolean): PackedNlri {
  const bytes = reader.bytes(reader.left);
  const most = bitsOf(family);
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    if (withIds && bytes.length - at < 5)
      throw new NlriError(`a path identifier and a prefix in the last ${bytes.length - at} bytes`);
    if (withIds) at += 4;
    const length = bytes[at] ?? 0;
    if (length > most) throw new NlriError(`prefix length ${length} in IPv${family}`);
    at += 1 + ((length + 7) >>> 3);
    if (at > bytes.length) throw new NlriError(`a prefix of length ${length} ends ${at - bytes.length} bytes too late`);
  }
  return new PackedNlri(bytes, family, withIds, count);
}

export function encodePrefix(writer: ByteWriter, prefix: Prefix): void {
  const count = (prefix.length + 7) >>> 3;
  writer.u8(prefix.length);
  if (typeof prefix.address === "number") {
    for (let index = 0; index < count; index++) writer.u8((prefix.address >>> (24 - 8 * index)) & 255);
  } else {
    writer.bytes(addressToBytes(prefix.address).subarray(0, count));
  }
}

/** 1 to 5 or 17 bytes. */
export function encodedPrefixLength(prefix: Prefix): number {
  return 1 + ((prefix.length + 7) >>> 3);
}
