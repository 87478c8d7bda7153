import type { Problem } from "./problem.ts";
import type { ObjectMeta } from "./resource.ts";
import {
  anything,
  type Checked,
  checkDnsLabel,
  checkLabelKey,
  checkLabelValue,
  integer,
  list,
  map,
  type ObjectSchema,
  object,
  optional,
  refuse,
  required,
  type ScalarSchema,
  text,
  timestamp,
} from "./schema/index.ts";

const generateName = text("", () => refuse("generate-name", "is not supported: give metadata.name"));

/**
 * Metadata, with everything that Kubernetes' ObjectMeta has, in its order: a resource that was taken from a Kubernetes
 * datastore can be applied as it is. What we have no use for is kept and not looked at. What resources of the kind are
 * called is only told here, and checked below: stored ones are not held to it.
 */
export const metadataSchema = ({ expects, form }: ScalarSchema<string>): ObjectSchema<ObjectMeta> =>
  object(
    {
      name: required(text(expects, undefined, form)),
      generateName: optional(generateName, ""),
      namespace: optional(text(), ""),
      selfLink: optional(text(), ""),
      uid: optional(text(), ""),
      resourceVersion: optional(text(), ""),
      generation: optional(integer(), 0),
      creationTimestamp: optional(timestamp()),
      deletionTimestamp: optional(timestamp()),
      deletionGracePeriodSeconds: optional(integer()),
      labels: optional(map(text(), text())),
      annotations: optional(map(text(), text())),
      ownerReferences: optional(list(anything())),
      finalizers: optional(list(text())),
      managedFields: optional(list(anything())),
    },
    {
      name: "What it is called: unique in its kind, or in its kind and namespace. Cannot be changed.",
      generateName: "Not supported; give a name.",
      namespace: "The namespace it belongs to, for kinds that have one.",
      selfLink: "Kept and not looked at.",
      uid: "Its identity, a UUID: given when it is created, and never changed.",
      resourceVersion:
        "The revision of its last write. Given back with a change, that change is refused if there was another.",
      generation: "Kept and not looked at.",
      creationTimestamp: "When it was created, in UTC, in whole seconds (RFC 3339).",
      deletionTimestamp: "Kept and not looked at.",
      deletionGracePeriodSeconds: "Kept and not looked at.",
      labels: "What selectors see: keys and values as Kubernetes has them.",
      annotations: "Notes of people and programs; selectors do not see them.",
      ownerReferences: "Kept and not looked at.",
      finalizers: "Kept and not looked at.",
      managedFields: "Kept and not looked at.",
    },
  );

export interface NameRules {
  readonly namespaced: boolean;
  readonly checkName: (name: unknown) => Checked<string>;
}

/** What a person may write into the metadata of a resource. Stored ones are not held to it: their names are keys already. */
export function* checkMetadata(metadata: ObjectMeta, rules: NameRules): Iterable<Problem> {
  yield* problem("metadata.name", metadata.name, rules.checkName(metadata.name));
  yield* checkNamespace(metadata.namespace, rules.namespaced);
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    yield* problem("metadata.labels", key, checkLabelKey(key));
    yield* problem(`metadata.labels["${key}"]`, value, checkLabelValue(value));
  }
  for (const key of Object.keys(metadata.annotations ?? {})) {
    // Kubernetes compares the keys of annotations in lower case.
    yield* problem("metadata.annotations", key, checkLabelKey(key.toLowerCase()));
  }
}

function* checkNamespace(namespace: string | undefined, namespaced: boolean): Iterable<Problem> {
  const field = "metadata.namespace";
  if (!namespaced && namespace !== undefined) {
    yield { field, value: namespace, rule: "namespace", message: "is given, but this kind is global" };
  }
  if (namespaced && namespace === undefined) {
    yield { field, value: undefined, rule: "required", message: "is missing" };
  }
  if (namespaced && namespace !== undefined) yield* problem(field, namespace, checkDnsLabel(namespace));
}

function* problem(field: string, value: string, checked: Checked<string>): Iterable<Problem> {
  if (!checked.ok) yield { field, value, rule: checked.rule, message: checked.message ?? "is refused" };
}
