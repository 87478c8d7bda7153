import type { Labels } from "@ocicat/api";

/** A label by its name; one called "constructor" is a label like any other. */
export function labelOf(labels: Labels, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}

/** Names of labels that are otherwise in one than in the other. */
export function changedLabels(before: Labels, after: Labels): readonly string[] {
  if (before === after) return [];
  const changed = Object.keys(before).filter((name) => labelOf(after, name) !== before[name]);
  for (const name of Object.keys(after)) if (!Object.hasOwn(before, name)) changed.push(name);
  return changed;
}
