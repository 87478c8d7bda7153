import { OcicatError } from "@ocicat/kit";
import type { Kind } from "../define-kind.ts";
import { type FieldFacts, fieldsOf, withDescendants } from "./fields.ts";

/**
 * The field that a person means by a dotted path: `spec.cidr`, or `cidr` for short, in any case; indices are passed over.
 * Throws OcicatError FIELD_UNKNOWN, with the nearest names.
 */
export function findField(kind: Kind, path: string): FieldFacts {
  const steps = path.replaceAll(/\[[^\]]*\]/g, "").split(".");
  const fields = fieldsOf(kind);
  const spec = fields.find(({ name }) => name === "spec");
  const found = descend(fields, steps) ?? descend(spec?.children ?? [], steps);
  if (found !== undefined) return found;
  const near = nearest(fields, steps.at(-1) ?? "");
  const listed = (deepest(fields, steps) ?? spec)?.children.map(({ name }) => name) ?? [];
  throw new OcicatError({
    code: "FIELD_UNKNOWN",
    what: `"${path}" is not a field of ${kind.kind}`,
    fix: near.length > 0 ? `did you mean ${near.join(", or ")}?` : `use one of ${listed.join(", ")}`,
  });
}

function descend(fields: readonly FieldFacts[], [step, ...rest]: readonly string[]): FieldFacts | undefined {
  const found = fields.find(({ name }) => name === step) ?? fields.find(({ name }) => isSame(name, step));
  return found === undefined || rest.length === 0 ? found : descend(found.children, rest);
}

/** The last field on the way that there is, and has others below it. */
function deepest(fields: readonly FieldFacts[], [step, ...rest]: readonly string[]): FieldFacts | undefined {
  const found = fields.find(({ name, children }) => isSame(name, step) && children.length > 0);
  return found === undefined ? undefined : (deepest(found.children, rest) ?? found);
}

const isSame = (name: string, step: string | undefined) => name.toLowerCase() === step?.toLowerCase();

const MOST_SUGGESTED = 4;

/** Fields of the kind, wherever they are, whose names are a few letters off, or hold the word; the closest first. */
function nearest(fields: readonly FieldFacts[], word: string): readonly string[] {
  const lower = word.toLowerCase();
  const scored = [...withDescendants(fields)].map(({ path, name }) => ({ path, score: difference(name, lower) }));
  return scored
    .filter(({ score }) => score <= (lower.length < 4 ? 1 : Math.max(2, lower.length / 3)))
    .sort((a, b) => a.score - b.score)
    .slice(0, MOST_SUGGESTED)
    .map(({ path }) => path);
}

function difference(name: string, word: string): number {
  const distance = editDistance(name.toLowerCase(), word);
  return word.length >= 3 && name.toLowerCase().includes(word) ? Math.min(distance, 1) : distance;
}

/** How many letters have to be put in, left out or changed (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const changed = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
