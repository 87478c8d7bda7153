import { stringifyJson } from "@ocicat/kit";
import type { AnyResource } from "./resource.ts";
import { isObject } from "./schema/index.ts";

/** What a resource sets that changes nothing yet: for telling whoever set it. */
export interface IneffectiveField {
  /** `spec.bpfEnabled`. */
  readonly field: string;
  readonly value: unknown;
  /** What the field is about, for people. */
  readonly section: string;
}

/**
 * For a kind's file: the fields of its spec that this version stores and does not act on, by what they are about, each
 * with the value under which nothing is missed. Who builds the feature deletes its line.
 */
export function storedOnly<Spec extends object>(
  sections: Readonly<Record<string, { readonly [Name in keyof Spec]?: unknown }>>,
) {
  const fields = Object.entries(sections).flatMap(([section, standards]) =>
    Object.entries(standards).map(([name, standard]) => ({ section, name, standard: stringifyJson(standard) })),
  );
  return ({ spec }: AnyResource): readonly IneffectiveField[] => {
    if (!isObject(spec)) return [];
    return fields.flatMap(({ section, name, standard }) => {
      const value = spec[name];
      if (value === undefined || stringifyJson(value) === standard) return [];
      return [{ field: `spec.${name}`, value, section }];
    });
  };
}
