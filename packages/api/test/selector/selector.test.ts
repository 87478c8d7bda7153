import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compileSelector,
  type Labels,
  parseSelector,
  printSelector,
  SelectorError,
  type SelectorNode,
  selectorOf,
} from "../../src/index.ts";

const matches = (selector: string, labels: Labels) => compileSelector(selector).matches(labels);

describe("meaning", () => {
  const web = { app: "web", tier: "front-end", empty: "" };
  it.each([
    ["", true],
    [" \t", true],
    ["all()", true],
    ["all( )", true],
    ["global()", true],
    ["app == 'web'", true],
    ['app=="web"', true],
    ["app == 'db'", false],
    ["other == 'web'", false],
    ["empty == ''", true],
    ["other == ''", false],
    ["app != 'db'", true],
    ["app != 'web'", false],
    ["other != 'web'", true],
    ["has(app)", true],
    ["has( empty )", true],
    ["has(other)", false],
    ["!has(other)", true],
    ["! ! has(app)", true],
    ["app in {'web', 'db'}", true],
    ["app in {'db'}", false],
    ["app in {}", false],
    ["other in {'web'}", false],
    ["app not in {'web'}", false],
    ["app notin {'db'}", true],
    ["other not in {'web'}", true],
    ["app not in {}", true],
    ["tier contains 'ont-e'", true],
    ["tier contains 'x'", false],
    ["other contains ''", false],
    ["tier starts with 'front'", true],
    ["tier startswith 'end'", false],
    ["tier ends with 'end'", true],
    ["tier ends \t with 'front'", false],
    ["app == 'web' && tier == 'front-end'", true],
    ["app == 'web' && tier == 'db'", false],
    ["app == 'db' || tier == 'front-end'", true],
    ["app == 'web' || app == 'x' && app == 'y'", true],
    ["(app == 'web' || app == 'x') && app == 'y'", false],
    ["!(app == 'db' || app == 'cache')", true],
    ["!app == 'db' && has(app)", true],
  ])("%s", (selector, expected) => {
    expect(matches(selector, web)).toBe(expected);
  });

  it("takes labels that look like operators, and keys with every allowed character", () => {
    expect(matches("in in {'in'}", { in: "in" })).toBe(true);
    expect(matches("not == 'x'", { not: "x" })).toBe(true);
    expect(matches("has == 'x' && all == 'y'", { has: "x", all: "y" })).toBe(true);
    expect(matches("k8s.io/a_b-C.9 == 'x'", { "k8s.io/a_b-C.9": "x" })).toBe(true);
  });

  it("does not take what every object has for labels", () => {
    expect(matches("has(constructor)", {})).toBe(false);
    expect(matches("has(toString)", {})).toBe(false);
  });
});

describe("canonical text", () => {
  it.each([
    ["", "all()"],
    ["app=='web'", 'app == "web"'],
    [`app == 'say "x"'`, `app == 'say "x"'`],
    ["a in {'c','a', 'b','a',}", 'a in {"a", "b", "c"}'],
    ["a   not\tin {}", "a not in {}"],
    ["a startswith 'x' && b ends  with 'y'", '(a starts with "x" && b ends with "y")'],
    ["!!!has(a)", "!has(a)"],
    ["((a == 'b'))", 'a == "b"'],
    ["has(a) || has(b) && !(has(c) || has(d))", "(has(a) || (has(b) && !(has(c) || has(d))))"],
    ["has(a) && (has(b) && has(c))", "(has(a) && (has(b) && has(c)))"],
  ])("%s", (selector, canonical) => {
    expect(printSelector(parseSelector(selector))).toBe(canonical);
  });
});

describe("what is no selector is refused at its column", () => {
  it.each([
    ['app = "x"', 5, "single '='"],
    ["app == x", 8, "text in quotes"],
    ["app == 'x", 8, "no closing '"],
    ['app == "x', 8, 'no closing "'],
    ["app", 4, "found the end"],
    ["app ==", 7, "found the end"],
    ["app is 'x'", 5, "expected =="],
    ["app like 'x'", 5, "expected =="],
    ["app 'x'", 5, "found ''x''"],
    ["== 'x'", 1, "found '=='"],
    ["has(a) has(b)", 8, "an operator or the end"],
    ["has(a) & has(b)", 8, "write '&&'"],
    ["has(a) | has(b)", 8, "write '||'"],
    ["has(a) &&", 10, "found the end"],
    ["(has(a)", 8, "')'"],
    ["has(a))", 7, "an operator or the end"],
    ["has()", 4, "expected =="],
    ["all(x)", 4, "expected =="],
    ["a in 'x'", 6, "'{'"],
    ["a in {'x' 'y'}", 11, "'}'"],
    ["a in {'x',,}", 11, "'}'"],
    ["a in {x}", 7, "'}'"],
    ["a in {'x'", 10, "'}'"],
    ["()", 2, "found ')'"],
    ["a == 'x'\n&& has(b)", 9, "cannot stand here"],
    ["a\u00e9 == 'x'", 2, "expected =="],
  ])("%s", (selector, column, reason) => {
    const error = refusal(selector);
    expect([error.column, error.code]).toEqual([column, "SELECTOR_INVALID"]);
    expect(error.reason).toContain(reason);
  });

  it("nesting without end does not exhaust the stack", () => {
    expect(refusal("(".repeat(100_000)).column).toBe(101);
    expect(matches(`${"!".repeat(100_001)}all()`, {})).toBe(false);
  });

  function refusal(selector: string): SelectorError {
    try {
      parseSelector(selector);
    } catch (error) {
      if (error instanceof SelectorError) return error;
      throw error;
    }
    throw new Error(`${selector} was accepted`);
  }
});

describe("for any tree", () => {
  const label = fc.constantFrom("a", "b", "in", "k8s.io/x");
  const value = fc.oneof(
    fc.constantFrom("", "x", "xy", "y'", 'y"', "not in"),
    fc.string({ maxLength: 3 }).filter((text) => !(text.includes("'") && text.includes('"'))),
  );
  const leaf: fc.Arbitrary<SelectorNode> = fc.oneof(
    fc.constantFrom<SelectorNode>({ type: "all" }, { type: "global" }),
    label.map((name): SelectorNode => ({ type: "has", label: name })),
    fc
      .tuple(fc.constantFrom("==", "!=", "contains", "starts with", "ends with"), label, value)
      .map(([operator, name, text]): SelectorNode => ({ type: "compare", operator, label: name, value: text })),
    fc.tuple(fc.constantFrom("in", "not in"), label, fc.uniqueArray(value, { maxLength: 3 })).map(
      ([operator, name, values]): SelectorNode => ({
        type: "set",
        operator,
        label: name,
        values: [...values].sort(byPoints),
      }),
    ),
  );
  const { node } = fc.letrec<{ node: SelectorNode }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      tie("node").map((operand): SelectorNode => (operand.type === "not" ? operand : { type: "not", operand })),
      fc
        .tuple(fc.constantFrom("and", "or"), fc.array(tie("node"), { minLength: 2, maxLength: 3 }))
        .map(([type, operands]): SelectorNode => ({ type, operands })),
    ),
  }));
  const labels = fc.dictionary(label, value, { maxKeys: 4 });

  it("its canonical text parses to the same tree", () => {
    fc.assert(
      fc.property(node, (tree) => {
        expect(parseSelector(printSelector(tree))).toEqual(tree);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  it("evaluation agrees with a naive model", () => {
    fc.assert(
      fc.property(node, labels, (tree, given) => {
        expect(selectorOf(tree).matches(given)).toBe(model(tree, given));
      }),
      { seed: 2, numRuns: 1000 },
    );
  });

  it("negation and De Morgan hold", () => {
    fc.assert(
      fc.property(node, node, labels, (left, right, given) => {
        const negated = selectorOf({ type: "not", operand: { type: "and", operands: [left, right] } });
        const operands = [left, right].map((operand): SelectorNode => ({ type: "not", operand }));
        expect(negated.matches(given)).toBe(selectorOf({ type: "or", operands }).matches(given));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it("any text is parsed or refused with SelectorError, at a column in it or just behind it", () => {
    const piece = fc.constantFrom(
      "a",
      " ",
      "'x'",
      "==",
      "!",
      "&&",
      "||",
      "(",
      ")",
      "{",
      "}",
      ",",
      "in",
      "has(",
      "not",
      "'",
      "=",
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const tree = parseSelector(text);
          expect(parseSelector(printSelector(tree))).toEqual(tree);
        } catch (error) {
          if (!(error instanceof SelectorError)) throw error;
          expect(error.column).toBeGreaterThanOrEqual(1);
          expect(error.column).toBeLessThanOrEqual(text.length + 1);
        }
      }),
      { seed: 4, numRuns: 1000 },
    );
  });

  /** By the definition of each operator, written another way than the product: positions and lengths. */
  function model(tree: SelectorNode, given: Labels): boolean {
    if (tree.type === "all" || tree.type === "global") return true;
    if (tree.type === "not") return !model(tree.operand, given);
    if (tree.type === "and" || tree.type === "or") {
      const held = tree.operands.filter((operand) => model(operand, given)).length;
      return tree.type === "and" ? held === tree.operands.length : held > 0;
    }
    const found = Object.entries(given).find(([name]) => name === tree.label);
    if (tree.type === "has") return found !== undefined;
    const negative = tree.operator === "!=" || tree.operator === "not in";
    if (found === undefined) return negative;
    const [, actual] = found;
    if (tree.type === "set") return tree.values.indexOf(actual) >= 0 !== negative;
    const tail = actual.length - tree.value.length;
    if (tree.operator === "contains") return actual.indexOf(tree.value) >= 0;
    if (tree.operator === "starts with") return actual.slice(0, tree.value.length) === tree.value;
    if (tree.operator === "ends with") return tail >= 0 && actual.slice(tail) === tree.value;
    return (tail === 0 && actual.indexOf(tree.value) === 0) !== negative;
  }

  function byPoints(a: string, b: string): number {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
});
