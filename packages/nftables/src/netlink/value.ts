import { type Address, addressFromBytes, addressToBytes, ByteReader, bitsOf, familyOf, Prefix } from "@ocicat/net";
import { DATA_TYPES, type DataType, ORDERED_TYPES } from "../ir/data-type.ts";
import { predecessor, successor } from "../ir/interval.ts";
import { addressRange, interfaceName, number, numberRange, type Value } from "../ir/value.ts";

/** IFNAMSIZ. */
const NAME_BYTES = 16;

/** As many bytes as the type has, in the order in which the kernel holds them in a register. */
export function numberBytes(type: DataType, value: number): Uint8Array {
  const { bytes, order } = DATA_TYPES[type];
  const out = new Uint8Array(bytes);
  for (let index = 0; index < bytes; index++) {
    out[order === "host" ? index : bytes - 1 - index] = (value >>> (8 * index)) & 255;
  }
  return out;
}

export function bytesNumber(type: DataType, bytes: Uint8Array): number {
  const ordered = DATA_TYPES[type].order === "host" ? bytes.toReversed() : bytes;
  return ordered.reduce((value, byte) => value * 256 + byte, 0);
}

/** Padded with NULs to the kernel's 16. */
export function nameBytes(name: string): Uint8Array {
  const out = new Uint8Array(NAME_BYTES);
  for (let index = 0; index < name.length; index++) out[index] = name.charCodeAt(index);
  return out;
}

export function bytesName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** Of a value that is one point: an interface, one address, a number. Throws RangeError for the others. */
export function pointBytes(type: DataType, value: Value): Uint8Array {
  switch (value.kind) {
    case "interface":
      return nameBytes(value.name);
    case "number":
      return numberBytes(type, value.number);
    case "prefix":
      if (value.prefix.isHost) return addressToBytes(value.prefix.address);
      break;
    case "interfacePrefix":
    case "addressRange":
    case "numberRange":
      break;
  }
  throw new RangeError(`${value.kind} is not one ${type}`);
}

export function bytesPoint(type: DataType, bytes: Uint8Array): Value | undefined {
  if (bytes.length !== DATA_TYPES[type].bytes) return undefined;
  switch (type) {
    case "ifname":
      return interfaceName(bytesName(bytes));
    case "ipv4_addr":
    case "ipv6_addr":
      return prefixOf(addressFromBytes(bytes));
    default:
      return number(bytesNumber(type, bytes));
  }
}

/** First byte string of an interval, and the first one after it: undefined if it reaches to the end of the type. */
export interface Bounds {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

/** Throws RangeError for values without an order (interfaces). */
export function intervalBounds(type: DataType, value: Value): Bounds {
  switch (value.kind) {
    case "prefix":
      return addressBounds(value.prefix.address, value.prefix.last);
    case "addressRange":
      return addressBounds(value.first, value.last);
    case "number":
      return numberBounds(type, value.number, value.number);
    case "numberRange":
      return numberBounds(type, value.first, value.last);
    case "interface":
    case "interfacePrefix":
      throw new RangeError("interfaces have no intervals");
  }
}

export function boundsInterval(type: DataType, { start, end }: Bounds): Value | undefined {
  const { bytes } = DATA_TYPES[type];
  if (start.length !== bytes || (end !== undefined && end.length !== bytes)) return undefined;
  if (type === "ipv4_addr" || type === "ipv6_addr") {
    const first = addressFromBytes(start);
    return addressRange(first, end === undefined ? lastOf(first) : predecessor(addressFromBytes(end)));
  }
  if (!ORDERED_TYPES.has(type)) return undefined;
  return numberRange(bytesNumber(type, start), (end === undefined ? 256 ** bytes : bytesNumber(type, end)) - 1);
}

/** The leading bytes of a block's address that its length covers; the rest is not compared. Undefined inside a byte. */
export function wholeBytesOf(prefix: Prefix): Uint8Array | undefined {
  return prefix.length % 8 === 0 ? addressToBytes(prefix.address).subarray(0, prefix.length / 8) : undefined;
}

export function prefixFromBytes(type: DataType, leading: Uint8Array): Value {
  const bytes = new Uint8Array(DATA_TYPES[type].bytes);
  bytes.set(leading);
  return prefixOf(addressFromBytes(bytes), 8 * leading.length);
}

/** The network mask of a block, as bytes. */
export function maskBytes(prefix: Prefix): Uint8Array {
  const bits = bitsOf(prefix.family);
  return Uint8Array.from({ length: bits / 8 }, (_, index) => {
    const set = Math.min(8, Math.max(0, prefix.length - 8 * index));
    return (0xff << (8 - set)) & 0xff;
  });
}

/** The length of a network mask, undefined if its ones are not all in front. */
export function maskLength(mask: Uint8Array): number | undefined {
  const text = Array.from(mask, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(text) ? text.lastIndexOf("1") + 1 : undefined;
}

export function prefixOf(address: Address, length = bitsOf(familyOf(address))): Value {
  return Object.freeze({ kind: "prefix", prefix: Prefix.of(address, length) });
}

/** A key of several fields: each padded to a multiple of four bytes, as registers are. */
export function concatenate(fields: readonly Uint8Array[]): Uint8Array {
  if (fields.length === 1 && fields[0] !== undefined) return fields[0];
  const out = new Uint8Array(fields.reduce((sum, field) => sum + padded(field.length), 0));
  let offset = 0;
  for (const field of fields) {
    out.set(field, offset);
    offset += padded(field.length);
  }
  return out;
}

export function splitKey(types: readonly DataType[], bytes: Uint8Array): readonly Value[] | undefined {
  const reader = new ByteReader(bytes);
  const values: Value[] = [];
  for (const type of types) {
    const width = DATA_TYPES[type].bytes;
    if (reader.left < width) return undefined;
    const value = bytesPoint(type, reader.bytes(width));
    if (value === undefined) return undefined;
    if (types.length > 1) reader.skip(Math.min(padded(width) - width, reader.left));
    values.push(value);
  }
  return reader.left === 0 ? values : undefined;
}

/** The key's length as the kernel counts it. */
export function keyBytes(types: readonly DataType[]): number {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return DATA_TYPES[only].bytes;
  return types.reduce((sum, type) => sum + padded(DATA_TYPES[type].bytes), 0);
}

export function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

function addressBounds(first: Address, last: Address): Bounds {
  const next = successor(last);
  return { start: addressToBytes(first), end: next === undefined ? undefined : addressToBytes(next) };
}

function numberBounds(type: DataType, first: number, last: number): Bounds {
  const past = last + 1;
  return {
    start: numberBytes(type, first),
    end: past >= 256 ** DATA_TYPES[type].bytes ? undefined : numberBytes(type, past),
  };
}

function lastOf(address: Address): Address {
  return Prefix.of(address, 0).last;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
