import {
  type Chain,
  type Expression,
  type Operand,
  type Rule,
  renderBody,
  type Table,
  type Verdict,
} from "@ocicat/nftables";
import type { Node } from "../space/diagram.ts";
import { UNMARKED } from "../space/leaf.ts";
import type { Logic } from "../space/logic.ts";
import type { Traffic } from "../traffic.ts";
import { type Asked, Matcher } from "./match.ts";

/** The kernel stops at this many (NFT_JUMP_STACK_SIZE). */
const DEEPEST = 16;

/** A chain's meaning, for the interfaces that it asked for; for all of them, where it did not. */
interface Known {
  readonly incoming: string | undefined;
  readonly outgoing: string | undefined;
  readonly node: Node;
}

/** What chains of a table do with packets of one family, as diagrams. */
export class Chains {
  readonly #logic: Logic;
  readonly #matcher: Matcher;
  readonly #chains: ReadonlyMap<string, Chain>;
  readonly #known = new Map<string, Known[]>();

  constructor(logic: Logic, table: Table) {
    this.#logic = logic;
    this.#matcher = new Matcher(logic, table);
    this.#chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  }

  /** Accept, drop, next or return, or unknown. */
  meaning(name: string, traffic: Traffic, asked: Asked, depth = 0): Node {
    const chain = this.#chains.get(name);
    if (chain === undefined) return this.#logic.unknown(`chain ${name} is not there`);
    if (depth > DEEPEST) return this.#logic.unknown(`chain ${name} is ${depth} jumps deep`);
    const { incoming, outgoing } = traffic;
    const known = (this.#known.get(name) ?? []).find(
      (one) => (one.incoming ?? incoming) === incoming && (one.outgoing ?? outgoing) === outgoing,
    );
    const own = { incoming: known?.incoming !== undefined, outgoing: known?.outgoing !== undefined };
    const node = known?.node ?? this.#rules(chain, traffic, own, depth);
    if (known === undefined) {
      const found = {
        incoming: own.incoming ? incoming : undefined,
        outgoing: own.outgoing ? outgoing : undefined,
        node,
      };
      this.#known.set(name, [...(this.#known.get(name) ?? []), found]);
    }
    asked.incoming ||= own.incoming;
    asked.outgoing ||= own.outgoing;
    return node;
  }

  #rules(chain: Chain, traffic: Traffic, asked: Asked, depth: number): Node {
    return this.#logic.sequence(...chain.rules.map((rule) => this.#rule(rule, traffic, asked, depth)));
  }

  /** From its end: a match that fails goes on with the next rule, and what has no effect behind it need not be asked. */
  #rule({ body }: Rule, traffic: Traffic, asked: Asked, depth: number): Node {
    return body.reduceRight<Node>(
      (then, expression) => this.#step(expression, then, traffic, asked, depth, body),
      this.#logic.goesOn,
    );
  }

  #step(
    expression: Expression,
    then: Node,
    traffic: Traffic,
    asked: Asked,
    depth: number,
    body: readonly Expression[],
  ): Node {
    const logic = this.#logic;
    switch (expression.kind) {
      case "counter":
      case "log":
      case "notrack":
      case "setDscp":
        return then;
      case "setMark":
        if (expression.of === "ct") return then;
        return logic.sequence(logic.next({ keep: expression.keep, value: expression.value }), then);
      case "verdict":
        return this.#verdict(expression.verdict, traffic, asked, depth);
      case "verdictLookup":
        return this.#verdictLookup(expression.map, expression.keys, traffic, asked, depth);
      case "reject":
        return logic.drop;
      case "masquerade":
      case "translate":
        return logic.unknown(`${renderBody(body)}: changes addresses`);
      default: {
        if (then === logic.goesOn) return then;
        const match = this.#matcher.match(expression, traffic, asked);
        return match === undefined ? then : logic.rule(match, then);
      }
    }
  }

  #verdict(verdict: Verdict, traffic: Traffic, asked: Asked, depth: number): Node {
    const logic = this.#logic;
    switch (verdict.kind) {
      case "accept":
        return logic.accept;
      case "drop":
        return logic.drop;
      case "return":
        return logic.returns(UNMARKED);
      case "jump":
        return logic.called(this.meaning(verdict.chain, traffic, asked, depth + 1));
      case "goto":
        return logic.goneTo(this.meaning(verdict.chain, traffic, asked, depth + 1));
    }
  }

  /** No element: the next rule. */
  #verdictLookup(name: string, keys: readonly Operand[], traffic: Traffic, asked: Asked, depth: number): Node {
    const logic = this.#logic;
    const map = this.#matcher.set(name);
    if (map === undefined) return logic.unknown(`@${name}: there is no such map`);
    const steps: Node[] = [];
    for (const element of map.elements) {
      const match = this.#matcher.element(keys, element, traffic, asked);
      if (match === logic.no || element.verdict === undefined) continue;
      steps.push(logic.rule(match, this.#verdict(element.verdict, traffic, asked, depth)));
    }
    return logic.sequence(...steps);
  }
}
