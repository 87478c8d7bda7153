import { describe, expect, it } from "vitest";
import { Diagrams, type Node } from "../../src/verify/space/diagram.ts";
import { AddressLine, dimension, markBit, sizesOf } from "../../src/verify/space/header.ts";
import { type Leaf, type MarkChange, UNMARKED } from "../../src/verify/space/leaf.ts";
import { Logic } from "../../src/verify/space/logic.ts";
import { Dice } from "../support/dice.ts";

/** A packet of this test: a few values of two dimensions, and two bits of the mark. */
interface Small {
  readonly protocol: number;
  readonly port: number;
  readonly mark: number;
}

/** The same thing said twice: as a diagram, and as a function. */
interface Both<T> {
  readonly node: Node;
  readonly of: (packet: Small) => T;
}

const PROTOCOLS = [0, 1, 2, 3, 255];
const PORTS = [0, 1, 2, 3, 65_535];
const MARKS = [0, 1, 2, 3];
const ALL: readonly Small[] = PROTOCOLS.flatMap((protocol) =>
  PORTS.flatMap((port) => MARKS.map((mark) => ({ protocol, port, mark }))),
);

function logic(): Logic {
  const addresses = new AddressLine(4, []);
  return new Logic(new Diagrams(sizesOf(addresses)), addresses);
}

function randomMatch(words: Logic, dice: Dice, depth = 3): Both<boolean> {
  if (depth === 0 || dice.chance(30)) {
    const [a, b] = [dice.below(4), dice.below(4)];
    const [first, last] = [Math.min(a, b), Math.max(a, b)];
    switch (dice.below(3)) {
      case 0:
        return {
          node: words.within(dimension.protocol, [{ first, last }]),
          of: ({ protocol }) => first <= protocol && protocol <= last,
        };
      case 1:
        return {
          node: words.within(dimension.destinationPort, [{ first, last }]),
          of: ({ port }) => first <= port && port <= last,
        };
      default:
        return { node: words.mark(a, a & b), of: ({ mark }) => (mark & a) === (a & b) };
    }
  }
  const [left, right] = [randomMatch(words, dice, depth - 1), randomMatch(words, dice, depth - 1)];
  switch (dice.below(3)) {
    case 0:
      return { node: words.and(left.node, right.node), of: (packet) => left.of(packet) && right.of(packet) };
    case 1:
      return { node: words.or(left.node, right.node), of: (packet) => left.of(packet) || right.of(packet) };
    default:
      return { node: words.not(left.node), of: (packet) => !left.of(packet) };
  }
}

/** What becomes of a packet, and what its mark is then. */
type Result = { readonly kind: Leaf["kind"]; readonly mark: number };

function randomChain(words: Logic, dice: Dice, depth = 2): Both<Result> {
  const rules = Array.from({ length: 1 + dice.below(4) }, () => randomRule(words, dice, depth));
  return {
    node: words.sequence(...rules.map(({ node }) => node)),
    of: (packet) => {
      let { mark } = packet;
      for (const rule of rules) {
        const result = rule.of({ ...packet, mark });
        if (result.kind !== "next") return result;
        mark = result.mark;
      }
      return { kind: "next", mark };
    },
  };
}

function randomRule(words: Logic, dice: Dice, depth: number): Both<Result> {
  const match = randomMatch(words, dice);
  const then = randomOutcome(words, dice, depth);
  return {
    node: words.rule(match.node, then.node),
    of: (packet) => (match.of(packet) ? then.of(packet) : { kind: "next", mark: packet.mark }),
  };
}

function randomOutcome(words: Logic, dice: Dice, depth: number): Both<Result> {
  switch (dice.below(depth === 0 ? 4 : 5)) {
    case 0:
      return { node: words.accept, of: ({ mark }) => ({ kind: "accept", mark }) };
    case 1:
      return { node: words.drop, of: () => ({ kind: "drop", mark: 0 }) };
    case 2:
      return { node: words.returns(UNMARKED), of: ({ mark }) => ({ kind: "return", mark }) };
    case 3: {
      const keep = dice.below(4);
      const value = dice.below(4) & ~keep;
      const node = words.next({ keep: (keep | ~3) >>> 0, value });
      return { node, of: ({ mark }) => ({ kind: "next", mark: (mark & keep) | value }) };
    }
    default: {
      const chain = randomChain(words, dice, depth - 1);
      const returned = (result: Result): Result => (result.kind === "return" ? { ...result, kind: "next" } : result);
      return { node: words.called(chain.node), of: (packet) => returned(chain.of(packet)) };
    }
  }
}

function follow(words: Logic, node: Node, { protocol, port, mark }: Small): Leaf {
  const values = new Map([
    [dimension.protocol, protocol],
    [dimension.destinationPort, port],
    [markBit(0), mark & 1],
    [markBit(1), mark >> 1],
  ]);
  return words.diagrams.follow(node, (of) => values.get(of) ?? 0);
}

function apply(mark: number, change: MarkChange): number {
  return ((mark & change.keep) | change.value) >>> 0;
}

function resultOf(leaf: Leaf, mark: number): Result {
  if (leaf.kind === "drop") return { kind: "drop", mark: 0 };
  return { kind: leaf.kind, mark: "mark" in leaf ? apply(mark, leaf.mark) : mark };
}

describe("diagrams", () => {
  it("say of every packet what their parts say, also where rules set the mark that later ones ask for", () => {
    for (let seed = 0; seed < 300; seed++) {
      const words = logic();
      const dice = new Dice(seed);
      const match = randomMatch(words, dice, 4);
      const chain = randomChain(words, dice);
      for (const packet of ALL) {
        const said = `seed ${seed}: ${JSON.stringify(packet)}`;
        expect(follow(words, match.node, packet).kind, said).toBe(match.of(packet) ? "yes" : "no");
        expect(resultOf(follow(words, chain.node, packet), packet.mark), said).toEqual(chain.of(packet));
      }
    }
  });

  it("are the same node if they say the same of every packet, and only then", () => {
    let equal = 0;
    for (let seed = 0; seed < 300; seed++) {
      const words = logic();
      const dice = new Dice(seed);
      const [a, other] = [randomMatch(words, dice), randomMatch(words, dice)];
      // Half of the time it is the first, said in a longer way: absorption and two negations.
      const absorbed = words.or(words.not(words.not(a.node)), words.and(other.node, a.node));
      const b = dice.chance(50) ? { node: absorbed, of: a.of } : other;
      const same = ALL.every((packet) => a.of(packet) === b.of(packet));
      expect(a.node === b.node, `seed ${seed}`).toBe(same);
      if (same) equal++;
    }
    expect(equal).toBeGreaterThan(100);
  });
});
