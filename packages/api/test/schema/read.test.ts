import { describe, expect, it } from "vitest";
import {
  anything,
  choice,
  computed,
  defaulted,
  flag,
  implied,
  integer,
  list,
  map,
  object,
  optional,
  read,
  required,
  text,
  writeObject,
} from "../../src/schema/index.ts";

const schema = object(
  {
    name: required(text()),
    size: computed(integer(1, 9), ({ name }) => (name === "big" ? 9 : 1), 0),
    mode: defaulted(choice("On", "Off"), "Off"),
    hidden: implied(flag(), false),
    note: optional(text(), ""),
    tags: optional(list(text(), { unique: true }), []),
    labels: optional(map(text(), text())),
    inner: optional(
      object({ port: required(integer(1, 65_535)), extra: optional(anything()) }, { port: "P.", extra: "E." }),
    ),
  },
  { name: "N.", size: "S.", mode: "M.", hidden: "H.", note: "N.", tags: "T.", labels: "L.", inner: "I." },
);

const problems = (input: unknown, mode: "strict" | "tolerant" = "strict") => {
  const reading = read(schema, input, mode);
  return reading.ok ? [] : reading.problems.map(({ field, value, rule }) => [field, value, rule]);
};

const value = (input: unknown, mode: "strict" | "tolerant" = "strict") => {
  const reading = read(schema, input, mode);
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  return reading.value;
};

describe("reading", () => {
  it("fills in what is absent, also from what else is given", () => {
    expect(value({ name: "a" })).toEqual({ name: "a", size: 1, mode: "Off", hidden: false });
    expect(value({ name: "big" }).size).toBe(9);
  });

  it("takes null, the field's own zero, and empty text that means nothing for absent", () => {
    expect(value({ name: "a", size: 0, mode: "", hidden: null, note: "", inner: null })).toEqual(value({ name: "a" }));
  });

  it("does not take them for a value where one must be", () => {
    expect(problems({ name: null })).toEqual([["name", undefined, "required"]]);
  });

  it("finds everything that is wrong, each at its place", () => {
    const input = {
      name: 3,
      size: 10,
      mode: "on",
      tags: ["a", 1, "a"],
      labels: { "x/y": 1, ok: "v", z: null },
      inner: { port: 1.5 },
    };
    expect(problems(input)).toEqual([
      ["name", 3, "type"],
      ["size", 10, "range"],
      ["mode", "on", "choice"],
      ["tags[1]", 1, "type"],
      ["tags[2]", "a", "duplicate"],
      ['labels["x/y"]', 1, "type"],
      ["labels.z", null, "type"],
      ["inner.port", 1.5, "type"],
    ]);
  });

  it("tells lists, objects and scalars apart", () => {
    expect(problems([])).toEqual([["", [], "type"]]);
    expect(problems(null)).toEqual([["", null, "type"]]);
    expect(problems({ name: "a", tags: {}, labels: [], inner: "x" })).toEqual([
      ["tags", {}, "type"],
      ["labels", [], "type"],
      ["inner", "x", "type"],
    ]);
  });

  it("takes an integer beyond 2^53 for out of range, not for another one", () => {
    expect(problems({ name: "a", size: 9007199254740993n })).toEqual([["size", 9007199254740993n, "range"]]);
  });
});

describe("what the schema does not name", () => {
  const input = { name: "a", Note: "x", inner: { port: 1, prt: 2 }, other: { deep: [1n] } };

  it("is refused from a person, at every depth, with a hint where it is nearly a name", () => {
    const reading = read(schema, input, "strict");
    expect(reading.ok ? [] : reading.problems.map(({ field, message }) => [field, message])).toEqual([
      ["inner.prt", "is in a field that does not exist; did you mean port?"],
      ["Note", "is in a field that does not exist; did you mean note?"],
      [
        "other",
        "is in a field that does not exist; remove it, or use one of name, size, mode, hidden, note, tags, labels, inner",
      ],
    ]);
  });

  it("is kept from the store, and written after what is known", () => {
    const kept = value(input, "tolerant");
    expect(kept).toMatchObject({ Note: "x", inner: { port: 1, prt: 2 }, other: { deep: [1n] } });
    expect(Object.keys(writeObject(schema, kept))).toEqual(["name", "size", "mode", "inner", "Note", "other"]);
  });

  it("cannot reach an object's prototype", () => {
    const hostile: unknown = JSON.parse('{"name":"a","labels":{"__proto__":"x"},"__proto__":{"polluted":true}}');
    const kept = value(hostile, "tolerant");
    expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
    expect(Object.entries(kept.labels ?? {})).toEqual([["__proto__", "x"]]);
    expect(JSON.stringify(writeObject(schema, kept))).toContain('"__proto__":{"polluted":true}');
  });

  it("does not include what every object inherits", () => {
    const schemaOfInherited = object({ toString: optional(text()) }, { toString: "S." });
    expect(read(schemaOfInherited, {}, "strict")).toEqual({ ok: true, value: {} });
  });
});

describe("writing", () => {
  it("has one form: the schema's order, maps by key, nothing that goes without saying", () => {
    const written = writeObject(
      schema,
      value({ labels: { b: "2", a: "1" }, tags: [], mode: "On", name: "a", hidden: false }),
    );
    expect(JSON.stringify(written)).toBe('{"name":"a","size":1,"mode":"On","labels":{"a":"1","b":"2"}}');
  });

  it("says what differs from what goes without saying", () => {
    expect(writeObject(schema, value({ name: "a", hidden: true }))).toMatchObject({ hidden: true });
  });

  it("refuses what JSON cannot hold", () => {
    const resource = value({ name: "a", inner: { port: 1, extra: () => 1 } });
    expect(() => writeObject(schema, resource)).toThrow(TypeError);
  });
});
