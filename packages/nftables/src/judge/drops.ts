import type { BaseChain, Chain, Hook } from "../ir/chain.ts";
import type { Opaque } from "../ir/expression.ts";
import type { Rule } from "../ir/rule.ts";
import type { Table, TableFamily } from "../ir/table.ts";
import type { Verdict } from "../ir/verdict.ts";
import { all, elementsFor, passes } from "./match.ts";
import { marked, type PacketFacts, setOut, type Travelling } from "./packet.ts";
import { extensionDoes } from "./xtables.ts";

/** Something that drops, or refuses, a packet at a hook. */
export interface Drop {
  readonly table: Table;
  /** The kernel's entry: the chain at the hook. */
  readonly base: BaseChain;
  /** Where the rule stands; the base chain itself for its policy. */
  readonly chain: Chain;
  /** Undefined: the chain's policy. */
  readonly rule: Rule | undefined;
  /** The packet meets it, by all that is known; else it may. */
  readonly certain: boolean;
}

/**
 * What could drop a packet at a hook, in the order in which the kernel would come by, up to the first that certainly does.
 * An accept ends one base chain only: another table's may still drop. Rules of iptables' old interface are not seen.
 */
export function dropsAt(tables: readonly Table[], hook: Hook, packet: PacketFacts): readonly Drop[] {
  const families = FAMILIES[typeof packet.source === "number" ? 4 : 6];
  const chains = tables
    .filter((table) => families.has(table.family) && !table.dormant)
    .flatMap((table) => table.chains.flatMap((chain) => (isAt(chain, hook) ? [{ table, base: chain }] : [])))
    .toSorted((a, b) => a.base.priority - b.base.priority);
  const drops: Drop[] = [];
  let travelling = setOut(packet);
  for (const { table, base } of chains) {
    const judge = new Judge(table, base, travelling);
    drops.push(...judge.judge());
    travelling = judge.packet;
    if (drops.at(-1)?.certain) break;
  }
  return drops;
}

const FAMILIES: Readonly<Record<4 | 6, ReadonlySet<TableFamily>>> = {
  4: new Set(["ip", "inet"]),
  6: new Set(["ip6", "inet"]),
};

function isAt(chain: Chain, hook: Hook): chain is BaseChain {
  return chain.kind === "baseChain" && chain.hook === hook;
}

/** The kernel stops at this many (NFT_JUMP_STACK_SIZE). */
const DEEPEST = 16;

/** `ends`: nothing behind it is met. `may end`: an accept, return or drop that is not certain has been passed. */
type Outcome = "ends" | "may end" | "goes on";

class Judge {
  readonly #table: Table;
  readonly #base: BaseChain;
  /** As it is after the rules so far. */
  #packet: Travelling;
  readonly #drops: Drop[] = [];

  constructor(table: Table, base: BaseChain, packet: Travelling) {
    this.#table = table;
    this.#base = base;
    this.#packet = packet;
  }

  get packet(): Travelling {
    return this.#packet;
  }

  judge(): readonly Drop[] {
    const outcome = this.#walk(this.#base, true, 0);
    if (outcome !== "ends" && this.#base.policy === "drop") this.#drop(this.#base, undefined, outcome === "goes on");
    return this.#drops;
  }

  /** Goes through a chain that the packet certainly comes to, or may. */
  #walk(chain: Chain, certain: boolean, depth: number): Outcome {
    let sure = certain;
    for (const rule of chain.rules) {
      const matches = all(rule.body.map((expression) => passes(expression, this.#packet, this.#table.sets)));
      if (matches === false) continue;
      for (const expression of rule.body) {
        if (expression.kind === "setMark") this.#packet = marked(this.#packet, expression, sure && matches === true);
      }
      for (const { verdict, found } of this.#verdicts(rule)) {
        const outcome = this.#obey(verdict, chain, rule, sure && matches === true && found, depth);
        if (outcome === "returns") return sure ? "goes on" : "may end";
        if (outcome === "ends") return "ends";
        if (outcome === "may end") sure = false;
      }
    }
    return sure === certain ? "goes on" : "may end";
  }

  #obey(verdict: Verdict, chain: Chain, rule: Rule, certain: boolean, depth: number): Outcome | "returns" {
    switch (verdict.kind) {
      case "accept":
        return certain ? "ends" : "may end";
      case "drop":
        this.#drop(chain, rule, certain);
        return certain ? "ends" : "may end";
      case "return":
        return certain ? "returns" : "may end";
      case "jump":
      case "goto": {
        const target = this.#table.chains.find((candidate) => candidate.name === verdict.chain);
        if (target === undefined || depth >= DEEPEST) return "may end";
        const outcome = this.#walk(target, certain, depth + 1);
        if (outcome !== "goes on" || verdict.kind === "jump") return outcome;
        return certain ? "returns" : "may end";
      }
    }
  }

  #verdicts(rule: Rule): readonly { readonly verdict: Verdict; readonly found: boolean }[] {
    return rule.body.flatMap((expression) => {
      if (expression.kind === "verdict") return [{ verdict: expression.verdict, found: true }];
      if (expression.kind === "reject" || (expression.kind === "opaque" && refuses(expression)))
        return [{ verdict: { kind: "drop" } as const, found: true }];
      if (expression.kind !== "verdictLookup") return [];
      const map = this.#table.sets.find((set) => set.name === expression.map);
      if (map === undefined) return [];
      return elementsFor(map, expression.keys, this.#packet).flatMap(({ element, certain }) =>
        element.verdict === undefined ? [] : [{ verdict: element.verdict, found: certain }],
      );
    });
  }

  #drop(chain: Chain, rule: Rule | undefined, certain: boolean): void {
    this.#drops.push({ table: this.#table, base: this.#base, chain, rule, certain });
  }
}

/** Drops that also answer: what the model does not know of them. */
function refuses(expression: Opaque): boolean {
  return expression.name === "reject" || (expression.name === "target" && extensionDoes(expression) === "drop");
}
