import { type JsonValue, parseJson, stringifyJson } from "@ocicat/kit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { compareKeys, toYaml } from "../../src/output/yaml.ts";

describe("text as YAML", () => {
  // As Go's yaml.v2 writes each.
  const cases: readonly (readonly [text: string, yaml: string])[] = [
    ["all()", "all()"],
    ["rack == 'r1'", "rack == 'r1'"],
    ["10.244.0.0/16", "10.244.0.0/16"],
    ["fd00:10:244::/48", "fd00:10:244::/48"],
    ["22:a7:58:35:7f:e9", "22:a7:58:35:7f:e9"],
    ["8000:8100", "8000:8100"],
    ["a,b", "a,b"],
    ["it's", "it's"],
    ["größe", "größe"],
    // Would be read as something else.
    ["", '""'],
    ["true", '"true"'],
    ["No", '"No"'],
    ["y", '"y"'],
    ["~", '"~"'],
    ["null", '"null"'],
    ["7", '"7"'],
    ["-1", '"-1"'],
    ["0x1F", '"0x1F"'],
    ["1_000", '"1_000"'],
    ["1.5e3", '"1.5e3"'],
    [".inf", '".inf"'],
    ["<<", '"<<"'],
    ["1:20", '"1:20"'],
    ["22:37:58:35:59:09", '"22:37:58:35:59:09"'],
    ["2026-11-21", '"2026-11-21"'],
    ["2026-11-21T02:19:55Z", '"2026-11-21T02:19:55Z"'],
    [
      "1234567890123456789012345678901234567890123456789012345678901234",
      '"1234567890123456789012345678901234567890123456789012345678901234"',
    ],
    // Not these: they only resemble.
    ["_1", "_1"],
    ["trUe", "trUe"],
    ["v1.5", "v1.5"],
    ["10.0.0.1", "10.0.0.1"],
    // Would be read as a part of the syntax.
    ["*", "'*'"],
    ["@home", "'@home'"],
    ["- a", "'- a'"],
    ["-a", "-a"],
    ["a: b", "'a: b'"],
    ["a:b", "a:b"],
    ["a:", "'a:'"],
    ["a #b", "'a #b'"],
    ["a#b", "a#b"],
    ['{"a":"it\'s"}', `'{"a":"it''s"}'`],
    [" a", "' a'"],
    ["a ", "'a '"],
    ["---", "'---'"],
    // Cannot be seen.
    ["a\tb", '"a\\tb"'],
    ["\u0000", '"\\0"'],
    ["\u001b[1m", '"\\e[1m"'],
    ["\u007f", '"\\x7F"'],
    ["\u200b", "\u200b"],
    ["\ufeff", '"\\uFEFF"'],
    ["🐆", '"\\U0001F406"'],
  ];
  it.each(cases)("%j is written %j", (text, yaml) => {
    expect(toYaml({ key: text })).toBe(`key: ${yaml}\n`);
    expect(toYaml([text])).toBe(`- ${yaml}\n`);
  });

  const blocks: readonly (readonly [text: string, yaml: string])[] = [
    ["one\ntwo", "key: |-\n  one\n  two\n"],
    ["one\ntwo\n", "key: |\n  one\n  two\n"],
    ["one\n\ntwo\n\n", "key: |+\n  one\n\n  two\n\n"],
    ["  indented\nnot\n", "key: |2\n    indented\n  not\n"],
    ["ends with a space \nlost", 'key: "ends with a space \\nlost"\n'],
    ["\n", "key: |2+\n\n"],
  ];
  it.each(blocks)("%j is written as lines, where that keeps it", (text, yaml) => {
    expect(toYaml({ key: text })).toBe(yaml);
    expect(parse(yaml)).toEqual({ key: text });
  });
});

describe("data as YAML", () => {
  it("has sorted keys, lists as far left as their key, and empty things in brackets", () => {
    const value = {
      spec: { ports: [{ protocol: "TCP", name: "http" }, 80], empty: {}, none: [], nested: [[1, 2], []] },
      kind: "A",
    };
    expect(toYaml(value)).toBe(
      [
        "kind: A",
        "spec:",
        "  empty: {}",
        "  nested:",
        "  - - 1",
        "    - 2",
        "  - []",
        "  none: []",
        "  ports:",
        "  - name: http",
        "    protocol: TCP",
        "  - 80",
        "",
      ].join("\n"),
    );
  });

  it("keeps integers exact", () => {
    expect(toYaml(parseJson('{"sequenceNumber":1795227597063242461}'))).toBe("sequenceNumber: 1795227597063242461\n");
  });

  it("is a scalar or brackets by itself too", () => {
    expect([null, true, 1, "a", [], {}].map(toYaml)).toEqual(["null\n", "true\n", "1\n", "a\n", "[]\n", "{}\n"]);
  });

  const text = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom(..."aN0159.:-_+eExo#'\"~ \n\t{}[],&*!|>%@`?=<\\T Z\u0085\u2028".split("")) }),
    fc.constantFrom("yes", "2001-12-14 21:59:43.10 -5", "0o17", "08", "1e3", "-.INF", "k: |"),
  );
  const value = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      text,
      fc.boolean(),
      fc.constant(null),
      fc.maxSafeInteger(),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        text.filter((key) => key !== "__proto__"),
        tie("value"),
        { maxKeys: 4 },
      ),
    ),
  })).value;

  // YAML 1.1 is what Go reads, YAML 1.2 is what we read: text must stay text for both.
  it.each(["1.1", "1.2"] as const)("reads back as what it was, by the rules of YAML %s", (version) => {
    fc.assert(
      fc.property(value, (data) => {
        const read: unknown = parse(toYaml(data), { version, merge: true });
        expect(stringifyJson(sorted(read))).toBe(stringifyJson(sorted(data)));
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, sorted(member)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("the order of keys", () => {
  it("is Go's: other characters before letters, capitals before small ones, digits as numbers", () => {
    const ordered = ["1", "2", "10", "A", "a", "a.b", "a1", "a2", "a10", "aB", "ab", "b"];
    expect([...ordered].reverse().sort(compareKeys)).toEqual(ordered);
  });

  it("is a total one", () => {
    const key = fc.string({ unit: fc.constantFrom("a", "b", "0", "1", "-", ".", "/") });
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(-Math.sign(compareKeys(b, a)) + 0);
        expect(compareKeys(a, b) === 0).toBe(a === b);
      }),
      { seed: 1 },
    );
  });
});
