import { invalid } from "../errors.ts";
import type { Expression, Limit, Lookup, VerdictLookup } from "../ir/expression.ts";
import { type Operand, PAYLOAD_FIELDS, typeOf } from "../ir/operand.ts";
import type { Rule } from "../ir/rule.ts";
import type { SetShape } from "../ir/set.ts";
import type { TableFamily } from "../ir/table.ts";
import { targetOf } from "../ir/verdict.ts";
import { compileBody, LIMIT_SECONDS } from "../netlink/encode-expression.ts";
import { renderBody, renderOperand } from "../text/expression.ts";
import { checkReason } from "./names.ts";
import { checkNumber, checkValue } from "./value.ts";

/** NFT_RULE_MAXEXPRS. */
const MAX_INSTRUCTIONS = 128;
const MAX_BURST = 0xffff_ffff;
const MAX_UINT64 = (1n << 64n) - 1n;
/** NFPROTO_*. */
const NFPROTO = { ipv4: 2, ipv6: 10 } as const;
/** Protocols with ports at the front of their header: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

export interface RuleContext {
  readonly family: TableFamily;
  readonly sets: ReadonlyMap<string, SetShape>;
  /** Names of the chains that can be jumped to. */
  readonly targets: ReadonlySet<string>;
}

/** Throws NftError for a rule that the kernel would refuse, or that would not do what it says. */
export function checkRule(where: string, rule: Rule, context: RuleContext): void {
  const at = `${where} rule "${renderBody(rule.body)}"`;
  checkReason(at, rule.origin);
  const known = new Known(context.family);
  for (const [index, expression] of rule.body.entries()) {
    checkExpression(at, expression, context, known);
    if (expression.kind === "verdict" && index < rule.body.length - 1) {
      throw invalid(at, "what follows a verdict never runs", "put the verdict last");
    }
    known.learn(expression);
  }
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
  readonly #facts = new Set<"ipv4" | "ipv6" | "ports">();

  constructor(family: TableFamily) {
    if (family === "ip") this.#facts.add("ipv4");
    if (family === "ip6") this.#facts.add("ipv6");
  }

  has(fact: "ipv4" | "ipv6" | "ports"): boolean {
    return this.#facts.has(fact);
  }

  learn(expression: Expression): void {
    if (expression.kind !== "compare" || expression.negated || expression.left.kind !== "meta") return;
    const { left, right } = expression;
    if (right.kind !== "number") return;
    if (left.key === "nfproto" && right.number === NFPROTO.ipv4) this.#facts.add("ipv4");
    if (left.key === "nfproto" && right.number === NFPROTO.ipv6) this.#facts.add("ipv6");
    if (left.key === "l4proto" && WITH_PORTS.has(right.number)) this.#facts.add("ports");
  }
}

function checkExpression(at: string, expression: Expression, context: RuleContext, known: Known): void {
  switch (expression.kind) {
    case "compare":
      checkOperands(at, [expression.left], known);
      checkValue(at, typeOf(expression.left), expression.right, "comparison");
      return;
    case "bits": {
      const type = typeOf(expression.left);
      if (type !== "mark" && type !== "ct_state")
        throw invalid(at, `${renderOperand(expression.left)} has no bits to mask`);
      checkNumber(at, type, expression.mask);
      checkNumber(at, type, expression.value);
      return;
    }
    case "lookup":
      checkOperands(at, expression.keys, known);
      checkLookup(at, expression, expression.set, "none", context);
      return;
    case "verdictLookup":
      checkOperands(at, expression.keys, known);
      checkLookup(at, expression, expression.map, "verdict", context);
      return;
    case "verdict": {
      const target = targetOf(expression.verdict);
      if (target !== undefined && !context.targets.has(target)) throw noTarget(at, target);
      return;
    }
    case "limit":
      checkLimit(at, expression);
      return;
    case "counter":
    case "masquerade":
    case "opaque":
      return;
  }
}

export function noTarget(at: string, target: string) {
  return invalid(
    at,
    `there is no chain ${target} to go to`,
    "add the chain to the same table; base chains cannot be gone to",
  );
}

/** A field means what it says only in packets that have it. A key may bring its own proof: the protocol beside the port. */
function checkOperands(at: string, operands: readonly Operand[], known: Known): void {
  const provesPorts = operands.some((operand) => operand.kind === "meta" && operand.key === "l4proto");
  for (const operand of operands) {
    if (operand.kind !== "payload") continue;
    const { needs } = PAYLOAD_FIELDS[operand.field];
    if (known.has(needs) || (needs === "ports" && provesPorts)) continue;
    const fix = needs === "ports" ? "compare meta l4proto first" : `compare meta nfproto with ${needs} first`;
    throw invalid(at, `${operand.field} of a packet that may have none`, fix);
  }
}

function checkLookup(
  at: string,
  expression: Lookup | VerdictLookup,
  name: string,
  data: SetShape["data"],
  { sets }: RuleContext,
): void {
  const set = sets.get(name);
  if (set === undefined) throw invalid(at, `there is no set ${name}`, "add the set to the same table");
  if (set.data !== data) throw invalid(at, `${name} is a ${set.data === "verdict" ? "verdict map" : "set"}`);
  const key = expression.keys.map(typeOf);
  if (key.join() !== set.key.join()) {
    throw invalid(at, `the key is ${key.join(" . ")}, the set's is ${set.key.join(" . ")}`);
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
