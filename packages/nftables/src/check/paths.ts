import { invalid, type NftError } from "../errors.ts";
import type { BaseChain, Chain } from "../ir/chain.ts";
import type { Expression } from "../ir/expression.ts";
import { checkAtHook } from "./hook.ts";

/** NFT_JUMP_STACK_SIZE: the kernel refuses more levels of chains, the base chain among them. */
const MAX_LEVELS = 16;

/** A chain of a table, and what it leads to. */
export interface ChainNode {
  readonly chain: Chain;
  readonly ways: ReadonlySet<string>;
  /** What can be done, or asked, at some hooks only. */
  readonly hookBound: readonly Expression[];
}

/** No chain is called so. */
export function mapNode(set: string): string {
  return `@${set}`;
}

export function isMap(node: string): boolean {
  return node.startsWith("@");
}

type Ways = ReadonlyMap<string, { keys(): Iterable<string> }>;

/** The ways through the chains, followed from where something is new. What is found out on the way is kept for this one look. */
export class Paths {
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
