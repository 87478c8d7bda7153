import type { JsonValue } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { applyJsonPatch } from "../../src/patch/index.ts";

type Case = readonly [name: string, document: JsonValue, patch: JsonValue, result: JsonValue];

/** RFC 6902, appendix A. */
const EXAMPLES: readonly Case[] = [
  ["A.1", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { baz: "qux", foo: "bar" }],
  ["A.2", { foo: ["bar", "baz"] }, [{ op: "add", path: "/foo/1", value: "qux" }], { foo: ["bar", "qux", "baz"] }],
  ["A.3", { baz: "qux", foo: "bar" }, [{ op: "remove", path: "/baz" }], { foo: "bar" }],
  ["A.4", { foo: ["bar", "qux", "baz"] }, [{ op: "remove", path: "/foo/1" }], { foo: ["bar", "baz"] }],
  ["A.5", { baz: "qux", foo: "bar" }, [{ op: "replace", path: "/baz", value: "boo" }], { baz: "boo", foo: "bar" }],
  [
    "A.6",
    { foo: { bar: "baz", waldo: "fred" }, qux: { corge: "grault" } },
    [{ op: "move", from: "/foo/waldo", path: "/qux/thud" }],
    { foo: { bar: "baz" }, qux: { corge: "grault", thud: "fred" } },
  ],
  [
    "A.7",
    { foo: ["all", "grass", "cows", "eat"] },
    [{ op: "move", from: "/foo/1", path: "/foo/3" }],
    { foo: ["all", "cows", "eat", "grass"] },
  ],
  [
    "A.8",
    { baz: "qux", foo: ["a", 2, "c"] },
    [
      { op: "test", path: "/baz", value: "qux" },
      { op: "test", path: "/foo/1", value: 2 },
    ],
    { baz: "qux", foo: ["a", 2, "c"] },
  ],
  [
    "A.10",
    { foo: "bar" },
    [{ op: "add", path: "/child", value: { grandchild: {} } }],
    { foo: "bar", child: { grandchild: {} } },
  ],
  ["A.11", { foo: "bar" }, [{ op: "add", path: "/baz", value: "qux", xyz: 123 }], { foo: "bar", baz: "qux" }],
  ["A.14", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: 10 }], { "/": 9, "~1": 10 }],
  ["A.16", { foo: ["bar"] }, [{ op: "add", path: "/foo/-", value: ["abc", "def"] }], { foo: ["bar", ["abc", "def"]] }],
];

/** What the text of RFC 6902 says besides. */
const MORE: readonly Case[] = [
  ["the whole document", { a: 1 }, [{ op: "replace", path: "", value: [2] }], [2]],
  ["an addition of what is there", { a: 1 }, [{ op: "add", path: "/a", value: 2 }], { a: 2 }],
  [
    "null is a value",
    { a: null },
    [
      { op: "test", path: "/a", value: null },
      { op: "replace", path: "/a", value: 1 },
    ],
    { a: 1 },
  ],
  ["a copy", { a: { b: [1] } }, [{ op: "copy", from: "/a/b", path: "/c" }], { a: { b: [1] }, c: [1] }],
  ["a name that is a number", { a: { "1": 2 } }, [{ op: "remove", path: "/a/1" }], { a: {} }],
  ["the empty name", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }],
  ["a move onto itself", { a: 1 }, [{ op: "move", from: "/a", path: "/a" }], { a: 1 }],
  [
    "objects in another order",
    { a: { x: 1, y: [2n ** 60n] } },
    [{ op: "test", path: "/a", value: { y: [2n ** 60n], x: 1 } }],
    { a: { x: 1, y: [2n ** 60n] } },
  ],
];

const REFUSED: readonly (readonly [name: string, document: JsonValue, patch: JsonValue, message: string])[] = [
  ["A.9", { baz: "qux" }, [{ op: "test", path: "/baz", value: "bar" }], 'operation 1: /baz is "qux", not "bar"'],
  ["A.12", { foo: "bar" }, [{ op: "add", path: "/baz/bat", value: "qux" }], "there is no /baz"],
  [
    "A.13",
    { foo: 1 },
    [{ op: "wibble", path: "/a" }],
    'its op is "wibble"; use one of add, remove, replace, move, copy, test',
  ],
  ["A.15", { "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: "10" }], '/~01 is 10, not "10"'],
  ["an index beyond the list", { a: [1] }, [{ op: "add", path: "/a/2", value: 1 }], '"2" is no index of a list of 1'],
  ["an index with a zero before it", { a: [1, 2] }, [{ op: "remove", path: "/a/01" }], '"01" is no index'],
  ["the end of a list as something there", { a: [1] }, [{ op: "remove", path: "/a/-" }], '"-" is no index'],
  ["a move into itself", { a: { b: 1 } }, [{ op: "move", from: "/a", path: "/a/b" }], "/a cannot be moved into itself"],
  ["what is not there", { a: {} }, [{ op: "replace", path: "/a/b", value: 1 }], "there is no /a/b"],
  ["something below a text", { a: "x" }, [{ op: "add", path: "/a/b", value: 1 }], "there is no /a/b"],
  ["an inherited name", {}, [{ op: "remove", path: "/__proto__" }], "there is no /__proto__"],
  ["an inherited operation", {}, [{ op: "constructor", path: "/a" }], 'its op is "constructor"'],
  ["a path that is none", {}, [{ op: "add", path: "a", value: 1 }], '"a" is not a JSON pointer'],
  ["a tilde by itself", {}, [{ op: "add", path: "/a~", value: 1 }], '"a~" has a "~" that stands for nothing'],
  ["no value", {}, [{ op: "add", path: "/a" }], "its value is missing"],
  ["no list", {}, { op: "add" }, "a JSON patch is a list of operations"],
  [
    "the second of two",
    { a: 1 },
    [
      { op: "remove", path: "/a" },
      { op: "remove", path: "/a" },
    ],
    "operation 2: there is no /a",
  ],
];

describe("a JSON patch", () => {
  it.each([...EXAMPLES, ...MORE])("%s", (_name, document, patch, result) => {
    const before = structuredClone(document);
    expect(applyJsonPatch(document, patch)).toEqual(result);
    expect(document).toEqual(before);
  });

  it.each(REFUSED)("is refused: %s", (_name, document, patch, message) => {
    expect(() => applyJsonPatch(document, patch)).toThrow(message);
  });

  it("keeps a member called __proto__ a member", () => {
    const patched = applyJsonPatch({}, [{ op: "add", path: "/__proto__", value: { x: 1 } }]);
    expect(Object.keys(patched as object)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(patched)).toBe(Object.prototype);
  });
});
