import { sameHook } from "../equality.ts";
import { invalid, type NftError } from "../errors.ts";
import type { BaseChain, Chain } from "../ir/chain.ts";
import type { Expression, Lookup, VerdictLookup } from "../ir/expression.ts";
import { typeOf } from "../ir/operand.ts";
import type { Rule } from "../ir/rule.ts";
import type { SetElement, SetShape } from "../ir/set.ts";
import { targetOf, type Verdict } from "../ir/verdict.ts";
import { renderBody } from "../text/expression.ts";
import { checkAtHook, dependsOnHook } from "./hook.ts";

/** NFT_JUMP_STACK_SIZE: the kernel refuses more levels of chains, the base chain among them. */
const MAX_LEVELS = 16;

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

interface ChainNode {
  readonly chain: Chain;
  readonly ways: ReadonlySet<string>;
  /** What can be done, or asked, at some hooks only. */
  readonly hookBound: readonly Expression[];
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

/** No chain is called so. */
function mapNode(set: string): string {
  return `@${set}`;
}

function isMap(node: string): boolean {
  return node.startsWith("@");
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

type Ways = ReadonlyMap<string, { keys(): Iterable<string> }>;

/** The ways through the chains, followed from where something is new. What is found out on the way is kept for this one look. */
class Paths {
  readonly #where: string;
  readonly #chains: ReadonlyMap<string, ChainNode>;
  readonly #below: Ways;
  readonly #above: Ways;
  readonly #levelsBelow = new Map<string, number>();
  readonly #levelsAbove = new Map<string, number>();
  readonly #bases = new Map<string, readonly BaseChain[]>();

  constructor(where: string, chains: ReadonlyMap<string, ChainNode>, below: Ways, above: Ways) {
    this.#where = where;
    this.#chains = chains;
    this.#below = below;
    this.#above = above;
  }

  checkCircles(from: string, to: string): void {
    this.#levels(to, this.#below, this.#levelsBelow, [from]);
  }

  /** Where there are no circles. */
  checkWay(from: string, to: string): void {
    const below = this.#levels(to, this.#below, this.#levelsBelow, []);
    const above = this.#levels(from, this.#above, this.#levelsAbove, []);
    if (below + above > MAX_LEVELS) {
      throw invalid(this.#where, `more than ${MAX_LEVELS} levels of chains by way of ${from} → ${to}`);
    }
    for (const name of this.#reachable(to)) this.checkHooks(name);
  }

  checkHooks(name: string): void {
    const node = this.#chains.get(name);
    if (node === undefined || node.hookBound.length === 0) return;
    for (const base of this.#basesOf(name)) {
      for (const expression of node.hookBound) checkAtHook(`${this.#where} chain ${name}`, base, expression);
    }
  }

  /** Chains on the longest way from here on, this one included; sets are no level. */
  #levels(node: string, ways: Ways, known: Map<string, number>, path: readonly string[]): number {
    if (path.includes(node)) throw circle(this.#where, [...path, node]);
    const before = known.get(node);
    if (before !== undefined) return before;
    let most = 0;
    for (const next of ways.get(node)?.keys() ?? []) {
      most = Math.max(most, this.#levels(next, ways, known, [...path, node]));
    }
    const levels = most + (isMap(node) ? 0 : 1);
    known.set(node, levels);
    return levels;
  }

  *#reachable(from: string): Iterable<string> {
    const reached = new Set([from]);
    for (const node of reached) {
      yield node;
      for (const next of this.#below.get(node)?.keys() ?? []) reached.add(next);
    }
  }

  #basesOf(name: string): readonly BaseChain[] {
    const known = this.#bases.get(name);
    if (known !== undefined) return known;
    const reached = new Set([name]);
    for (const node of reached) for (const next of this.#above.get(node)?.keys() ?? []) reached.add(next);
    const bases = [...reached].flatMap((node) => {
      const chain = this.#chains.get(node)?.chain;
      return chain?.kind === "baseChain" ? [chain] : [];
    });
    this.#bases.set(name, bases);
    return bases;
  }
}

/** `path` ends with a node that it has been at before. */
function circle(where: string, path: readonly string[]): NftError {
  const around = path.slice(path.indexOf(path.at(-1) ?? ""), -1).filter((node) => !isMap(node));
  return invalid(where, `the chains go in a circle: ${[...around, ...around.slice(0, 1)].join(" → ")}`);
}
