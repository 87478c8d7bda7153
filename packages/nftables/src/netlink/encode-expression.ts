import type { Prefix } from "@ocicat/net";
import { type AttributeSink, NLA_F_NESTED } from "@ocicat/netlink";
import { DATA_TYPES } from "../ir/data-type.ts";
import type { Bits, Compare, Expression, Limit, LimitUnit, Opaque } from "../ir/expression.ts";
import { CT_KEYS, META_KEYS, type Operand, PAYLOAD_FIELDS, typeOf } from "../ir/operand.ts";
import type { Verdict } from "../ir/verdict.ts";
import * as nft from "./constants.ts";
import { VERDICT_CODES } from "./names.ts";
import { FIRST_SLOT, registerNumber, slotsOf } from "./register.ts";
import { maskBytes, nameBytes, numberBytes, pointBytes, prefixOf, wholeBytesOf } from "./value.ts";

/*
 * A rule's body is a program for the kernel's small machine with registers:
 *
 *     iifname "cali*"     meta load iifname => reg 1    cmp eq reg 1 "cali"
 *     @known              meta load iifname => reg 1    lookup reg 1 set known
 *     drop                immediate reg 0 drop
 *
 * The same instructions in the same order as nft writes them, so that nft recognises and prints them.
 */
export type Instruction =
  | { readonly name: string; readonly write: (data: AttributeSink) => void }
  | { readonly name: string; readonly bytes: Uint8Array };

/** Throws RangeError for what is not checked (see check/) and has no encoding. */
export function compileBody(body: readonly Expression[]): readonly Instruction[] {
  return body.flatMap(compileExpression);
}

/**
 * Into an open NFTA_RULE_EXPRESSIONS.
 *
 *     NFTA_LIST_ELEM
 *       NFTA_EXPR_NAME  "meta"
 *       NFTA_EXPR_DATA  the instruction's own attributes
 */
export function writeInstructions(sink: AttributeSink, instructions: readonly Instruction[]): void {
  for (const instruction of instructions) {
    sink.nested(nft.NFTA_LIST_ELEM, (list) => {
      list.string(nft.NFTA_EXPR_NAME, instruction.name);
      if ("write" in instruction) list.nested(nft.NFTA_EXPR_DATA, instruction.write);
      else list.bytes(nft.NFTA_EXPR_DATA | NLA_F_NESTED, instruction.bytes);
    });
  }
}

/** Into an open nft_data: NFTA_IMMEDIATE_DATA, NFTA_SET_ELEM_DATA. */
export function writeVerdict(sink: AttributeSink, verdict: Verdict): void {
  sink.nested(nft.NFTA_DATA_VERDICT, (inner) => {
    inner.u32be(nft.NFTA_VERDICT_CODE, VERDICT_CODES[verdict.kind]);
    if (verdict.kind === "jump" || verdict.kind === "goto") inner.string(nft.NFTA_VERDICT_CHAIN, verdict.chain);
  });
}

export const LIMIT_SECONDS: Readonly<Record<LimitUnit, bigint>> = {
  second: 1n,
  minute: 60n,
  hour: 3600n,
  day: 86_400n,
  week: 604_800n,
};

function compileExpression(expression: Expression): readonly Instruction[] {
  switch (expression.kind) {
    case "compare":
      return compileCompare(expression);
    case "bits":
      return compileBits(expression);
    case "lookup":
      return [...loadKey(expression.keys), lookup(expression.set, "match", expression.negated)];
    case "verdictLookup":
      return [...loadKey(expression.keys), lookup(expression.map, "verdict", false)];
    case "verdict":
      return [immediateVerdict(expression.verdict)];
    case "counter":
      return [{ name: "counter", write: () => {} }];
    case "limit":
      return [limit(expression)];
    case "masquerade":
      return [masquerade(expression.fullyRandom)];
    case "opaque":
      return [asItCame(expression)];
  }
}

function compileCompare({ left, negated, right }: Compare): readonly Instruction[] {
  const type = typeOf(left);
  switch (right.kind) {
    case "interfacePrefix":
      // Fewer bytes than the register holds: whatever follows in the name is not looked at.
      return [load(left), compare(negated, nameBytes(right.prefix).subarray(0, right.prefix.length))];
    case "interface":
    case "number":
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

function compileBits({ left, mask, negated, value }: Bits): readonly Instruction[] {
  const type = typeOf(left);
  return [load(left), bitwise(numberBytes(type, mask)), compare(negated, numberBytes(type, value))];
}

/** Inside is two comparisons, outside is one instruction: as nft does it. */
function compareRange(negated: boolean, first: Uint8Array, last: Uint8Array): readonly Instruction[] {
  return negated ? [outside(first, last)] : [cmp(nft.NFT_CMP_GTE, first), cmp(nft.NFT_CMP_LTE, last)];
}

/** The fields of a key side by side in registers. */
function loadKey(keys: readonly Operand[]): readonly Instruction[] {
  let slot = FIRST_SLOT;
  return keys.map((key) => {
    const instruction = load(key, slot);
    slot += slotsOf(DATA_TYPES[typeOf(key)].bytes);
    return instruction;
  });
}

/** Puts what the operand names into the registers from `slot` on. */
function load(operand: Operand, slot = FIRST_SLOT, bytes = DATA_TYPES[typeOf(operand)].bytes): Instruction {
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
    case "payload": {
      const { base, offset } = PAYLOAD_FIELDS[operand.field];
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
  }
}

/** register = (register & mask) ^ 0 */
function bitwise(mask: Uint8Array): Instruction {
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
        .nested(nft.NFTA_BITWISE_XOR, (value) => value.bytes(nft.NFTA_DATA_VALUE, new Uint8Array(mask.length))),
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

function lookup(set: string, result: "match" | "verdict", negated: boolean): Instruction {
  return {
    name: "lookup",
    write: (data) => {
      data.string(nft.NFTA_LOOKUP_SET, set).u32be(nft.NFTA_LOOKUP_SREG, registerNumber(FIRST_SLOT));
      if (result === "verdict") data.u32be(nft.NFTA_LOOKUP_DREG, nft.NFT_REG_VERDICT);
      else if (negated) data.u32be(nft.NFTA_LOOKUP_FLAGS, nft.NFT_LOOKUP_F_INV);
    },
  };
}

function immediateVerdict(verdict: Verdict): Instruction {
  return {
    name: "immediate",
    write: (data) =>
      data
        .u32be(nft.NFTA_IMMEDIATE_DREG, nft.NFT_REG_VERDICT)
        .nested(nft.NFTA_IMMEDIATE_DATA, (value) => writeVerdict(value, verdict)),
  };
}

function limit({ rate, unit, burst, of, over }: Limit): Instruction {
  return {
    name: "limit",
    write: (data) =>
      data
        .u64be(nft.NFTA_LIMIT_RATE, rate)
        .u64be(nft.NFTA_LIMIT_UNIT, LIMIT_SECONDS[unit])
        .u32be(nft.NFTA_LIMIT_BURST, burst)
        .u32be(nft.NFTA_LIMIT_TYPE, of === "packets" ? nft.NFT_LIMIT_PKTS : nft.NFT_LIMIT_PKT_BYTES)
        .u32be(nft.NFTA_LIMIT_FLAGS, over ? nft.NFT_LIMIT_F_INV : 0),
  };
}

function masquerade(fullyRandom: boolean): Instruction {
  return {
    name: "masq",
    write: (data) => {
      if (fullyRandom) data.u32be(nft.NFTA_MASQ_FLAGS, nft.NF_NAT_RANGE_PROTO_RANDOM_FULLY);
    },
  };
}

function asItCame({ name, data }: Opaque): Instruction {
  return { name, bytes: data };
}
