import type { Prefix } from "@ocicat/net";
import { DATA_TYPES } from "../ir/data-type.ts";
import type { Bits, Compare } from "../ir/expression.ts";
import { CT_KEYS, FIB_KEYS, META_KEYS, type Operand, PAYLOAD_FIELDS, typeOf } from "../ir/operand.ts";
import { fieldBytes, fieldMask } from "./bit-field.ts";
import * as nft from "./constants.ts";
import type { Instruction } from "./instruction.ts";
import { FIRST_SLOT, registerNumber, slotsOf } from "./register.ts";
import { maskBytes, nameBytes, numberBytes, pointBytes, prefixOf, wholeBytesOf } from "./value.ts";

export function compileCompare({ left, negated, right }: Compare): readonly Instruction[] {
  const type = typeOf(left);
  switch (right.kind) {
    case "interfacePrefix":
      // Fewer bytes than the register holds: whatever follows in the name is not looked at.
      return [load(left), compare(negated, nameBytes(right.prefix).subarray(0, right.prefix.length))];
    case "number": {
      const within = left.kind === "payload" ? PAYLOAD_FIELDS[left.field].within : undefined;
      if (within === undefined) return [load(left), compare(negated, pointBytes(type, right))];
      const masked = bitwise(fieldMask(type, within));
      return [load(left, FIRST_SLOT, within.bytes), masked, compare(negated, fieldBytes(right.number, within))];
    }
    case "interface":
      return [load(left), compare(negated, pointBytes(type, right))];
    case "prefix":
      return compilePrefix(left, negated, right.prefix);
    case "numberRange":
      return [load(left), ...compareRange(negated, numberBytes(type, right.first), numberBytes(type, right.last))];
    case "addressRange":
      throw new RangeError("a range of addresses is looked up in a set, not compared with");
  }
}

/** A block at a byte's edge is a shorter load; any other is masked. */
function compilePrefix(left: Operand, negated: boolean, prefix: Prefix): readonly Instruction[] {
  const leading = wholeBytesOf(prefix);
  if (leading !== undefined) return [load(left, FIRST_SLOT, leading.length), compare(negated, leading)];
  const network = pointBytes(typeOf(left), prefixOf(prefix.address));
  return [load(left), bitwise(maskBytes(prefix)), compare(negated, network)];
}

export function compileBits({ left, mask, negated, value }: Bits): readonly Instruction[] {
  const type = typeOf(left);
  return [load(left), bitwise(numberBytes(type, mask)), compare(negated, numberBytes(type, value))];
}

/** Inside is two comparisons, outside is one instruction: as nft does it. */
function compareRange(negated: boolean, first: Uint8Array, last: Uint8Array): readonly Instruction[] {
  return negated ? [outside(first, last)] : [cmp(nft.NFT_CMP_GTE, first), cmp(nft.NFT_CMP_LTE, last)];
}

/** The fields of a key side by side in registers. */
export function loadKey(keys: readonly Operand[]): readonly Instruction[] {
  let slot = FIRST_SLOT;
  return keys.map((key) => {
    const instruction = load(key, slot);
    slot += slotsOf(DATA_TYPES[typeOf(key)].bytes);
    return instruction;
  });
}

/** Puts what the operand names into the registers from `slot` on. */
export function load(operand: Operand, slot = FIRST_SLOT, bytes = DATA_TYPES[typeOf(operand)].bytes): Instruction {
  const register = registerNumber(slot);
  switch (operand.kind) {
    case "meta":
      return {
        name: "meta",
        write: (data) => data.u32be(nft.NFTA_META_KEY, META_KEYS[operand.key].key).u32be(nft.NFTA_META_DREG, register),
      };
    case "ct":
      return {
        name: "ct",
        write: (data) => data.u32be(nft.NFTA_CT_KEY, CT_KEYS[operand.key].key).u32be(nft.NFTA_CT_DREG, register),
      };
    case "fib": {
      const { result, flags } = FIB_KEYS[operand.key];
      return {
        name: "fib",
        write: (data) =>
          data.u32be(nft.NFTA_FIB_RESULT, result).u32be(nft.NFTA_FIB_FLAGS, flags).u32be(nft.NFTA_FIB_DREG, register),
      };
    }
    case "payload": {
      const { base, offset } = PAYLOAD_FIELDS[operand.field];
      return loadPayload(base, offset, bytes, register);
    }
  }
}

export function loadPayload(base: number, offset: number, bytes: number, register: number): Instruction {
  return {
    name: "payload",
    write: (data) =>
      data
        .u32be(nft.NFTA_PAYLOAD_DREG, register)
        .u32be(nft.NFTA_PAYLOAD_BASE, base)
        .u32be(nft.NFTA_PAYLOAD_OFFSET, offset)
        .u32be(nft.NFTA_PAYLOAD_LEN, bytes),
  };
}

/** register = (register & mask) ^ flips */
export function bitwise(mask: Uint8Array, flips: Uint8Array = new Uint8Array(mask.length)): Instruction {
  const register = registerNumber(FIRST_SLOT);
  return {
    name: "bitwise",
    write: (data) =>
      data
        .u32be(nft.NFTA_BITWISE_SREG, register)
        .u32be(nft.NFTA_BITWISE_DREG, register)
        .u32be(nft.NFTA_BITWISE_LEN, mask.length)
        .u32be(nft.NFTA_BITWISE_OP, nft.NFT_BITWISE_MASK_XOR)
        .nested(nft.NFTA_BITWISE_MASK, (value) => value.bytes(nft.NFTA_DATA_VALUE, mask))
        .nested(nft.NFTA_BITWISE_XOR, (value) => value.bytes(nft.NFTA_DATA_VALUE, flips)),
  };
}

function compare(negated: boolean, bytes: Uint8Array): Instruction {
  return cmp(negated ? nft.NFT_CMP_NEQ : nft.NFT_CMP_EQ, bytes);
}

function cmp(operator: number, bytes: Uint8Array): Instruction {
  return {
    name: "cmp",
    write: (data) =>
      data
        .u32be(nft.NFTA_CMP_SREG, registerNumber(FIRST_SLOT))
        .u32be(nft.NFTA_CMP_OP, operator)
        .nested(nft.NFTA_CMP_DATA, (value) => value.bytes(nft.NFTA_DATA_VALUE, bytes)),
  };
}

function outside(first: Uint8Array, last: Uint8Array): Instruction {
  return {
    name: "range",
    write: (data) =>
      data
        .u32be(nft.NFTA_RANGE_SREG, registerNumber(FIRST_SLOT))
        .u32be(nft.NFTA_RANGE_OP, nft.NFT_RANGE_NEQ)
        .nested(nft.NFTA_RANGE_FROM_DATA, (value) => value.bytes(nft.NFTA_DATA_VALUE, first))
        .nested(nft.NFTA_RANGE_TO_DATA, (value) => value.bytes(nft.NFTA_DATA_VALUE, last)),
  };
}

export function lookup(set: string, result: "match" | "verdict", negated: boolean): Instruction {
  return {
    name: "lookup",
    write: (data) => {
      data.string(nft.NFTA_LOOKUP_SET, set).u32be(nft.NFTA_LOOKUP_SREG, registerNumber(FIRST_SLOT));
      if (result === "verdict") data.u32be(nft.NFTA_LOOKUP_DREG, nft.NFT_REG_VERDICT);
      else if (negated) data.u32be(nft.NFTA_LOOKUP_FLAGS, nft.NFT_LOOKUP_F_INV);
    },
  };
}
