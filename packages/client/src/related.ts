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
    return [name, withBuiltIn(knownKind(name), stored)] as const;
  });
  return new Map(seen);
}

/** What is stored counts before what is built in under the same name. */
export function withBuiltIn<R extends AnyResource>(kind: Kind<R>, stored: readonly R[]): readonly R[] {
  const names = new Set(stored.map(({ metadata }) => metadata.name));
  return [...stored, ...kind.builtIn.filter(({ metadata }) => !names.has(metadata.name))];
}
