import {
  ACCEPT,
  type Chain,
  DROP,
  type Expression,
  type NamedSet,
  type Rule,
  type SetElement,
  type Table,
  type Value,
  type Verdict,
} from "@ocicat/nftables";
import type { Dice } from "./dice.ts";

/** What somebody, or a mistake of ours, could have done to a table. */
export interface Mutation {
  readonly name: string;
  readonly table: Table;
}

/** A table with one thing otherwise, chosen by the dice. Undefined: the thing chosen cannot be changed so. */
export function mutate(table: Table, dice: Dice): Mutation | undefined {
  const [name, change] = dice.pick(Object.entries(MUTATIONS));
  const changed = change(table, dice);
  return changed === undefined ? undefined : { name, table: changed };
}

type Change = (table: Table, dice: Dice) => Table | undefined;

const MUTATIONS: Readonly<Record<string, Change>> = {
  "rule deleted": inChain((chain, dice) => chain.rules.toSpliced(dice.below(chain.rules.length), 1)),
  "rules swapped": inChain((chain, dice) => {
    const at = dice.below(chain.rules.length - 1);
    const [first, second] = chain.rules.slice(at, at + 2);
    return first && second && chain.rules.toSpliced(at, 2, second, first);
  }),
  "rule repeated": inChain((chain, dice) => {
    const rule = chain.rules[dice.below(chain.rules.length)];
    return rule && [...chain.rules, rule];
  }),
  "verdict changed": inRule((body, dice, table) =>
    change(body, dice, "verdict", (one) => ({ ...one, verdict: otherVerdict(one.verdict, table, dice) })),
  ),
  "match negated": inRule((body, dice) =>
    change(body, dice, dice.pick(["compare", "bits", "lookup"] as const), (one) => ({ ...one, negated: !one.negated })),
  ),
  "match left out": inRule((body, dice) => {
    const at = dice.below(body.length);
    const kind = body[at]?.kind;
    return kind === "compare" || kind === "bits" || kind === "lookup" ? body.toSpliced(at, 1) : undefined;
  }),
  "value changed": inRule((body, dice) =>
    change(body, dice, "compare", (one) => ({ ...one, right: otherValue(one.right) })),
  ),
  "mark not set": inRule((body) => {
    const at = body.findIndex(({ kind }) => kind === "setMark");
    return at < 0 ? undefined : body.toSpliced(at, 1);
  }),
  "element lost": inSet(({ elements }, dice) => elements.toSpliced(dice.below(elements.length), 1)),
  "element changed": inSet(({ elements }, dice, table) => {
    const at = dice.below(elements.length);
    const old = elements[at];
    return old && elements.with(at, otherElement(old, table, dice));
  }),
  "element added": inSet(({ elements }, dice, table) => {
    const old = dice.pick(elements);
    return [...elements, otherElement(old, table, dice)];
  }),
  "set lost": (table, dice) =>
    table.sets.length === 0 ? undefined : { ...table, sets: table.sets.toSpliced(dice.below(table.sets.length), 1) },
  "chain emptied": inChain(() => []),
  "hook's policy changed": onBase((chain) => ({ ...chain, policy: chain.policy === "drop" ? "accept" : "drop" })),
  "hook's priority changed": onBase((chain, dice) => ({ ...chain, priority: dice.pick([-300, -150, -2, 5]) })),
  "hook changed": onBase((chain, dice) => ({
    ...chain,
    hook: dice.pick(["prerouting", "input", "forward", "output"]),
  })),
  "chain at a hook lost": (table, dice) => {
    const base = table.chains.filter(({ kind }) => kind === "baseChain");
    const lost = dice.pick(base);
    return { ...table, chains: table.chains.filter((chain) => chain !== lost) };
  },
  "chain at a hook added": (table, dice) => {
    const base = table.chains.find(({ kind }) => kind === "baseChain");
    const rules = dice.pick(table.chains).rules;
    return base && { ...table, chains: [...table.chains, { ...base, name: "unwanted", rules }] };
  },
  "switched off": (table) => ({ ...table, dormant: true }),
};

function inChain(rulesOf: (chain: Chain, dice: Dice) => readonly Rule[] | undefined): Change {
  return (table, dice) => {
    const full = table.chains.filter(({ rules }) => rules.length > 0);
    const chosen = dice.pick(full);
    const rules = rulesOf(chosen, dice);
    return rules && { ...table, chains: table.chains.map((chain) => (chain === chosen ? { ...chain, rules } : chain)) };
  };
}

function inRule(
  bodyOf: (body: readonly Expression[], dice: Dice, table: Table) => readonly Expression[] | undefined,
): Change {
  return (table, dice) =>
    inChain((chain) => {
      const at = dice.below(chain.rules.length);
      const rule = chain.rules[at];
      const body = rule && bodyOf(rule.body, dice, table);
      return body && rule && chain.rules.with(at, { ...rule, body });
    })(table, dice);
}

function inSet(elementsOf: (set: NamedSet, dice: Dice, table: Table) => readonly SetElement[] | undefined): Change {
  return (table, dice) => {
    const full = table.sets.filter(({ elements }) => elements.length > 0);
    const chosen = dice.pick(full);
    const elements = elementsOf(chosen, dice, table);
    return elements && { ...table, sets: table.sets.map((set) => (set === chosen ? { ...set, elements } : set)) };
  };
}

function onBase(changed: (chain: Extract<Chain, { kind: "baseChain" }>, dice: Dice) => Chain): Change {
  return (table, dice) => {
    const chosen = dice.pick(table.chains.filter((chain) => chain.kind === "baseChain"));
    return { ...table, chains: table.chains.map((chain) => (chain === chosen ? changed(chosen, dice) : chain)) };
  };
}

/** The first expression of the kind, from a place of the dice's on. */
function change<K extends Expression["kind"]>(
  body: readonly Expression[],
  dice: Dice,
  kind: K,
  changed: (expression: Extract<Expression, { kind: K }>) => Expression,
): readonly Expression[] | undefined {
  const found = body.flatMap((expression, at) => (isKind(expression, kind) ? [{ expression, at }] : []));
  if (found.length === 0) return undefined;
  const { expression, at } = dice.pick(found);
  return body.with(at, changed(expression));
}

function isKind<K extends Expression["kind"]>(
  expression: Expression,
  kind: K,
): expression is Extract<Expression, { kind: K }> {
  return expression.kind === kind;
}

function otherVerdict(verdict: Verdict, table: Table, dice: Dice): Verdict {
  switch (verdict.kind) {
    case "accept":
      return DROP;
    case "drop":
    case "return":
      return ACCEPT;
    case "jump":
    case "goto":
      return { kind: verdict.kind, chain: dice.pick(table.chains.filter(({ kind }) => kind === "chain")).name };
  }
}

function otherElement(element: SetElement, table: Table, dice: Dice): SetElement {
  if (element.verdict !== undefined && dice.chance(50)) {
    return { ...element, verdict: otherVerdict(element.verdict, table, dice) };
  }
  const at = dice.below(element.key.length);
  const old = element.key[at];
  return old === undefined ? element : { ...element, key: element.key.with(at, otherValue(old)) };
}

function otherValue(value: Value): Value {
  switch (value.kind) {
    case "interface":
      return { kind: "interface", name: `${value.name}x` };
    case "interfacePrefix":
      return { kind: "interfacePrefix", prefix: `${value.prefix}x` };
    case "number":
      return { kind: "number", number: value.number === 0 ? 1 : value.number - 1 };
    case "numberRange":
      return { kind: "numberRange", first: value.first, last: value.last - 1 };
    case "prefix":
      return { kind: "addressRange", first: value.prefix.address, last: value.prefix.address };
    case "addressRange":
      return { kind: "addressRange", first: value.first, last: value.first };
  }
}
