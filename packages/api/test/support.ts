import { type AnyResource, API_VERSION, readDocument, ValidationError } from "../src/index.ts";

/** What an action was refused for, as field, value and rule; none if it was not. */
export function refusals(action: () => unknown): readonly (readonly [field: string, value: unknown, rule: string])[] {
  try {
    action();
    return [];
  } catch (error) {
    if (!(error instanceof ValidationError) || error.problems.length === 0) throw error;
    return error.problems.map(({ field, value, rule }) => [field, value, rule] as const);
  }
}

/** A resource as a person would apply it. */
export function apply(kind: string, name: string, spec: object, namespace?: string): AnyResource {
  return readDocument({ apiVersion: API_VERSION, kind, metadata: { name, namespace }, spec });
}
