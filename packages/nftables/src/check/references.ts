import { sameHook } from "../equality.ts";
import { invalid, type NftError } from "../errors.ts";
import type { Chain } from "../ir/chain.ts";
import type { Expression, Lookup, VerdictLookup } from "../ir/expression.ts";
import { typeOf } from "../ir/operand.ts";
import type { Rule } from "../ir/rule.ts";
import type { SetElement, SetShape } from "../ir/set.ts";
import { targetOf, type Verdict } from "../ir/verdict.ts";
import { renderBody } from "../text/expression.ts";
import { dependsOnHook } from "./hook.ts";
import { type ChainNode, isMap, mapNode, Paths } from "./paths.ts";

/**
 * What in a table leads to what, kept as chains, sets and elements come and go:
 *
 *     chain forward ──vmap──► @from ──element──► chain from-1 ──jump──► chain pi-7 ──look-up──► @s-9-4h
 *
 * `verify` looks only at what has changed since it last found all well: at the new ways, and at those who needed what is gone.
 */
export class References {
  readonly #where: string;
  readonly #chains = new Map<string, ChainNode>();
  readonly #sets = new Map<string, SetShape>();
  /** Chains by their name, sets by theirs behind an @. How many elements of a map lead to a chain is counted. */
  readonly #ways = new Map<string, Map<string, number>>();
  readonly #origins = new Map<string, Set<string>>();
  /** Not verified yet. */
  readonly #newChains = new Set<string>();
  readonly #newWays = new Map<string, { readonly from: string; readonly to: string }>();
  readonly #gone = new Set<string>();

  constructor(where: string) {
    this.#where = where;
  }

  putChain(chain: Chain): void {
    const { name } = chain;
    const node = nodeOf(chain);
    const before = this.#chains.get(name);
    this.#chains.set(name, node);
    this.#newChains.add(name);
    for (const to of node.ways) {
      if (before?.ways.has(to) !== true) this.#link(name, to);
      // At another hook all that it leads to has to be looked at again.
      else if (!sameHook(chain, before.chain)) this.#newWays.set(`${name} ${to}`, { from: name, to });
    }
    for (const to of before?.ways ?? []) if (!node.ways.has(to)) this.#unlink(name, to);
    // Nobody may go to a chain that has become the kernel's.
    if (before !== undefined && before.chain.kind !== chain.kind) this.#gone.add(name);
  }

  deleteChain(name: string): void {
    for (const to of this.#chains.get(name)?.ways ?? []) this.#unlink(name, to);
    this.#chains.delete(name);
    this.#newChains.delete(name);
    this.#gone.add(name);
  }

  /** Without its elements. */
  putSet(shape: SetShape): void {
    this.#sets.set(shape.name, shape);
    // Those who look something up in it may do so by another key than it has now.
    this.#gone.add(mapNode(shape.name));
  }

  /** Its elements must have been removed. */
  deleteSet(name: string): void {
    this.#sets.delete(name);
    this.#gone.add(mapNode(name));
  }

  /** An element in place of another, or of none. */
  replaceElement(set: string, before: SetElement | undefined, after: SetElement | undefined): void {
    const [from, to] = [targetIn(before?.verdict), targetIn(after?.verdict)];
    if (from === to) return;
    if (to !== undefined) this.#link(mapNode(set), to);
    if (from !== undefined) this.#unlink(mapNode(set), from);
  }

  /** Throws NftError for what refers to nothing, for circles, ways too deep, and for what cannot be done at a hook. */
  verify(): void {
    const newWays = [...this.#newWays.values()];
    for (const name of this.#newChains) this.#checkChain(name);
    for (const { from, to } of newWays) if (isMap(from)) this.#checkElements(from, to);
    for (const name of this.#gone) {
      for (const from of this.#origins.get(name) ?? []) {
        if (isMap(from)) this.#checkElements(from, name);
        else this.#checkChain(from);
      }
    }
    const paths = new Paths(this.#where, this.#chains, this.#ways, this.#origins);
    for (const { from, to } of newWays) paths.checkCircles(from, to);
    for (const { from, to } of newWays) paths.checkWay(from, to);
    for (const name of this.#newChains) paths.checkHooks(name);
    this.#newChains.clear();
    this.#newWays.clear();
    this.#gone.clear();
  }

  #link(from: string, to: string): void {
    const ways = this.#ways.get(from) ?? new Map<string, number>();
    this.#ways.set(from, ways);
    const count = ways.get(to) ?? 0;
    ways.set(to, count + 1);
    if (count > 0) return;
    const origins = this.#origins.get(to) ?? new Set<string>();
    this.#origins.set(to, origins);
    origins.add(from);
    this.#newWays.set(`${from} ${to}`, { from, to });
  }

  #unlink(from: string, to: string): void {
    const ways = this.#ways.get(from);
    const count = ways?.get(to) ?? 0;
    if (count > 1) {
      ways?.set(to, count - 1);
      return;
    }
    ways?.delete(to);
    if (ways?.size === 0) this.#ways.delete(from);
    const origins = this.#origins.get(to);
    origins?.delete(from);
    if (origins?.size === 0) this.#origins.delete(to);
    this.#newWays.delete(`${from} ${to}`);
  }

  #checkChain(name: string): void {
    const chain = this.#chains.get(name)?.chain;
    for (const rule of chain?.rules ?? []) {
      for (const expression of rule.body) this.#checkExpression(name, rule, expression);
    }
  }

  #checkExpression(chain: string, rule: Rule, expression: Expression): void {
    const at = () => `${this.#where} chain ${chain} rule "${renderBody(rule.body)}"`;
    switch (expression.kind) {
      case "lookup":
        checkLookup(at, expression, this.#sets.get(expression.set), expression.set, "none");
        return;
      case "verdictLookup":
        checkLookup(at, expression, this.#sets.get(expression.map), expression.map, "verdict");
        return;
      case "verdict": {
        const target = targetOf(expression.verdict);
        if (target !== undefined && !this.#canGoTo(target)) throw noTarget(at(), target);
        return;
      }
      default:
    }
  }

  #checkElements(map: string, to: string): void {
    if (!this.#canGoTo(to)) throw noTarget(`${this.#where} set ${map.slice(1)}`, to);
  }

  #canGoTo(name: string): boolean {
    return this.#chains.get(name)?.chain.kind === "chain";
  }
}

function nodeOf(chain: Chain): ChainNode {
  const ways = new Set<string>();
  const hookBound: Expression[] = [];
  for (const rule of chain.rules) {
    for (const expression of rule.body) {
      const way = wayOf(expression);
      if (way !== undefined) ways.add(way);
      if (dependsOnHook(expression)) hookBound.push(expression);
    }
  }
  return { chain, ways, hookBound };
}

function wayOf(expression: Expression): string | undefined {
  switch (expression.kind) {
    case "verdict":
      return targetOf(expression.verdict);
    case "lookup":
      return mapNode(expression.set);
    case "verdictLookup":
      return mapNode(expression.map);
    default:
      return undefined;
  }
}

function targetIn(verdict: Verdict | undefined): string | undefined {
  return verdict && targetOf(verdict);
}

export function noTarget(at: string, target: string): NftError {
  return invalid(
    at,
    `there is no chain ${target} to go to`,
    "add the chain to the same table; base chains cannot be gone to",
  );
}

function checkLookup(
  at: () => string,
  expression: Lookup | VerdictLookup,
  set: SetShape | undefined,
  name: string,
  data: SetShape["data"],
): void {
  if (set === undefined) throw invalid(at(), `there is no set ${name}`, "add the set to the same table");
  if (set.data !== data) throw invalid(at(), `${name} is a ${set.data === "verdict" ? "verdict map" : "set"}`);
  const key = expression.keys.map(typeOf);
  if (key.length !== set.key.length || key.some((type, index) => type !== set.key[index])) {
    throw invalid(at(), `the key is ${key.join(" . ")}, the set's is ${set.key.join(" . ")}`);
  }
}
