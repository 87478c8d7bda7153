import type { Diagrams, Edge, Node, Operation } from "./diagram.ts";
import { type AddressLine, type AddressRange, dimension, markBit } from "./header.ts";
import { type Leaf, type MarkChange, markOf, thenMark, UNMARKED } from "./leaf.ts";

/** Both ends belong to it. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** The words in which matches and chains are put together, of one family's packets. */
export class Logic {
  readonly diagrams: Diagrams;
  readonly addresses: AddressLine;
  readonly yes: Node;
  readonly no: Node;
  readonly accept: Node;
  readonly drop: Node;
  /** The next rule is asked, and nothing has changed. */
  readonly goesOn: Node;

  constructor(diagrams: Diagrams, addresses: AddressLine) {
    this.diagrams = diagrams;
    this.addresses = addresses;
    this.yes = diagrams.leaf({ kind: "yes" });
    this.no = diagrams.leaf({ kind: "no" });
    this.accept = this.accepts(UNMARKED);
    this.drop = diagrams.leaf({ kind: "drop" });
    this.goesOn = this.next(UNMARKED);
  }

  // Matches: yes, no, or unknown.

  unknown(why: string): Node {
    return this.diagrams.leaf({ kind: "unknown", why });
  }

  constant(holds: boolean): Node {
    return holds ? this.yes : this.no;
  }

  /** In order, as the kernel asks: what the first denies, the second is not asked. */
  and(...matches: readonly Node[]): Node {
    return matches.reduce((all, match) => this.diagrams.apply(this.#and, all, match), this.yes);
  }

  or(...matches: readonly Node[]): Node {
    return balanced(matches, this.no, (a, b) => this.diagrams.apply(this.#or, a, b));
  }

  not(match: Node): Node {
    return this.diagrams.apply(this.#not, match, match);
  }

  /** One dimension's value is in one of the ranges, which may overlap. */
  within(of: number, ranges: Iterable<NumberRange>): Node {
    return this.diagrams.choice(of, this.#union(ranges), this.no);
  }

  /** Ranges of the other family hold none of this one's addresses. */
  address(of: "source" | "destination", ranges: Iterable<AddressRange>): Node {
    const pieces: NumberRange[] = [];
    for (const range of ranges) {
      const ofFamily = typeof range.first === "number" ? 4 : 6;
      if (ofFamily === this.addresses.family) pieces.push(this.addresses.piecesOf(range));
    }
    return this.within(dimension[of], pieces);
  }

  /** Those values of a small dimension for which `holds`. */
  where(of: number, size: number, holds: (value: number) => boolean): Node {
    const values: NumberRange[] = [];
    for (let value = 0; value < size; value++) if (holds(value)) values.push({ first: value, last: value });
    return this.within(of, values);
  }

  /** `(mark & mask) == value`. */
  mark(mask: number, value: number): Node {
    if ((value & ~mask) !== 0) return this.no;
    const bits = bitsOf(mask).map((bit) => {
      const wanted = (value >>> bit) & 1;
      return this.within(markBit(bit), [{ first: wanted, last: wanted }]);
    });
    return this.and(...bits);
  }

  // Chains: accept, drop, next, return, or unknown.

  accepts(mark: MarkChange): Node {
    return this.diagrams.leaf({ kind: "accept", mark });
  }

  next(mark: MarkChange): Node {
    return this.diagrams.leaf({ kind: "next", mark });
  }

  returns(mark: MarkChange): Node {
    return this.diagrams.leaf({ kind: "return", mark });
  }

  /** Where the match says yes, what is given; where no, the next rule. */
  rule(match: Node, then: Node): Node {
    return this.diagrams.apply(this.#rule, match, then);
  }

  /** One after the other. Put together in pairs, so that what grows is met a few times and not at every rule. */
  sequence(...steps: readonly Node[]): Node {
    return balanced(steps, this.goesOn, (a, b) => this.diagrams.apply(this.#then, a, b));
  }

  /** A chain that was jumped to: where it returns, or ends, the rule behind the jump is next. */
  called(chain: Node): Node {
    return this.diagrams.apply(this.#called, chain, chain);
  }

  /** A chain that was gone to: where it returns, or ends, so does the one that went there. */
  goneTo(chain: Node): Node {
    return this.diagrams.apply(this.#goneTo, chain, chain);
  }

  /** A chain at a hook: where nothing has decided, its policy does. */
  atHook(chain: Node, policy: "accept" | "drop"): Node {
    return this.diagrams.apply(policy === "accept" ? this.#openEnd : this.#closedEnd, chain, chain);
  }

  /** Both have to accept: what the first drops the second does not see, and the second sees the first one's mark. */
  both(first: Node, second: Node): Node {
    return this.diagrams.apply(this.#both, first, second);
  }

  /** The marks that are left do not matter. */
  unmarked(chain: Node): Node {
    return this.diagrams.apply(this.#unmarked, chain, chain);
  }

  /** What one stage allows, and what it does not decide, the next one is asked about. */
  passes(stage: Node): Node {
    return this.diagrams.apply(this.#passes, stage, stage);
  }

  /** What one stage allows, those behind it are not asked about: it returns. */
  answers(stage: Node): Node {
    return this.diagrams.apply(this.#answers, stage, stage);
  }

  readonly #and = replacing({ yes: (second) => second });
  readonly #or = replacing({ no: (second) => second });
  readonly #not = replacing({ yes: () => this.no, no: () => this.yes });
  readonly #rule = replacing({ yes: (second) => second, no: () => this.goesOn });
  readonly #both = rewriting({ accept: (second, mark) => this.#marked(second, mark) });
  readonly #openEnd = replacing({
    next: (_, mark) => this.accepts(mark),
    return: (_, mark) => this.accepts(mark),
  });
  readonly #closedEnd = replacing({ next: () => this.drop, return: () => this.drop });
  readonly #called = replacing({ return: (_, mark) => this.next(mark) });
  readonly #goneTo = replacing({ next: (_, mark) => this.returns(mark) });
  readonly #then = rewriting({ next: (second, mark) => this.#marked(second, mark) });
  readonly #unmarked = replacing({ accept: () => this.accept });
  readonly #passes = replacing({ accept: () => this.goesOn });
  readonly #answers = replacing({ accept: () => this.returns(UNMARKED) });

  readonly #afterMark = new Map<MarkChange, Operation>();

  /** What follows once the mark has been changed so. */
  #marked(node: Node, mark: MarkChange): Node {
    if (mark.keep === UNMARKED.keep) return node;
    const values = new Map(bitsOf(~mark.keep).map((bit) => [markBit(bit), (mark.value >>> bit) & 1]));
    let after = this.#afterMark.get(mark);
    if (after === undefined) {
      after = replacing({
        accept: (_, more) => this.accepts(thenMark(mark, more)),
        next: (_, more) => this.next(thenMark(mark, more)),
        return: (_, more) => this.returns(thenMark(mark, more)),
      });
      this.#afterMark.set(mark, after);
    }
    const fixed = this.diagrams.fix(node, values);
    return this.diagrams.apply(after, fixed, fixed);
  }

  #union(ranges: Iterable<NumberRange>): Edge[] {
    const edges: { first: number; last: number; readonly to: Node }[] = [];
    for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
      const before = edges.at(-1);
      if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
      else edges.push({ first, last, to: this.yes });
    }
    return edges;
  }
}

type Replacement = (second: Node, mark: MarkChange) => Node;

/** Replaces the leaves of the kinds named; the others stay. */
function replacing(by: Partial<Record<Leaf["kind"], Replacement>>): Operation {
  return {
    replace: (leaf, at, second) => by[leaf.kind]?.(second, markOf(leaf)) ?? at,
  };
}

/** The second diagram is asked behind the mark's changes. */
function rewriting(by: Partial<Record<Leaf["kind"], Replacement>>): Operation {
  return { ...replacing(by), rewrites: markBit(0) };
}

/** The bits that are set, as their numbers. */
export function bitsOf(mask: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) === 1);
}

function balanced(nodes: readonly Node[], none: Node, join: (a: Node, b: Node) => Node): Node {
  const [first] = nodes;
  if (first === undefined) return none;
  if (nodes.length === 1) return first;
  const middle = nodes.length >> 1;
  return join(balanced(nodes.slice(0, middle), none, join), balanced(nodes.slice(middle), none, join));
}
