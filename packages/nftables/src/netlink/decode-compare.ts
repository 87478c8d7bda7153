import { addressFromBytes } from "@ocicat/net";
import { BIT_TYPES, DATA_TYPES, ORDERED_TYPES } from "../ir/data-type.ts";
import { bits, type Expression, equal, notEqual } from "../ir/expression.ts";
import { type Operand, PAYLOAD_FIELDS, typeOf } from "../ir/operand.ts";
import { interfaceName, interfacePrefix, number, numberRange, type Value } from "../ir/value.ts";
import { bigEndian, fieldMask } from "./bit-field.ts";
import { bytesName, bytesNumber, bytesPoint, maskLength, prefixFromBytes, prefixOf, sameBytes } from "./value.ts";

/** What a comparison finds in its register. */
export interface Compared {
  readonly operand: Operand;
  /** How many leading bytes of the operand were loaded. */
  readonly bytes: number;
  readonly mask: Uint8Array | undefined;
}

/** `cmp eq` and `cmp neq`. Undefined for what the model has no expression for. */
export function decodeComparison(left: Compared, negated: boolean, bytes: Uint8Array): Expression | undefined {
  if (left.mask !== undefined) return decodeMasked(left.operand, left.mask, negated, bytes);
  const right = decodeRight(left, bytes);
  if (right === undefined) return undefined;
  return negated ? notEqual(left.operand, right) : equal(left.operand, right);
}

/** `cmp gte` with `cmp lte`, and `range`. */
export function decodeRange(
  left: Compared,
  negated: boolean,
  first: Uint8Array,
  last: Uint8Array,
): Expression | undefined {
  const type = typeOf(left.operand);
  const { bytes } = DATA_TYPES[type];
  if (!ORDERED_TYPES.has(type)) return undefined;
  if (left.mask !== undefined || first.length !== bytes || last.length !== bytes) return undefined;
  const right = numberRange(bytesNumber(type, first), bytesNumber(type, last));
  if (right.kind !== "numberRange" || right.first > right.last) return undefined;
  return negated ? notEqual(left.operand, right) : equal(left.operand, right);
}

function decodeRight({ operand, bytes: loaded }: Compared, bytes: Uint8Array): Value | undefined {
  const type = typeOf(operand);
  const whole = DATA_TYPES[type].bytes;
  switch (type) {
    case "ifname":
      if (bytes.length < whole && bytes.length > 0 && !bytes.includes(0)) {
        return interfacePrefix(String.fromCharCode(...bytes));
      }
      // iptables compares up to the NUL that ends the name, which is as good as all of it.
      if (bytes.length < whole && bytes.indexOf(0) === bytes.length - 1) return interfaceName(bytesName(bytes));
      return bytesPoint(type, bytes);
    case "ipv4_addr":
    case "ipv6_addr":
      return bytes.length === loaded ? prefixFromBytes(type, bytes) : undefined;
    default:
      return loaded === whole ? bytesPoint(type, bytes) : undefined;
  }
}

function decodeMasked(operand: Operand, mask: Uint8Array, negated: boolean, bytes: Uint8Array): Expression | undefined {
  const type = typeOf(operand);
  const within = operand.kind === "payload" ? PAYLOAD_FIELDS[operand.field].within : undefined;
  if (bytes.length !== mask.length || mask.length !== (within?.bytes ?? DATA_TYPES[type].bytes)) return undefined;
  if (type === "ipv4_addr" || type === "ipv6_addr") {
    const length = maskLength(mask);
    // A mask that a shorter load would express is not how this model writes it.
    if (length === undefined || length % 8 === 0 || !fits(bytes, mask)) return undefined;
    const right = prefixOf(addressFromBytes(bytes), length);
    return negated ? notEqual(operand, right) : equal(operand, right);
  }
  if (within !== undefined) {
    if (!sameBytes(mask, fieldMask(type, within)) || !fits(bytes, mask)) return undefined;
    const right = number(bigEndian(bytes) >>> within.shift);
    return negated ? notEqual(operand, right) : equal(operand, right);
  }
  if (!BIT_TYPES.has(type)) return undefined;
  return bits(operand, bytesNumber(type, mask), bytesNumber(type, bytes), negated);
}

/** No bit outside the mask. */
function fits(bytes: Uint8Array, mask: Uint8Array): boolean {
  return bytes.every((byte, index) => (byte & ~(mask[index] ?? 0)) === 0);
}
