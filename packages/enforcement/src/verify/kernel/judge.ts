import type {
  BaseChain,
  Chain,
  Expression,
  NamedSet,
  Operand,
  Rule,
  SetElement,
  Table,
  Verdict,
} from "@ocicat/nftables";
import type { Probe } from "../probe.ts";
import { JOURNEYS, type Journey, type Traffic } from "../traffic.ts";
import { fieldOf, isValue } from "./field.ts";
import { isState } from "./state.ts";

/** A rule that a packet matched, or the policy of a chain whose end it came to. */
export interface Met {
  readonly base: BaseChain;
  readonly chain: Chain;
  /** Counted from 0; undefined: the base chain's policy. */
  readonly index: number | undefined;
  readonly rule: Rule | undefined;
}

export interface KernelVerdict {
  /** `unknown`: it depends on more than is known of the packet. */
  readonly verdict: "accept" | "drop" | "unknown";
  /** In the order in which they were met; the last one decided. */
  readonly met: readonly Met[];
}

/** NFT_JUMP_STACK_SIZE. */
const DEEPEST = 16;

/** Judges one packet as the kernel would: rule for rule, with nothing of the diagrams. For people, and as the diagrams' check. */
export function judgePacket(table: Table, probe: Probe, journey: Journey, traffic: Traffic): KernelVerdict {
  return new Walker(table, probe, traffic).walk(journey);
}

type Outcome = "accept" | "drop" | "unknown" | "return" | "next";

class Walker {
  readonly #table: Table;
  readonly #probe: Probe;
  readonly #traffic: Traffic;
  readonly #met: Met[] = [];
  #mark: number;

  constructor(table: Table, probe: Probe, traffic: Traffic) {
    this.#table = table;
    this.#probe = probe;
    this.#traffic = traffic;
    this.#mark = probe.mark;
  }

  walk(journey: Journey): KernelVerdict {
    for (const hook of JOURNEYS[journey]) {
      const bases = this.#table.chains.filter((chain): chain is BaseChain => chain.kind === "baseChain");
      const here = this.#table.dormant ? [] : bases.filter((chain) => chain.hook === hook);
      for (const base of here.toSorted((a, b) => a.priority - b.priority)) {
        const outcome = this.#chain(base, base, 0);
        if (outcome === "drop" || outcome === "unknown") return { verdict: outcome, met: this.#met };
        if (outcome === "accept") continue;
        this.#met.push({ base, chain: base, index: undefined, rule: undefined });
        if (base.policy === "drop") return { verdict: "drop", met: this.#met };
      }
    }
    return { verdict: "accept", met: this.#met };
  }

  #chain(chain: Chain, base: BaseChain, depth: number): Outcome {
    if (depth > DEEPEST) return "unknown";
    for (const [index, rule] of chain.rules.entries()) {
      const outcome = this.#rule(rule, { base, chain, index, rule }, depth);
      if (outcome !== "next") return outcome;
    }
    return "next";
  }

  #rule({ body }: Rule, met: Met, depth: number): Outcome {
    let isMet = false;
    const meets = () => {
      if (!isMet) this.#met.push(met);
      isMet = true;
    };
    for (const [at, expression] of body.entries()) {
      switch (expression.kind) {
        case "setMark":
          if (expression.of !== "meta") break;
          meets();
          this.#mark = ((this.#mark & expression.keep) | expression.value) >>> 0;
          break;
        case "verdict":
          meets();
          return this.#obey(expression.verdict, met, depth);
        case "verdictLookup": {
          const verdict = this.#verdictFor(expression.map, expression.keys);
          if (verdict === "none") return "next";
          meets();
          return verdict === undefined ? "unknown" : this.#obey(verdict, met, depth);
        }
        case "reject":
          meets();
          return "drop";
        case "masquerade":
        case "translate":
          meets();
          return "unknown";
        default: {
          if (!body.slice(at).some(decides)) return "next";
          const passes = this.#passes(expression);
          if (passes === false) return "next";
          if (passes === undefined) {
            meets();
            return "unknown";
          }
        }
      }
    }
    return "next";
  }

  #obey(verdict: Verdict, { base }: Met, depth: number): Outcome {
    switch (verdict.kind) {
      case "accept":
      case "drop":
      case "return":
        return verdict.kind;
      case "jump":
      case "goto": {
        const target = this.#table.chains.find(({ name }) => name === verdict.chain);
        const outcome = target === undefined ? "unknown" : this.#chain(target, base, depth + 1);
        if (outcome !== "next" && outcome !== "return") return outcome;
        return verdict.kind === "jump" ? "next" : "return";
      }
    }
  }

  /** Undefined: it cannot be told. */
  #passes(expression: Expression): boolean | undefined {
    switch (expression.kind) {
      case "compare":
        return unless(expression.negated, isValue(expression.right, this.#field(expression.left)));
      case "bits": {
        const field = this.#field(expression.left);
        const holds = typeof field === "number" ? (field & expression.mask) >>> 0 === expression.value : undefined;
        return unless(expression.negated, holds);
      }
      case "lookup": {
        const set = this.#set(expression.set);
        if (set === undefined) return undefined;
        if (isState(set)) return unless(expression.negated, this.#probe.revoked);
        return unless(expression.negated, any(set.elements.map((element) => this.#finds(expression.keys, element))));
      }
      case "limit":
      case "ctCount":
      case "opaque":
        return undefined;
      default:
        return true;
    }
  }

  #verdictFor(name: string, keys: readonly Operand[]): Verdict | "none" | undefined {
    const map = this.#set(name);
    if (map === undefined) return undefined;
    for (const element of map.elements) {
      const finds = this.#finds(keys, element);
      if (finds === undefined) return undefined;
      if (finds && element.verdict !== undefined) return element.verdict;
    }
    return "none";
  }

  #finds(keys: readonly Operand[], { key }: SetElement): boolean | undefined {
    for (const [index, operand] of keys.entries()) {
      const value = key[index];
      const holds = value === undefined ? false : isValue(value, this.#field(operand));
      if (holds !== true) return holds;
    }
    return true;
  }

  #field(operand: Operand) {
    return fieldOf(operand, this.#probe, this.#mark, this.#traffic);
  }

  #set(name: string): NamedSet | undefined {
    return this.#table.sets.find((set) => set.name === name);
  }
}

/** Whether anything follows from whether the rule matches. */
function decides(expression: Expression): boolean {
  switch (expression.kind) {
    case "verdict":
    case "verdictLookup":
    case "reject":
    case "masquerade":
    case "translate":
      return true;
    case "setMark":
      return expression.of === "meta";
    default:
      return false;
  }
}

function any(answers: readonly (boolean | undefined)[]): boolean | undefined {
  return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
}

function unless(negated: boolean, answer: boolean | undefined): boolean | undefined {
  return answer === undefined ? undefined : answer !== negated;
}
