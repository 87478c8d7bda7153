import type { Address, Prefix } from "@ocicat/net";
import { blockOf } from "./interval.ts";

/** What a selector is compared with, and what sets hold. Which kinds fit is the data type's affair (see check/value.ts). */
export type Value =
  /** One interface: `"cali123"`. */
  | { readonly kind: "interface"; readonly name: string }
  /** Every interface whose name begins so: `"cali*"`. Only in comparisons. */
  | { readonly kind: "interfacePrefix"; readonly prefix: string }
  /** One address (a host prefix) or a block. */
  | { readonly kind: "prefix"; readonly prefix: Prefix }
  /** Both ends belong to it. Never a block that a prefix could say. Only in interval sets. */
  | { readonly kind: "addressRange"; readonly first: Address; readonly last: Address }
  | { readonly kind: "number"; readonly number: number }
  /** Both ends belong to it; first < last. */
  | { readonly kind: "numberRange"; readonly first: number; readonly last: number };

export function interfaceName(name: string): Value {
  return Object.freeze({ kind: "interface", name });
}

export function interfacePrefix(prefix: string): Value {
  return Object.freeze({ kind: "interfacePrefix", prefix });
}

export function prefixValue(prefix: Prefix): Value {
  return Object.freeze({ kind: "prefix", prefix });
}

/** Both of one family, first <= last. A range that is a block becomes that block: one meaning, one form. */
export function addressRange(first: Address, last: Address): Value {
  const block = blockOf(first, last);
  return block === undefined ? Object.freeze({ kind: "addressRange", first, last }) : prefixValue(block);
}

/** A port, a protocol, a mark. */
export function number(value: number): Value {
  return Object.freeze({ kind: "number", number: value });
}

export function numberRange(first: number, last: number): Value {
  return first === last ? number(first) : Object.freeze({ kind: "numberRange", first, last });
}
