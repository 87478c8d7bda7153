import type { Kind } from "@ocicat/api";

/** What it can be called on the command line. */
export function namesOf({ kind, plural, aliases }: Kind): readonly string[] {
  return [...new Set([kind.toLowerCase(), plural, ...aliases])];
}

/** The key of one, with its name in capitals. */
export function storedAt({ storage, namespaced }: Kind): string {
  const namespace = namespaced ? "NAMESPACE" : undefined;
  return storage.key("NAME", namespace) ?? `below ${storage.prefix()}`;
}

/** Whether people write it. */
export const isWritten = ({ readOnly }: Kind): boolean => readOnly === undefined;

/** Resources that there are without being stored. */
export const builtInNames = ({ builtIn }: Kind): readonly string[] => builtIn.map(({ metadata }) => metadata.name);
