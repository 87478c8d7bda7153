import type { KubernetesObjectKind } from "@ocicat/api";
import { stringifyJson } from "@ocicat/kit";
import { objectIn } from "./json.ts";
import { headOf } from "./metadata.ts";
import type { DerivedRow } from "./row.ts";

/**
 * A policy, a service, a slice of endpoints: read by those who know it, and handed on as it is but for what no reader asks for
 * and which is half of it. Items of a list do not say what they are, so that it is said here.
 */
export function rowAsItIs(
  { kind, apiVersion, namespaced, storage }: KubernetesObjectKind,
  object: unknown,
): DerivedRow {
  const { kind: _kind, apiVersion: _version, metadata, ...rest } = objectIn(object);
  const { managedFields: _, ...kept } = objectIn(metadata);
  const { name, namespace } = headOf(objectIn(object));
  return {
    key: storage.key(name, namespaced ? namespace : undefined) ?? "",
    value: stringifyJson({ kind, apiVersion, metadata: kept, ...rest }),
    problems: [],
  };
}
