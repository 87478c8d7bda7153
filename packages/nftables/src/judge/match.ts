import { type Address, compareAddresses } from "@ocicat/net";
import type { Compare, Expression } from "../ir/expression.ts";
import type { Operand } from "../ir/operand.ts";
import type { NamedSet, SetElement } from "../ir/set.ts";
import type { Value } from "../ir/value.ts";
import { hasBits } from "./mark.ts";
import { type FieldValue, fieldOf, markOf, type Travelling } from "./packet.ts";
import { extensionDoes, extensionMatches } from "./xtables.ts";

/** Whether something holds; undefined: it cannot be said from what is known. */
export type Answer = boolean | undefined;

/** Whether a packet gets past an expression. Statements let everything by. */
export function passes(expression: Expression, packet: Travelling, sets: readonly NamedSet[]): Answer {
  switch (expression.kind) {
    case "compare":
      return unless(expression.negated, comparesWith(expression, packet));
    case "bits": {
      const { mask, value } = expression;
      const mark = markOf(expression.left, packet);
      if (mark !== undefined) return unless(expression.negated, hasBits(mark, mask, value));
      const field = fieldOf(expression.left, packet);
      if (typeof field !== "number") return undefined;
      return unless(expression.negated, (field & mask) >>> 0 === value);
    }
    case "lookup": {
      const set = sets.find((candidate) => candidate.name === expression.set);
      return unless(expression.negated, set && holdsKey(set, expression.keys, packet));
    }
    case "limit":
    case "ctCount":
      return undefined;
    case "opaque":
      if (expression.name === "match") return extensionMatches(expression, packet);
      if (expression.name === "target") return extensionDoes(expression) === undefined ? undefined : true;
      return STATEMENTS.has(expression.name) ? true : undefined;
    case "verdictLookup":
    case "verdict":
    case "counter":
    case "masquerade":
    case "translate":
    case "setMark":
    case "setDscp":
    case "log":
    case "notrack":
    case "reject":
      return true;
  }
}

function comparesWith({ left, right }: Compare, packet: Travelling): Answer {
  const mark = markOf(left, packet);
  if (mark !== undefined && right.kind === "number") return hasBits(mark, 0xffff_ffff, right.number);
  return holds(right, fieldOf(left, packet));
}

/** Of the kernel's expressions that the model does not know, those that match nothing: they do something. */
const STATEMENTS: ReadonlySet<string> = new Set([
  "log",
  "nat",
  "redir",
  "tproxy",
  "notrack",
  "queue",
  "dup",
  "objref",
  "reject",
]);

/** The elements of a map that the packet's key may find. */
export function elementsFor(
  set: NamedSet,
  keys: readonly Operand[],
  packet: Travelling,
): readonly { readonly element: SetElement; readonly certain: boolean }[] {
  return set.elements.flatMap((element) => {
    const found = all(keys.map((key, index) => holds(element.key[index], fieldOf(key, packet))));
    return found === false ? [] : [{ element, certain: found === true }];
  });
}

function holdsKey(set: NamedSet, keys: readonly Operand[], packet: Travelling): Answer {
  const found = elementsFor(set, keys, packet);
  if (found.some(({ certain }) => certain)) return true;
  return found.length === 0 ? false : undefined;
}

function holds(value: Value | undefined, field: FieldValue): Answer {
  if (field === "none") return false;
  if (field === undefined || value === undefined) return undefined;
  switch (value.kind) {
    case "interface":
      return field === value.name;
    case "interfacePrefix":
      return typeof field === "string" && field.startsWith(value.prefix);
    case "prefix":
      return isAddressOf(field, value.prefix.family) && value.prefix.has(field);
    case "addressRange":
      return (
        isAddressOf(field, typeof value.first === "number" ? 4 : 6) &&
        compareAddresses(value.first, field) <= 0 &&
        compareAddresses(field, value.last) <= 0
      );
    case "number":
      return field === value.number;
    case "numberRange":
      return typeof field === "number" && value.first <= field && field <= value.last;
  }
}

/** A field that is compared with addresses is one: the operand's data type says so (see check). */
function isAddressOf(field: FieldValue, family: 4 | 6): field is Address {
  return typeof field === (family === 4 ? "number" : "bigint");
}

function unless(negated: boolean, answer: Answer): Answer {
  return answer === undefined ? undefined : answer !== negated;
}

/** All of them: false if one is, else undefined if one is. */
export function all(answers: readonly Answer[]): Answer {
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? undefined : true;
}
