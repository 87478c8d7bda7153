import { type Bits, CT_STATES, type Expression, type Limit, type Opaque } from "../ir/expression.ts";
import { type MetaKey, type Operand, typeOf } from "../ir/operand.ts";
import type { Verdict } from "../ir/verdict.ts";
import { renderNumber, renderValue } from "./value.ts";

/** A rule's body as nft writes it. It is also the body's identity: two bodies have the same text only if they are the same. */
export function renderBody(body: readonly Expression[]): string {
  return body.map(renderExpression).join(" ");
}

export function renderExpression(expression: Expression): string {
  switch (expression.kind) {
    case "compare": {
      const right = renderValue(typeOf(expression.left), expression.right);
      return `${renderOperand(expression.left)} ${expression.negated ? "!= " : ""}${right}`;
    }
    case "bits":
      return renderBits(expression);
    case "lookup":
      return `${renderOperands(expression.keys)} ${expression.negated ? "!= " : ""}@${expression.set}`;
    case "verdictLookup":
      return `${renderOperands(expression.keys)} vmap @${expression.map}`;
    case "verdict":
      return renderVerdict(expression.verdict);
    case "counter":
      return "counter";
    case "limit":
      return renderLimit(expression);
    case "masquerade":
      return expression.fullyRandom ? "masquerade fully-random" : "masquerade";
    case "opaque":
      return renderOpaque(expression);
  }
}

export function renderVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case "accept":
    case "drop":
    case "return":
      return verdict.kind;
    case "jump":
    case "goto":
      return `${verdict.kind} ${verdict.chain}`;
  }
}

/** What nft writes without "meta". */
const UNQUALIFIED: ReadonlySet<MetaKey> = new Set(["iifname", "oifname", "iifgroup", "oifgroup"]);

export function renderOperand(operand: Operand): string {
  switch (operand.kind) {
    case "meta":
      return UNQUALIFIED.has(operand.key) ? operand.key : `meta ${operand.key}`;
    case "payload":
      return operand.field;
    case "ct":
      return `ct ${operand.key}`;
  }
}

function renderOperands(operands: readonly Operand[]): string {
  return operands.map(renderOperand).join(" . ");
}

function renderBits(expression: Bits): string {
  const type = typeOf(expression.left);
  const states =
    type === "ct_state" && expression.negated && expression.value === 0 ? ctStateNames(expression.mask) : [];
  if (states.length > 0) return `${renderOperand(expression.left)} ${states.join(",")}`;
  const mask = renderNumber(type, expression.mask);
  return `${renderOperand(expression.left)} & ${mask} ${expression.negated ? "!=" : "=="} ${renderNumber(type, expression.value)}`;
}

/** Empty if the mask has a bit without a name. */
function ctStateNames(mask: number): readonly string[] {
  const named = Object.entries(CT_STATES).filter(([, bit]) => (mask & bit) !== 0);
  return named.reduce((sum, [, bit]) => sum | bit, 0) === mask ? named.map(([name]) => name) : [];
}

function renderLimit(limit: Limit): string {
  const over = limit.over ? "over " : "";
  return limit.of === "packets"
    ? `limit rate ${over}${limit.rate}/${limit.unit} burst ${limit.burst} packets`
    : `limit rate ${over}${limit.rate} bytes/${limit.unit} burst ${limit.burst} bytes`;
}

/** Not nft's language: nft has no way to say "these bytes". */
function renderOpaque(expression: Opaque): string {
  return `<${expression.name} ${Array.from(expression.data, (byte) => byte.toString(16).padStart(2, "0")).join("")}>`;
}
