import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type JsonValue, parseJson, stringifyJson } from "@ocicat/kit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  API_VERSION,
  decodeStored,
  findKind,
  type Kind,
  kinds,
  knownKind,
  parseResourceKey,
  printableResource,
  readDocument,
} from "../../src/index.ts";
import { fieldSchema, fieldsOf, findField, jsonSchema, withDescendants } from "../../src/reference/index.ts";
import { isObject, type Schema } from "../../src/schema/index.ts";
import { violations } from "./conforms.ts";

interface Case {
  readonly title: string;
  readonly kind: Kind;
  readonly document: JsonValue;
}

/** What a real Calico stored, as get prints it. */
const stored: readonly Case[] = readFileSync(new URL("../golden/etcd-dump.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { key: string; value: string })
  .flatMap(({ key, value }) => {
    const found = parseResourceKey(key);
    if (found === undefined) return [];
    const kind = knownKind(found.kind);
    return [{ title: key, kind, document: printableResource(decodeStored(kind, { key, value, modRevision: 7n })) }];
  });

/** The examples as they are written, and as they are stored. */
const examples: readonly Case[] = kinds.flatMap((kind) => {
  if (kind.example === undefined) return [];
  const { name, namespace, spec } = kind.example;
  const document = { apiVersion: API_VERSION, kind: kind.kind, metadata: { name, namespace }, spec };
  return [
    { title: `example of ${kind.kind}`, kind, document: parseJson(stringifyJson(document)) },
    { title: `example of ${kind.kind}, completed`, kind, document: printableResource(readDocument(document)) },
  ];
});

const good = [...stored, ...examples];

const resource = (kind: string, spec: JsonValue, metadata: JsonValue = { name: "x" }) => ({
  title: `${kind} ${stringifyJson(spec)} ${stringifyJson(metadata)}`,
  kind: knownKind(kind),
  document: { apiVersion: API_VERSION, kind, metadata, spec },
});

/** Also in other forms than the stored one. */
const alsoGood: readonly Case[] = [
  resource("Node", { bgp: { asNumber: "1.0", ipv4Address: "192.168.0.81" } }),
  resource(
    "FelixConfiguration",
    { logSeverityScreen: "debug", kubeNodePortRanges: [80, "1000:2000"] },
    { name: "default" },
  ),
  resource("FelixConfiguration", { bpfLogLevel: "", istioDSCPMark: "EF" }, { name: "default" }),
  resource("BGPConfiguration", {}, { name: "node.a" }),
];

const bad: readonly Case[] = [
  resource("IPPool", {}),
  resource("IPPool", { cidr: 10 }),
  resource("IPPool", { cidr: "10.0.0.0/16", ipipMode: "always" }),
  resource("IPPool", { cidr: "10.0.0.0/16", wibble: 3 }),
  resource("IPPool", { cidr: "10.0.0.0/16", allowedUses: ["Workload", "Workload"] }),
  resource("IPPool", { cidr: "10.0.0.0/16" }, { name: "Bad_Name" }),
  resource("IPPool", { cidr: "10.0.0.0/16" }, {}),
  resource("Node", { bgp: { asNumber: 0 } }),
  resource("Node", { bgp: { asNumber: "x" } }),
  resource("BGPConfiguration", {}, { name: "other" }),
  resource("BGPFilter", { importV4: [{ action: "Accept", prefixLength: { max: 33 } }] }),
  resource("FelixConfiguration", { logSeverityScreen: "loud" }, { name: "default" }),
  resource("FelixConfiguration", { istioDSCPMark: "AF55" }, { name: "default" }),
];

describe("a kind's JSON Schema", () => {
  it.each(kinds.map((kind) => [kind.kind, kind] as const))("says all of %s that its definition says", (_name, kind) => {
    expect(jsonSchema(kind)).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: kind.kind,
      additionalProperties: false,
      properties: { kind: { enum: [kind.kind] }, spec: { additionalProperties: false } },
    });
  });

  it.each([...good, ...alsoGood].map((one) => [one.title, one] as const))(
    "accepts %s",
    (_title, { kind, document }) => {
      expect(violations(jsonSchema(kind), document)).toEqual([]);
      expect(() => kind.readOnly ?? readDocument(document)).not.toThrow();
    },
  );

  it.each(bad.map((one) => [one.title, one] as const))("refuses %s", (_title, { kind, document }) => {
    expect(violations(jsonSchema(kind), document)).toHaveLength(1);
    expect(() => readDocument(document)).toThrow();
  });

  it("has defaults, ranges and words for editors", () => {
    const pool = knownKind("IPPool");
    expect(fieldSchema(findField(pool, "spec.allowedUses"))).toMatchObject({
      type: "array",
      items: { enum: ["Workload", "Tunnel", "LoadBalancer"] },
      uniqueItems: true,
    });
    expect(jsonSchema(pool)).toMatchObject({
      properties: {
        spec: { required: ["cidr"], properties: { ipipMode: { default: "Never" }, natOutgoing: { default: false } } },
      },
    });
  });
});

describe("whatever is accepted here", () => {
  const PLAIN = [0, 1, -1, 65_535, 2 ** 32, 1.5, true, false, "x", "1", "1.0", "EF", "1:2", "80:90", "Auto", "5s"];
  const ADDRESSES = ["10.0.0.0/16", "10.0.0.1", "fd00::/64", "fd00::1", "10.0.0.1:179", "ee:ee:ee:ee:ee:ee"];
  const OTHERS = ["all()", "node.a", {}, [], { a: "b" }, { min: 1, max: 2 }, { cidr: "10.0.0.0/8" }];
  const ANY: readonly JsonValue[] = [...PLAIN, ...ADDRESSES, ...OTHERS];
  const whole = good.filter(({ kind }) => kind.readOnly === undefined);
  const schemas = new Map(kinds.map((kind) => [kind, jsonSchema(kind)]));
  const fields = new Map(
    kinds.map((kind) => [kind, [...withDescendants(fieldsOf(kind))].filter(({ path }) => path.startsWith("spec."))]),
  );

  it("its JSON Schema accepts: any field of any resource, with any value", () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(), fc.nat(), (index, place, pick) => {
        const { kind, document: before } = whole[index] ?? resource("IPPool", {});
        const all = fields.get(kind) ?? [];
        const { path, schema } = all[place % all.length] ?? findField(kind, "spec");
        const values = [...near(schema), ...ANY];
        const steps = path.split(/\.|(?=\[\])/);
        const document = replaced(before, steps, values[pick % values.length] ?? 0);
        const reading = kind.read(document, "strict");
        // Zero and empty text may mean that nothing is given.
        if (!reading.ok || at(reading.value, steps) === undefined) return;
        accepted++;
        expect({ path, violations: violations(schemas.get(kind) ?? {}, document) }).toEqual({ path, violations: [] });
      }),
      { seed: 1, numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(400);
  });

  function at(value: unknown, steps: readonly string[]): unknown {
    const into = (from: unknown, step: string) => (isObject(from) ? from[step] : undefined);
    return steps.reduce((from, step) => (step === "[]" && Array.isArray(from) ? from[0] : into(from, step)), value);
  }

  /** Values of which a field may take some: its words in any case, its limits as numbers and as text. */
  function near(schema: Schema<unknown>): readonly JsonValue[] {
    if (schema.type === "list") return [...near(schema.item), ...ANY].map((item) => [item]);
    if (schema.type !== "scalar") return [];
    const { enum: words = [], anyOf = [], minimum, maximum } = schema.form;
    const all = [...words, ...anyOf.flatMap((form) => form.enum ?? [])].map(String);
    const limits = [minimum ?? [], maximum ?? []].flat();
    return [...all, ...all.map((word) => word.toLowerCase()), ...limits, ...limits.map(String)];
  }

  /** The document with another value at a path, and what has to be around it. */
  function replaced(document: JsonValue, [step, ...rest]: readonly string[], value: JsonValue): JsonValue {
    if (step === undefined) return value;
    if (step === "[]") return [replaced(Array.isArray(document) ? (document[0] ?? {}) : {}, rest, value)];
    const members = isObject(document) ? document : {};
    return { ...members, [step]: replaced(members[step] ?? {}, rest, value) };
  }
});

/** An implementation that is not ours. */
const WITNESS = `
import json, sys
from jsonschema import Draft202012Validator
asked = json.load(sys.stdin)
for schema in asked["schemas"].values():
    Draft202012Validator.check_schema(schema)
validators = {kind: Draft202012Validator(schema) for kind, schema in asked["schemas"].items()}
print(json.dumps([validators[document["kind"]].is_valid(document) for document in asked["documents"]]))
`;
/** Debian's: it sees Debian's packages, whatever other Python comes first on the path. */
const PYTHON = "/usr/bin/python3";

describe("by Python's jsonschema", () => {
  const ask = (cases: readonly Case[]) => {
    const schemas = Object.fromEntries(kinds.map((kind) => [kind.kind, jsonSchema(kind)]));
    const input = JSON.stringify({ schemas, documents: cases.map(({ document }) => document) });
    const { stdout, stderr } = spawnSync(PYTHON, ["-c", WITNESS], { input, encoding: "utf8" });
    expect(stderr).toBe("");
    const accepted = JSON.parse(stdout) as boolean[];
    return cases.map(({ title }, index) => [title, accepted[index]] as const);
  };

  it("the schemas are schemas, and accept what is right", () => {
    expect(ask([...good, ...alsoGood]).filter(([, accepted]) => accepted !== true)).toEqual([]);
  });

  it("they refuse what is wrong", () => {
    expect(ask(bad).filter(([, accepted]) => accepted !== false)).toEqual([]);
  });
});

describe("a field by its path", () => {
  const find = (path: string) => findField(findKind("ippool") ?? knownKind("IPPool"), path).path;

  it.each([
    ["spec.cidr", "spec.cidr"],
    ["cidr", "spec.cidr"],
    ["SPEC.BlockSize", "spec.blockSize"],
    ["status.conditions[0].reason", "status.conditions[].reason"],
    ["metadata.labels", "metadata.labels"],
  ])("%s is %s", (path, found) => {
    expect(find(path)).toBe(found);
  });

  it.each([
    ["spec.cdir", /did you mean spec\.cidr\?/],
    ["natoutgo", /did you mean spec\.natOutgoing\?/],
    ["spec.foo", /use one of cidr, vxlanMode, /],
    ["spec.cidr.x", /"spec.cidr.x" is not a field of IPPool/],
    ["", /"" is not a field of IPPool/],
  ])("%s is none, and what was meant is said", (path, message) => {
    expect(() => find(path)).toThrow(message);
  });
});
