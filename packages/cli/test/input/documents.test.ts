import { describe, expect, it } from "vitest";
import { readDocuments } from "../../src/input/documents.ts";

const values = async (text: string) => (await readDocuments(text, "f")).map(({ value }) => value);
const positions = async (text: string) =>
  (await readDocuments(text, "f")).map(({ position: { document, line } }) => [document, line]);

describe("readDocuments", () => {
  it("reads any number of documents, and passes over those without content", async () => {
    const text = "---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n";
    expect(await values(text)).toEqual([{ a: 1 }, { b: 2 }]);
    expect(await positions(text)).toEqual([
      [2, 4],
      [4, 7],
    ]);
  });

  it("finds nothing where there is nothing", async () => {
    for (const text of ["", "\n\n", "# only words\n", "---\n---\n"]) expect(await values(text)).toEqual([]);
  });

  it("reads JSON, also over several lines, with tabs", async () => {
    expect(await values('{"a": [1, "b"]}')).toEqual([{ a: [1, "b"] }]);
    expect(await values('{\n\t"a": {\n\t\t"b": null\n\t}\n}\n')).toEqual([{ a: { b: null } }]);
  });

  it.each([
    ["a list of a kind", "kind: IPPoolList\nitems:\n- a: 1\n- a: 2\n", [1, 3], [1, 4]],
    ["kubectl's list", '{"kind": "List",\n"items": [\n{"a": 1},\n{"a": 2}]}', [1, 3], [1, 4]],
    ["a bare list", "- a: 1\n\n- a: 2\n", [1, 1], [1, 3]],
  ])("takes %s for its items, each with its own line", async (_name, text, ...lines) => {
    expect(await values(text)).toEqual([{ a: 1 }, { a: 2 }]);
    expect(await positions(text)).toEqual(lines);
  });

  it("leaves alone what only resembles a list", async () => {
    expect(await values("kind: IPPool\nitems: [1]\n")).toEqual([{ kind: "IPPool", items: [1] }]);
  });

  it("keeps integers exact, and others numbers", async () => {
    const text = '{"a": 1795227597063242461, "b": 9007199254740991, "c": -3, "d": 1.5, "e": 1e3}';
    expect(await values(text)).toEqual([{ a: 1795227597063242461n, b: 9007199254740991, c: -3, d: 1.5, e: 1000 }]);
  });

  it("reads words as words and times as text, by YAML 1.2", async () => {
    expect(await values("a: yes\nb: 2026-11-21T02:19:55Z\nc: 010\nd: true\n22: x")).toEqual([
      { a: "yes", b: "2026-11-21T02:19:55Z", c: 10, d: true, "22": "x" },
    ]);
  });

  it("follows aliases and merges", async () => {
    expect(await values("a: &x {b: 1}\nc: {<<: *x, d: 2}\ne: *x\n")).toEqual([
      { a: { b: 1 }, c: { b: 1, d: 2 }, e: { b: 1 } },
    ]);
  });

  it("names the line of a field, or of what is around one that is missing", async () => {
    const text =
      'x: 1\n---\nspec:\n  cidr: a\n  ports:\n  - name: b\n  - name: c\n    port: 1\nmetadata:\n  labels:\n    "a/b.c": d\n';
    const [, document] = await readDocuments(text, "f");
    const lines = [
      "spec.cidr",
      "spec.ports[1]",
      "spec.ports[1].port",
      "spec.ports[0].nosuch",
      "spec.nosuch",
      'metadata.labels["a/b.c"]',
      "nosuch",
      "",
    ];
    const places = lines.map((field) => document?.placeOf(field));
    expect(places.map((place) => place?.line)).toEqual([4, 7, 8, 6, 3, 11, 3, 3]);
    expect(places.map((place) => place?.column)).toEqual([9, 5, 11, 5, 1, 14, 1, 1]);
  });

  it.each([
    ["plain", "a: app = x", 1, 8],
    ["in quotes", 'a: "app = x"', 1, 9],
    ["over lines: at its begin", "a: >-\n  app\n  = x", 1, 4],
    ["with escapes: at its begin", 'a: "app \\x3d x"', 1, 4],
  ])("names the column of a place in a text %s", async (_how, text, line, column) => {
    const [document] = await readDocuments(text, "f");
    expect(document?.placeOf("a", 5)).toEqual({ line, column });
  });

  it.each([
    ["bad indentation", "a: 1\n b: 2\n", "f, document 1, line 1, column 4"],
    ["a key given twice", "a: 1\na: 2\n", "f, document 1, line 2, column 1: Map keys must be unique"],
    ["an open bracket, in the second document", "a: 1\n---\na: [1,\n", "f, document 2, line 4"],
    ["a tab for indentation", "a:\n\tb: 1\n", "f, document 1, line 2"],
    ["an alias without an anchor", "a: *b\n", "f, document 1"],
    ["a tag that nobody knows", "a: !wibble b\n", "f, document 1, line 1, column 4"],
    ["aliases that multiply beyond measure", bomb(), "f, document 1"],
  ])("refuses %s, and says where", async (_name, text, part) => {
    await expect(readDocuments(text, "f")).rejects.toMatchObject({
      code: "MANIFEST_SYNTAX",
      message: expect.stringContaining(part),
    });
  });
});

/** Nine levels of lists of ten aliases each. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const item = level === 0 ? "x" : `*l${level - 1}`;
    return `l${level}: &l${level} [${Array.from({ length: 10 }, () => item).join(", ")}]`;
  });
  return `${levels.join("\n")}\n`;
}
