import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isObject } from "@ocicat/api";
import { parse } from "yaml";
import { execute, type TemplateFunction, type Value } from "../../packages/cli/src/template/index.ts";
import { format } from "../../packages/cli/src/template/value.ts";

export const CHART = fileURLToPath(new URL("../../deploy/chart", import.meta.url));

/** In the order of a manifest: what the later ones need comes first. */
export const TEMPLATES = [
  "config.yaml",
  "definitions.yaml",
  "definitions-policy.yaml",
  "rbac.yaml",
  "fanout.yaml",
  "node.yaml",
  "controllers.yaml",
];

/** Helm's functions that the chart uses, besides those of Go's templates. */
const HELM: Readonly<Record<string, TemplateFunction>> = {
  quote: { least: 1, most: 1, apply: ([value]) => JSON.stringify(format(value)) },
};

/** The chart's own values, with some of them chosen otherwise: `{ apiGroup: "projectcalico.org/v3" }`. */
export function valuesWith(changes: Readonly<Record<string, unknown>>): Value {
  const values: unknown = parse(readFileSync(join(CHART, "values.yaml"), "utf8"));
  return toValue(merge(values, changes));
}

/** What Helm makes of a template. */
export function render(file: string, values: Value, namespace: string): string {
  const template = readFileSync(join(CHART, "templates", file), "utf8");
  const text = execute(
    template,
    { Values: values, Release: { Namespace: namespace } },
    { where: file, functions: HELM },
  );
  return `${text.trim()}\n`;
}

/** Every file of the chart is in the order above. */
export function unknownTemplates(): readonly string[] {
  return readdirSync(join(CHART, "templates")).filter((file) => !TEMPLATES.includes(file));
}

function merge(base: unknown, changes: unknown): unknown {
  if (!isObject(base) || !isObject(changes)) return changes;
  const merged = Object.entries(changes).map(([name, value]) => [
    name,
    name in base ? merge(base[name], value) : value,
  ]);
  return { ...base, ...Object.fromEntries(merged) };
}

function toValue(value: unknown): Value {
  if (Array.isArray(value)) return value.map(toValue);
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toValue(inner)]));
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return value as Value;
  throw new TypeError(`values.yaml: ${JSON.stringify(value)} is none of YAML's plain values`);
}
