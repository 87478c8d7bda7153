import {
  type Address,
  addressFromBytes,
  addressToBytes,
  type ByteReader,
  type ByteWriter,
  bitsOf,
  type Family,
  ipv4,
  Prefix,
} from "@ocicat/net";

/** Says why bytes are not a list of prefixes; what follows from it depends on the field they stand in. */
export class NlriError extends Error {}

/** Prefixes and, where RFC 7911 was agreed on, their path identifiers, one for each. */
export interface Nlri {
  readonly prefixes: readonly Prefix[];
  readonly pathIds?: readonly number[] | undefined;
}

export const NO_NLRI: Nlri = { prefixes: [] };

/** One list of several. Where one of them has path identifiers, those of the others are 0. */
export function joinNlri(lists: readonly Nlri[]): Nlri {
  const filled = lists.filter(({ prefixes }) => prefixes.length > 0);
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
export function decodeNlri(reader: ByteReader, family: Family, withIds: boolean): Nlri {
  const prefixes: Prefix[] = [];
  const pathIds: number[] = [];
  const most = bitsOf(family);
  while (reader.left > 0) {
    if (withIds) {
      if (reader.left < 5) throw new NlriError(`a path identifier and a prefix in the last ${reader.left} bytes`);
      pathIds.push(reader.u32());
    }
    const length = reader.u8();
    if (length > most) throw new NlriError(`prefix length ${length} in IPv${family}`);
    const count = (length + 7) >>> 3;
    if (count > reader.left) throw new NlriError(`a prefix of length ${length} in the last ${reader.left} bytes`);
    prefixes.push(Prefix.of(decodeAddress(reader.bytes(count), family), length));
  }
  return withIds ? { prefixes, pathIds } : { prefixes };
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

function decodeAddress(bytes: Uint8Array, family: Family): Address {
  if (family === 4) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes;
    return ipv4((a << 24) | (b << 16) | (c << 8) | d);
  }
  const whole = new Uint8Array(16);
  whole.set(bytes);
  return addressFromBytes(whole);
}
