import { formatAddress } from "@ocicat/net";
import type { DataType } from "../ir/data-type.ts";
import {
  type Bits,
  CT_STATES,
  CT_STATUS,
  type Expression,
  type Limit,
  type Log,
  type Opaque,
  type SetMark,
  TCP_FLAGS,
  type Translate,
} from "../ir/expression.ts";
import { type MetaKey, type Operand, typeOf } from "../ir/operand.ts";
import type { Verdict } from "../ir/verdict.ts";
import { renderNumber, renderValue } from "./value.ts";

/** A rule's body as nft writes it. It is also the body's identity: two bodies have the same text only if they are the same. */
export function renderBody(body: readonly Expression[]): string {
  let text = bodies.get(body);
  if (text === undefined) {
    text = body.map(renderExpression).join(" ");
    bodies.set(body, text);
  }
  return text;
}

/** A body never changes, and its text is asked for by whoever compares, names or checks it. */
const bodies = new WeakMap<readonly Expression[], string>();

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
    case "translate":
      return renderTranslation(expression);
    case "setMark":
      return renderSetMark(expression);
    case "setDscp":
      return `${expression.field} set ${expression.value}`;
    case "log":
      return renderLog(expression);
    case "notrack":
      return "notrack";
    case "reject":
      return expression.with === "tcp reset"
        ? "reject with tcp reset"
        : `reject with ${expression.with} ${expression.code}`;
    case "ctCount":
      return `ct count ${expression.over ? "over " : ""}${expression.count}`;
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
    case "fib":
      return `${operand.kind} ${operand.key}`;
  }
}

function renderOperands(operands: readonly Operand[]): string {
  return operands.map(renderOperand).join(" . ");
}

/** The bits that nft has names for, of types in which all that are used have one. */
const BIT_NAMES: Readonly<Partial<Record<DataType, Readonly<Record<string, number>>>>> = {
  ct_state: CT_STATES,
  ct_status: CT_STATUS,
  tcp_flag: TCP_FLAGS,
};

/**
 *     ct state established,related      any of the bits
 *     tcp flags & (syn | ack) == syn    these of those
 */
function renderBits({ left, mask, negated, value }: Bits): string {
  const type = typeOf(left);
  const names = bitNames(type, mask);
  if (names.length > 0 && negated && value === 0) return `${renderOperand(left)} ${names.join(",")}`;
  return `${renderOperand(left)} & ${renderMask(type, mask)} ${negated ? "!=" : "=="} ${renderMask(type, value)}`;
}

function renderMask(type: DataType, bits: number): string {
  const names = bitNames(type, bits);
  if (names.length === 0) return renderNumber(type, bits);
  return names.length === 1 ? names.join() : `(${names.join(" | ")})`;
}

/** Empty if there is a bit without a name, or none at all. */
function bitNames(type: DataType, bits: number): readonly string[] {
  const named = Object.entries(BIT_NAMES[type] ?? {}).filter(([, bit]) => (bits & bit) !== 0);
  return named.reduce((sum, [, bit]) => sum | bit, 0) === bits ? named.map(([name]) => name) : [];
}

function renderSetMark({ of, keep, value }: SetMark): string {
  const mark = `${of} mark`;
  const hex = (bits: number) => renderNumber("mark", bits);
  if (keep === 0) return `${mark} set ${hex(value)}`;
  if (value === 0) return `${mark} set ${mark} & ${hex(keep)}`;
  const kept = (keep | value) >>> 0 === 0xffff_ffff ? mark : `${mark} & ${hex(keep)}`;
  return `${mark} set ${kept} | ${hex(value)}`;
}

function renderTranslation({ end, address }: Translate): string {
  const family = typeof address === "number" ? "ip" : "ip6";
  return `${end === "source" ? "snat" : "dnat"} ${family} to ${formatAddress(address)}`;
}

function renderLog({ prefix, to }: Log): string {
  const what = prefix === "" ? "log" : `log prefix "${prefix}"`;
  if (to.kind === "kernel") return to.level === "warn" ? what : `${what} level ${to.level}`;
  const snaplen = to.snaplen === undefined ? "" : ` snaplen ${to.snaplen}`;
  const threshold = to.queueThreshold === undefined ? "" : ` queue-threshold ${to.queueThreshold}`;
  return `${what} group ${to.group}${snaplen}${threshold}`;
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
