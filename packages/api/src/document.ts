import { stringifyJson } from "@ocicat/kit";
import { printableResource } from "./codec.ts";
import type { Kind, RuleContext } from "./define-kind.ts";
import { findKind, kindNamed, kinds } from "./kinds.ts";
import { type DocumentPosition, type Problem, ValidationError } from "./problem.ts";
import { type AnyResource, API_VERSION } from "./resource.ts";
import { isObject, type Mode } from "./schema/index.ts";

export interface DocumentOptions {
  /** Where it was found, for the error. */
  readonly position?: DocumentPosition;
  /** The namespace of a resource of a namespaced kind that names none. */
  readonly namespace?: string;
}

/**
 * A resource from what a person wrote (parsed YAML or JSON): defaults filled in, every field checked, and the rules of
 * the kind that need nothing but the resource. Anything unknown is refused. Throws ValidationError with all problems.
 */
export function readDocument(document: unknown, options: DocumentOptions = {}): AnyResource {
  const kind = kindOf(document, options);
  const reading = kind.read(withNamespace(document, kind, options.namespace), "strict");
  if (!reading.ok) throw refused(document, reading.problems, options);
  const resource = reading.value;
  const problems = kind.readOnly === undefined ? kind.check(resource) : [notForPeople(kind.readOnly)];
  if (problems.length > 0) throw refused(document, problems, options);
  return resource;
}

/**
 * A stored resource from its printable form, as a person has changed that: what we do not know may stay as it is stored,
 * and not be added to. The rules of the kind are for who writes it to check. Throws ValidationError with all problems.
 */
export function readChanged<R extends AnyResource>(kind: Kind<R>, document: unknown, stored: R): R {
  const problemsOf = (value: unknown, mode: Mode) => {
    const reading = kind.read(value, mode);
    return reading.ok ? [] : reading.problems;
  };
  const known = new Set(problemsOf(printableResource(stored), "strict").map((found) => stringifyJson(found)));
  const problems = problemsOf(document, "strict").filter((found) => !known.has(stringifyJson(found)));
  const reading = kind.read(document, "tolerant");
  if (!reading.ok || problems.length > 0) throw new ValidationError(title(stored), problems);
  const { name, namespace } = reading.value.metadata;
  const moved = [
    ...(name === stored.metadata.name ? [] : [immutable("metadata.name", name)]),
    ...(namespace === stored.metadata.namespace ? [] : [immutable("metadata.namespace", namespace)]),
  ];
  if (moved.length > 0) throw new ValidationError(title(stored), moved);
  return reading.value;
}

function immutable(field: string, value: string | undefined): Problem {
  return problem(field, value, "immutable", "is another than it is stored under, which cannot be changed");
}

/** As readDocument, with the rules that look at other resources. Throws ValidationError. */
export function checkResource(resource: AnyResource, context: RuleContext, position?: DocumentPosition): void {
  const problems = kindOf(resource, {}).check(resource, context);
  if (problems.length > 0) throw new ValidationError(title(resource), problems, position);
}

function kindOf(document: unknown, options: DocumentOptions): Kind {
  if (document === undefined || document === null) {
    throw refused(document, [problem("", undefined, "empty", "there is no resource in it")], options);
  }
  if (!isObject(document)) {
    throw refused(
      document,
      [problem("", document, "type", "is not a resource: an object with apiVersion and kind")],
      options,
    );
  }
  const { apiVersion, kind } = document;
  const found = typeof kind === "string" ? kindNamed(kind) : undefined;
  const problems = [...checkApiVersion(apiVersion), ...(found === undefined ? [unknownKind(kind)] : [])];
  if (found === undefined || problems.length > 0) throw refused(document, problems, options);
  return found;
}

function checkApiVersion(apiVersion: unknown): readonly Problem[] {
  if (apiVersion === API_VERSION) return [];
  const message = apiVersion === undefined ? `is missing; write ${API_VERSION}` : `is not ${API_VERSION}`;
  return [problem("apiVersion", apiVersion, "api-version", message)];
}

function unknownKind(kind: unknown): Problem {
  const writable = kinds.filter((candidate) => candidate.readOnly === undefined).map((candidate) => candidate.kind);
  const meant = typeof kind === "string" ? findKind(kind)?.kind : undefined;
  const known = meant ?? `one of ${writable.join(", ")}`;
  const message = kind === undefined ? `is missing; write ${known}` : `is not a kind known here; write ${known}`;
  return problem("kind", kind, "kind", message);
}

function notForPeople(reason: string): Problem {
  return problem("kind", undefined, "read-only", `is not written by hand: ${reason}`);
}

function withNamespace(document: unknown, kind: Kind, namespace: string | undefined): unknown {
  if (!kind.namespaced || namespace === undefined || !isObject(document) || !isObject(document.metadata))
    return document;
  return { ...document, metadata: { ...document.metadata, namespace: document.metadata.namespace ?? namespace } };
}

function problem(field: string, value: unknown, rule: string, message: string): Problem {
  return { field, value, rule, message };
}

function refused(document: unknown, problems: readonly Problem[], { position }: DocumentOptions): ValidationError {
  return new ValidationError(title(document), problems, position);
}

/** `IPPool tiny`, `WorkloadEndpoint default/node1-k8s-a-eth0`: as much of it as the document says. */
function title(document: unknown): string {
  if (!isObject(document)) return "";
  const metadata = isObject(document.metadata) ? document.metadata : {};
  const name = [metadata.namespace, metadata.name].filter((part) => typeof part === "string").join("/");
  return [document.kind, name].filter((part) => typeof part === "string" && part !== "").join(" ");
}
