import { compileSelector, type Labels, type Selector } from "@ocicat/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ItemIndex } from "../../src/needs/labels/item-index.ts";
import { type Requirement, requirementsOf } from "../../src/needs/labels/requirement.ts";
import { SelectorIndex } from "../../src/needs/labels/selector-index.ts";
import { selectors as anySelector, labels } from "../support/random-cluster.ts";

/** `a=x` for a value, `a` for presence; alternatives with `|`, several requirements apart by a comma. */
function told(requirements: readonly Requirement[]): string {
  const condition = ({ label, value }: Requirement[number]) => (value === undefined ? label : `${label}=${value}`);
  return requirements.map((requirement) => requirement.map(condition).join("|") || "never").join(", ");
}

describe("requirementsOf", () => {
  it.each([
    ["all()", ""],
    ["!all()", "never"],
    ["a == 'x'", "a=x"],
    ["a != 'x'", ""],
    ["!(a != 'x')", "a=x"],
    ["has(a)", "a"],
    ["!has(a)", ""],
    ["a contains 'x'", "a"],
    ["a in {'x', 'y'}", "a=x|a=y"],
    ["a in {}", "never"],
    ["!(a not in {'x'})", "a=x"],
    ["a == 'x' && b == 'y'", "a=x, b=y"],
    ["a == 'x' || b == 'y'", "a=x|b=y"],
    ["a == 'x' || !has(b)", ""],
    ["!(a != 'x' || has(b))", "a=x"],
    ["!(a != 'x' && b != 'y')", "a=x|b=y"],
    ["(has(a) && a in {'x', 'y'} && a == 'x') || b == 'y'", "a=x|b=y"],
  ])("%s needs %s", (text, wanted) => {
    expect(told(requirementsOf(compileSelector(text).root))).toBe(wanted);
  });

  it("is met by whatever is selected", () => {
    fc.assert(
      fc.property(anySelector, labels, (selector, some) => {
        const meets = (requirement: Requirement) =>
          requirement.some(({ label, value }) => Object.hasOwn(some, label) && (value ?? some[label]) === some[label]);
        if (selector.matches(some)) expect(requirementsOf(selector.root).every(meets)).toBe(true);
      }),
    );
  });
});

/** A selector that counts how often it is asked. */
function counted(text: string): { readonly selector: Selector; readonly asked: () => number } {
  const { root, text: canonical, matches } = compileSelector(text);
  let asked = 0;
  const count = (some: Labels) => {
    asked += 1;
    return matches(some);
  };
  return { selector: { root, text: canonical, matches: count }, asked: () => asked };
}

describe("a selector index", () => {
  const names = (watched: Iterable<{ readonly users: Iterable<string> }>) =>
    [...watched].flatMap(({ users }) => [...users]).sort();

  it("knows what selects labels, and what changes its mind", () => {
    fc.assert(
      fc.property(fc.array(anySelector, { maxLength: 12 }), fc.nat(12), labels, labels, (some, gone, before, after) => {
        const index = new SelectorIndex<string>();
        for (const [at, selector] of some.entries()) index.add(selector, `${at}`);
        const kept = some.map((selector, at) => ({ selector, name: `${at}` })).filter(({ name }) => name !== `${gone}`);
        const left = some[gone];
        if (left !== undefined) index.delete(left, `${gone}`);
        const of = (chosen: (selector: Selector) => boolean) =>
          kept.flatMap(({ selector, name }) => (chosen(selector) ? [name] : [])).sort();
        expect(names(index.selecting(before))).toEqual(of(({ matches }) => matches(before)));
        expect(names(index.turning(before, after))).toEqual(of(({ matches }) => matches(before) !== matches(after)));
      }),
    );
  });

  it.each<readonly [string, (at: number) => string, Labels, Labels]>([
    ["that name another label", (at) => `a == 'x' && has(set-${at})`, { a: "x", b: "1" }, { a: "x", b: "2" }],
    ["that name another value", (at) => `a == 'v${at}'`, { a: "x" }, { a: "y" }],
    ["that name the value, and need something else", (at) => `a == 'x' && has(set-${at})`, { a: "x" }, { a: "y" }],
    ["that all select it, and name another label", (at) => `a == 'x' && b != 'v${at}'`, { a: "x" }, { a: "x", c: "1" }],
  ])("asks none of 1,000 selectors %s", (_what, text, before, after) => {
    const index = new SelectorIndex<string>();
    const all = Array.from({ length: 1_000 }, (_, at) => counted(text(at)));
    for (const [at, { selector }] of all.entries()) index.add(selector, `${at}`);
    expect(index.turning(before, after)).toEqual([]);
    // Of those that stand together with others some may be asked.
    expect(all.reduce((sum, { asked }) => sum + asked(), 0)).toBeLessThan(5);
  });

  it("shares a selector among those who use it, until the last has gone", () => {
    const index = new SelectorIndex<string>();
    index.add(compileSelector("a == 'x'"), "one");
    index.add(compileSelector('a=="x"'), "two");
    expect(index.size).toBe(1);
    index.delete(compileSelector("a == 'x'"), "one");
    expect(names(index.selecting({ a: "x" }))).toEqual(["two"]);
    index.delete(compileSelector("a == 'x'"), "two");
    expect([index.size, names(index.selecting({ a: "x" }))]).toEqual([0, []]);
  });
});

describe("an item index", () => {
  it("knows what a selector selects, whatever was relabelled and deleted before", () => {
    fc.assert(
      fc.property(
        anySelector,
        fc.array(fc.record({ first: labels, later: fc.option(labels), gone: fc.boolean() }), { maxLength: 12 }),
        (selector, lives) => {
          const index = new ItemIndex<{ labels: Labels }>();
          const left = lives.flatMap(({ first, later, gone }) => {
            const item = { labels: first };
            index.add(item);
            if (later !== null) {
              index.relabel(item, later);
              item.labels = later;
            }
            if (gone) index.delete(item);
            return gone ? [] : [item];
          });
          expect(new Set(index.selectedBy(selector))).toEqual(
            new Set(left.filter((item) => selector.matches(item.labels))),
          );
        },
      ),
    );
  });

  it("asks only items that have what the selector needs", () => {
    const index = new ItemIndex<{ labels: Labels }>();
    for (let at = 0; at < 1_000; at++) index.add({ labels: { app: `app-${at % 100}`, tier: "all" } });
    const { selector, asked } = counted("tier == 'all' && app == 'app-7'");
    expect(index.selectedBy(selector)).toHaveLength(10);
    expect(asked()).toBe(10);
  });
});
