import { findKind, type Kind, kinds } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { DEFAULT_NAMESPACE, type NamespaceOptions } from "../options/shared.ts";

/** The kind a person named: by its name, plural or an alias, in any case. Throws OcicatError CLI_KIND. */
export function kindFrom(word: string): Kind {
  const kind = findKind(word);
  if (kind !== undefined) return kind;
  throw new OcicatError({
    code: "CLI_KIND",
    what: `"${word}" is not a kind of resource`,
    fix: `use one of ${kinds.map((candidate) => candidate.plural).join(", ")}`,
  });
}

/** The namespace of a named resource; undefined for a global kind. */
export function namespaceOf(kind: Kind, options: NamespaceOptions): string | undefined {
  return kind.namespaced ? (options.namespace ?? DEFAULT_NAMESPACE) : undefined;
}

/** Resources of one kind that a command line or a file names. */
export interface Selection {
  readonly kind: Kind;
  /** All there are if empty. */
  readonly names: readonly string[];
  readonly namespace: string | undefined;
}
