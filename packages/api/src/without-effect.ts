import { stringifyJson } from "@ocicat/kit";
import type { AnyResource } from "./resource.ts";
import { isObject } from "./schema/index.ts";

/** A field of a spec that this version stores and does not act on. */
export interface StoredOnlyField {
  /** Its path in the spec: `bpfEnabled`, `controllers.policy`. */
  readonly name: string;
  /** What it is about, for people. */
  readonly section: string;
  /** The values under which nothing is missed. */
  readonly harmless: readonly unknown[];
}

/** A field of a spec, or one below it. */
type PathIn<Spec> = (keyof Spec & string) | `${keyof Spec & string}.${string}`;

/** What a resource sets that changes nothing yet: for telling whoever set it. */
export interface IneffectiveField {
  /** `spec.bpfEnabled`. */
  readonly field: string;
  readonly value: unknown;
  readonly section: string;
}

/**
 * For a kind's file: the fields of its spec that are stored only, by what they are about, each with the value under
 * which nothing is missed. Who builds the feature deletes its line.
 */
export function storedOnly<Spec extends object>(
  sections: Readonly<Record<string, { readonly [Name in PathIn<Spec>]?: unknown }>>,
): readonly StoredOnlyField[] {
  return Object.entries(sections).flatMap(([section, standards]) =>
    Object.entries(standards).map(([name, standard]) => ({ section, name, harmless: [standard] })),
  );
}

/** Which of the fields the resource sets to a value that is not harmless. */
export function ineffective(fields: readonly StoredOnlyField[], { spec }: AnyResource): readonly IneffectiveField[] {
  return fields.flatMap(({ name, section, harmless }) => {
    const value = name.split(".").reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), spec);
    if (value === undefined || harmless.some((standard) => isSame(standard, value))) return [];
    return [{ field: `spec.${name}`, value, section }];
  });
}

function isSame(a: unknown, b: unknown): boolean {
  return stringifyJson(a) === stringifyJson(b);
}
