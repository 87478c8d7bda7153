import { DATA_TYPES, type DataType } from "../ir/data-type.ts";
import type { BitField } from "../ir/operand.ts";

/*
 * A field within bytes is loaded with its neighbours, which a mask takes away:
 *
 *     ip6 dscp == 46      payload load 2b @ network header + 0   & 0x0fc0   cmp eq 0x0b80
 */

/** The field's bits, in so many bytes. */
export function fieldMask(type: DataType, { bytes, shift }: BitField): Uint8Array {
  return bigEndianBytes(bytes, (2 ** (DATA_TYPES[type].bits ?? 0) - 1) << shift);
}

export function fieldBytes(value: number, { bytes, shift }: BitField): Uint8Array {
  return bigEndianBytes(bytes, value << shift);
}

export function bigEndian(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

function bigEndianBytes(count: number, value: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (value >>> (8 * (count - 1 - index))) & 255);
}
