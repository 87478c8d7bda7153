import type { JsonValue } from "@ocicat/kit";
import { isArray, isObject, type JsonObject } from "../../ipam/json.ts";

/** An end of a rule that matches everything is stored, and not shown to people. */
export function withoutEmptyEnds(document: JsonObject): JsonObject {
  const { spec } = document;
  if (spec === undefined || !isObject(spec)) return document;
  const shown = Object.entries(spec).map(([name, value]) => {
    const isRules = (name === "ingress" || name === "egress") && isArray(value);
    return [name, isRules ? value.map(withoutEmpty) : value] as const;
  });
  return { ...document, spec: Object.fromEntries(shown) };
}

function withoutEmpty(rule: JsonValue): JsonValue {
  if (!isObject(rule)) return rule;
  const kept = Object.entries(rule).filter(([name, value]) => !(isEnd(name) && isObject(value) && isEmpty(value)));
  return Object.fromEntries(kept);
}

const isEnd = (name: string) => name === "source" || name === "destination";

const isEmpty = (value: JsonObject) => Object.keys(value).length === 0;
