import { type JsonValue, parseJson } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { applyMergePatch, applyStrategicPatch } from "../../src/patch/index.ts";

/** RFC 7386, appendix A: original, patch, result. */
const EXAMPLES: readonly (readonly [string, string, string])[] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', "{}"],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', "null", "null"],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
  ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
];

/** RFC 7386, §3. */
const DOCUMENT = {
  title: "Goodbye!",
  author: { givenName: "John", familyName: "Doe" },
  tags: ["example", "sample"],
  content: "This will be unchanged",
};
const PATCH = { title: "Hello!", phoneNumber: "+01-123-456-7890", author: { familyName: null }, tags: ["example"] };
const RESULT = {
  title: "Hello!",
  author: { givenName: "John" },
  tags: ["example"],
  content: "This will be unchanged",
  phoneNumber: "+01-123-456-7890",
};

describe.each([
  ["merge", applyMergePatch],
  ["strategic merge", applyStrategicPatch as (target: JsonValue | undefined, patch: JsonValue) => JsonValue],
])("a %s patch", (_name, apply) => {
  it.each(EXAMPLES)("%s with %s is %s", (original, patch, result) => {
    expect(apply(parseJson(original), parseJson(patch))).toEqual(parseJson(result));
  });

  it("is the RFC's", () => {
    expect(apply(DOCUMENT, PATCH)).toEqual(RESULT);
  });
});

describe("a strategic merge patch", () => {
  it.each([
    [{ spec: { $patch: "replace", a: 1 } }, "$patch"],
    [{ spec: [{ name: "a", $patch: "delete" }] }, "$patch"],
    [{ "$setElementOrder/ports": [] }, "$setElementOrder/ports"],
  ])("is refused where it directs what nothing here follows: %j", (patch, name) => {
    expect(() => applyStrategicPatch({}, patch as JsonValue)).toThrow(`"${name}" directs a merge of lists`);
  });
});
