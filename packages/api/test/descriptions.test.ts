import { describe, expect, it } from "vitest";
import { type AnyResource, API_VERSION, type Kind, kinds, readDocument } from "../src/index.ts";
import type { Schema } from "../src/schema/index.ts";

interface Described {
  readonly path: string;
  readonly description: string | undefined;
}

/** Every field of a schema at every depth, with what is said of it. */
function* fieldsOf(schema: Schema<unknown>, path: string): Iterable<Described> {
  if (schema.type === "list") yield* fieldsOf(schema.item, `${path}[]`);
  if (schema.type === "map") yield* fieldsOf(schema.value, `${path}[]`);
  if (schema.type !== "object") return;
  for (const [name, field] of Object.entries(schema.fields)) {
    yield { path: `${path}.${name}`, description: schema.descriptions[name] };
    yield* fieldsOf(field.schema, `${path}.${name}`);
  }
}

const described = (kind: Kind): readonly Described[] => [
  { path: kind.kind, description: kind.description },
  ...fieldsOf(kind.schema, kind.kind),
];

const isSentence = (text = "") => /^\S.*\.$/s.test(text);

describe("every kind and every field of it", () => {
  it("is walked to its depth", () => {
    expect(kinds.flatMap(described).map(({ path }) => path)).toEqual(
      expect.arrayContaining(["IPPool.spec.cidr", "Node.spec.interfaces[].addresses", "Node.status.podCIDRs"]),
    );
  });

  it.each(kinds.map((kind) => [kind.kind, kind] as const))("%s is described, and so are its rules", (_name, kind) => {
    expect(described(kind).filter(({ description }) => !isSentence(description))).toEqual([]);
    expect(kind.rules.filter((rule) => !isSentence(rule))).toEqual([]);
  });
});

describe("the example", () => {
  const written = kinds.filter((kind) => kind.readOnly === undefined);

  it.each(written.map((kind) => [kind.kind, kind] as const))("of %s is accepted", (name, kind) => {
    expect(readDocument(exampleOf(kind)).kind).toBe(name);
  });

  function exampleOf({ kind, example }: Kind<AnyResource>): unknown {
    if (example === undefined) throw new Error(`${kind} has no example`);
    const { name, namespace, spec } = example;
    return { apiVersion: API_VERSION, kind, metadata: { name, namespace }, spec };
  }
});
