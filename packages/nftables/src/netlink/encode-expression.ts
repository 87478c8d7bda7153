import { type AttributeSink, NLA_F_NESTED } from "@ocicat/netlink";
import type { Expression } from "../ir/expression.ts";
import * as nft from "./constants.ts";
import { compileBits, compileCompare, loadKey, lookup } from "./encode-match.ts";
import {
  asItCame,
  compileSetDscp,
  compileSetMark,
  connectionLimit,
  immediateVerdict,
  limit,
  log,
  masquerade,
  reject,
  translate,
} from "./encode-statement.ts";
import type { Instruction } from "./instruction.ts";

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
    case "translate":
      return translate(expression);
    case "setMark":
      return compileSetMark(expression);
    case "setDscp":
      return compileSetDscp(expression);
    case "log":
      return [log(expression)];
    case "notrack":
      return [{ name: "notrack", write: () => {} }];
    case "reject":
      return [reject(expression)];
    case "ctCount":
      return [connectionLimit(expression.count, expression.over)];
    case "opaque":
      return [asItCame(expression)];
  }
}
