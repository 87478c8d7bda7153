import { isObject, type Kind } from "@ocicat/api";
import { fieldsOf, withDescendants } from "@ocicat/api/reference";
import {
  type ApiGroup,
  clusterNetworkPolicy,
  PHRASES,
  resourceDefinitions,
  rulesByKind,
  storedKinds,
} from "@ocicat/kubernetes/crd";
import { describe, expect, it } from "vitest";

const GROUPS: readonly ApiGroup[] = ["crd.projectcalico.org/v1", "projectcalico.org/v3"];

/** Every schema of a definition, with its place. */
function* schemasOf(value: unknown, place = ""): Iterable<readonly [string, Readonly<Record<string, unknown>>]> {
  if (!isObject(value)) return;
  yield [place, value];
  for (const [name, inner] of Object.entries(isObject(value.properties) ? value.properties : {})) {
    yield* schemasOf(inner, `${place}.${name}`);
  }
  yield* schemasOf(value.items, `${place}[]`);
  yield* schemasOf(value.additionalProperties, `${place}{}`);
}

function rootOf({ spec }: { readonly spec: unknown }): unknown {
  const versions = isObject(spec) && Array.isArray(spec.versions) ? spec.versions : [];
  const [version]: unknown[] = versions;
  return isObject(version) && isObject(version.schema) ? version.schema.openAPIV3Schema : undefined;
}

describe("the definitions", () => {
  it("are Calico's twenty-two in both groups, by Calico's names", () => {
    const [classic, native] = GROUPS.map((group) => resourceDefinitions(group).map(({ metadata }) => metadata.name));
    expect(classic).toHaveLength(22);
    expect(classic).toContain("ipamconfigs.crd.projectcalico.org");
    expect(classic).toContain("ipamblocks.crd.projectcalico.org");
    expect(native).toHaveLength(22);
    expect(native).toContain("ipamconfigurations.projectcalico.org");
    for (const derived of ["nodes", "profiles", "workloadendpoints"]) {
      expect([...(classic ?? []), ...(native ?? [])].filter((name) => name.startsWith(`${derived}.`))).toEqual([]);
    }
  });

  it("are small enough for kubectl apply, which notes each in an annotation of 256 KiB", () => {
    const all = [...GROUPS.flatMap(resourceDefinitions), clusterNetworkPolicy];
    for (const definition of all) expect(JSON.stringify(definition).length).toBeLessThan(200_000);
  });

  it.each(GROUPS)("have a type, or say that there is none, at every place (%s)", (group) => {
    for (const definition of resourceDefinitions(group)) {
      for (const [place, schema] of schemasOf(rootOf(definition))) {
        const free = schema["x-kubernetes-int-or-string"] ?? schema["x-kubernetes-preserve-unknown-fields"];
        expect(schema.type ?? free, `${definition.metadata.name} ${place}`).toBeDefined();
      }
    }
  });

  it("throw nothing away and refuse nothing in Calico's own form", () => {
    for (const definition of resourceDefinitions("crd.projectcalico.org/v1")) {
      if (definition.metadata.name.startsWith("ipam")) continue;
      for (const [place, schema] of schemasOf(rootOf(definition))) {
        if (place === "" || place === ".metadata") continue;
        for (const keyword of ["required", "pattern", "enum", "minimum", "default", "x-kubernetes-validations"]) {
          expect(schema, `${definition.metadata.name} ${place}`).not.toHaveProperty(keyword);
        }
        if (!isObject(schema.properties)) continue;
        expect(schema["x-kubernetes-preserve-unknown-fields"], `${definition.metadata.name} ${place}`).toBe(true);
      }
    }
  });
});

describe("the rules", () => {
  it.each(storedKinds.map((kind): [string, Kind] => [kind.kind, kind]))(
    "of %s are said, or the reason why not",
    (name, kind) => {
      expect(Object.keys(rulesByKind[name] ?? {}).sort()).toEqual([...kind.rules].sort());
    },
  );

  it("know no phrase that no field has", () => {
    const used = new Set(storedKinds.flatMap((kind) => [...withDescendants(fieldsOf(kind))].flatMap(phrasesOf)));
    expect(PHRASES.filter((phrase) => !used.has(phrase))).toEqual([]);
  });
});

function phrasesOf({ schema }: { readonly schema: unknown }): readonly string[] {
  if (!isObject(schema)) return [];
  return [...(typeof schema.expects === "string" ? [schema.expects] : []), ...phrasesOf({ schema: schema.item })];
}
