import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type JsonValue, parseJson, stringifyJson } from "@ocicat/kit";
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
import { fieldSchema, findField, jsonSchema } from "../../src/reference/index.ts";
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

/** An implementation that is not ours, where there is one. */
const WITNESS = `
import json, sys
from jsonschema import Draft202012Validator
out = []
for case in json.load(sys.stdin):
    Draft202012Validator.check_schema(case["schema"])
    out.append(len(list(Draft202012Validator(case["schema"]).iter_errors(case["document"]))))
print(json.dumps(out))
`;
const hasWitness = spawnSync("python3", ["-c", "import jsonschema"]).status === 0;

describe.runIf(hasWitness)("by Python's jsonschema", () => {
  const ask = (cases: readonly Case[]) => {
    const input = JSON.stringify(cases.map(({ kind, document }) => ({ schema: jsonSchema(kind), document })));
    const { stdout, stderr } = spawnSync("python3", ["-c", WITNESS], { input, encoding: "utf8" });
    expect(stderr).toBe("");
    const counts = JSON.parse(stdout) as number[];
    return cases.map(({ title }, index) => [title, (counts[index] ?? 0) > 0] as const);
  };

  it("the schemas are schemas, and accept what is right", () => {
    expect(ask([...good, ...alsoGood]).filter(([, refused]) => refused)).toEqual([]);
  });

  it("they refuse what is wrong", () => {
    expect(ask(bad).filter(([, refused]) => !refused)).toEqual([]);
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
