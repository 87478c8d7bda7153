import { type AnyResource, type Kind, knownKind, type RelatedResources } from "@ocicat/api";

/** The kinds, and those whose resources their rules look at. */
export function relatedKinds(kinds: readonly Kind[]): readonly Kind[] {
  const related = kinds.flatMap((kind) => kind.related.map((name) => knownKind(name)));
  return [...new Set([...kinds, ...related])];
}

/** What the rules of a kind see of others: resources as they are stored, and those that are built in. */
export function relatedResources(
  kind: Kind,
  tables: ReadonlyMap<string, ReadonlyMap<string, AnyResource>>,
): RelatedResources {
  const seen = kind.related.map((name) => {
    const stored = [...(tables.get(name)?.values() ?? [])];
    return [name, [...stored, ...knownKind(name).builtIn]] as const;
  });
  return new Map(seen);
}
