import { invalid } from "../errors.ts";
import { BIT_TYPES } from "../ir/data-type.ts";
import { type Expression, type Limit, type Log, REJECT_CODES, type Reject } from "../ir/expression.ts";
import { type Operand, PAYLOAD_FIELDS, type PacketKind, payload, typeOf } from "../ir/operand.ts";
import { provenBy } from "../ir/proof.ts";
import type { Rule } from "../ir/rule.ts";
import type { TableFamily } from "../ir/table.ts";
import { compileBody } from "../netlink/encode-expression.ts";
import { LIMIT_SECONDS } from "../netlink/encode-statement.ts";
import { renderBody, renderOperand } from "../text/expression.ts";
import { checkReason } from "./names.ts";
import { checkNumber, checkValue } from "./value.ts";

/** NFT_RULE_MAXEXPRS. */
const MAX_INSTRUCTIONS = 128;
/** A look-up by the longest key: 16 fields, and the look-up itself. */
const MOST_OF_AN_EXPRESSION = 17;
const MAX_BURST = 0xffff_ffff;
const MAX_UINT64 = (1n << 64n) - 1n;
/** NF_LOG_PREFIXLEN, less the NUL. */
const MAX_PREFIX = 127;

/** Nothing behind them is met. */
const FINAL: ReadonlySet<Expression["kind"]> = new Set(["verdict", "reject", "translate", "masquerade"] as const);

/**
 * Throws NftError for a rule that the kernel would refuse, or that would not do what it says. Not looked at: whether what it
 * refers to is there (see References).
 */
export function checkRule(where: string, rule: Rule, family: TableFamily): void {
  const at = `${where} rule "${renderBody(rule.body)}"`;
  checkReason(at, rule.origin);
  const known = new Known(family);
  for (const [index, expression] of rule.body.entries()) {
    checkExpression(at, expression, family, known);
    if (FINAL.has(expression.kind) && index < rule.body.length - 1) {
      throw invalid(at, `what follows a ${expression.kind} never runs`, `put the ${expression.kind} last`);
    }
    known.learn(expression);
  }
  if (rule.body.length * MOST_OF_AN_EXPRESSION <= MAX_INSTRUCTIONS) return;
  const count = compileBody(rule.body).length;
  if (count > MAX_INSTRUCTIONS) {
    throw invalid(
      at,
      `the rule takes ${count} instructions, a rule has ${MAX_INSTRUCTIONS} at most`,
      "use a set, or two rules",
    );
  }
}

/** What the matches so far have made sure of. */
class Known {
  readonly #facts = new Set<PacketKind>();

  constructor(family: TableFamily) {
    if (family === "ip") this.#facts.add("ipv4");
    if (family === "ip6") this.#facts.add("ipv6");
  }

  has(fact: PacketKind): boolean {
    return this.#facts.has(fact);
  }

  learn(expression: Expression): void {
    for (const fact of provenBy(expression)) this.#facts.add(fact);
  }
}

function checkExpression(at: string, expression: Expression, family: TableFamily, known: Known): void {
  switch (expression.kind) {
    case "compare":
      checkOperands(at, [expression.left], known);
      checkValue(at, typeOf(expression.left), expression.right, "comparison");
      if (typeOf(expression.left) === "boolean" && expression.negated) {
        throw invalid(at, "not the one is the other", "compare with the other value");
      }
      return;
    case "bits": {
      checkOperands(at, [expression.left], known);
      const type = typeOf(expression.left);
      if (!BIT_TYPES.has(type)) throw invalid(at, `${renderOperand(expression.left)} has no bits to mask`);
      checkNumber(at, type, expression.mask);
      checkNumber(at, type, expression.value);
      return;
    }
    case "lookup":
    case "verdictLookup":
      checkOperands(at, expression.keys, known);
      return;
    case "limit":
      checkLimit(at, expression);
      return;
    case "setMark":
      checkNumber(at, "mark", expression.keep);
      checkNumber(at, "mark", expression.value);
      if ((expression.keep & expression.value) !== 0) throw invalid(at, "a bit is both kept and set");
      if (expression.keep === 0xffff_ffff) throw invalid(at, "changes no bit of the mark");
      return;
    case "setDscp":
      checkOperands(at, [payload(expression.field)], known);
      checkNumber(at, "dscp", expression.value);
      return;
    case "log":
      checkLog(at, expression);
      return;
    case "reject":
      checkReject(at, expression, known, family);
      return;
    case "ctCount":
      checkRange(at, "a count", expression.count, 0, 0xffff_ffff);
      return;
    case "translate": {
      const needs = typeof expression.address === "number" ? "ipv4" : "ipv6";
      if (!known.has(needs))
        throw invalid(at, `an address of ${needs} for any packet`, `compare meta nfproto with ${needs} first`);
      return;
    }
    case "verdict":
    case "counter":
    case "masquerade":
    case "notrack":
    case "opaque":
      return;
  }
}

function checkLog(at: string, { prefix, to }: Log): void {
  // nft's strings know no escape, and put values in place of $names.
  if (prefix.length > MAX_PREFIX || !/^[ !#%-~]*$/.test(prefix)) {
    throw invalid(
      at,
      `"${prefix}" is not a prefix for the log`,
      `use up to ${MAX_PREFIX} printable ASCII characters, no " and no $`,
    );
  }
  if (to.kind === "kernel") return;
  checkRange(at, "an NFLOG group", to.group, 0, 0xffff);
  if (to.snaplen !== undefined) checkRange(at, "a snaplen", to.snaplen, 1, 0xffff_ffff);
  if (to.queueThreshold !== undefined) checkRange(at, "a queue threshold", to.queueThreshold, 1, 0xffff);
}

function checkReject(at: string, expression: Reject, known: Known, of: TableFamily): void {
  if (expression.with === "tcp reset") {
    if (!known.has("tcp")) throw invalid(at, "a TCP reset for any packet", "compare meta l4proto with tcp first");
    return;
  }
  // In a table of one family the kernel takes it, drops the packet and tells nobody.
  if (expression.with === "icmpx" && of !== "inet" && of !== "bridge") {
    throw invalid(at, `an answer of icmpx in family ${of}`, "use icmp or icmpv6");
  }
  const needs = { icmp: "ipv4", icmpv6: "ipv6", icmpx: undefined } as const;
  const family = needs[expression.with];
  if (family !== undefined && !known.has(family)) {
    throw invalid(at, `an answer of ${expression.with} for any packet`, "use icmpx, or compare meta nfproto first");
  }
  const codes = REJECT_CODES[expression.with];
  if (!Object.hasOwn(codes, expression.code)) {
    throw invalid(at, `${expression.with} has no code ${expression.code}`, `use ${Object.keys(codes).join(", ")}`);
  }
}

function checkRange(at: string, what: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalid(at, `${value} is not ${what}`, `use ${least} to ${most}`);
  }
}

/** A field means what it says only in packets that have it. A key may bring its own proof: the protocol beside the port. */
function checkOperands(at: string, operands: readonly Operand[], known: Known): void {
  const provesPorts = operands.some((operand) => operand.kind === "meta" && operand.key === "l4proto");
  for (const operand of operands) {
    if (operand.kind !== "payload") continue;
    const { needs } = PAYLOAD_FIELDS[operand.field];
    if (known.has(needs) || (needs === "ports" && provesPorts)) continue;
    const fix =
      needs === "ipv4" || needs === "ipv6" ? `compare meta nfproto with ${needs} first` : "compare meta l4proto first";
    throw invalid(at, `${operand.field} of a packet that may have none`, fix);
  }
}

/** The kernel counts tokens in nanoseconds, 64 bits of them, and refuses what overflows (EOVERFLOW). */
function checkLimit(at: string, { rate, unit, burst, of }: Limit): void {
  const least = of === "packets" ? 1 : 0;
  if (!Number.isInteger(burst) || burst < least || burst > MAX_BURST)
    throw invalid(at, `a burst of ${burst} is out of range`);
  const nanoseconds = LIMIT_SECONDS[unit] * 1_000_000_000n;
  if (rate < 1n || rate > MAX_UINT64) throw invalid(at, `a rate of ${rate} is out of range`);
  const tokens = of === "packets" ? (nanoseconds / rate) * BigInt(burst) : nanoseconds * (rate + BigInt(burst));
  if (tokens > MAX_UINT64) {
    throw invalid(at, `a rate of ${rate} ${of}/${unit} with a burst of ${burst} is out of range`, "use a shorter unit");
  }
}
