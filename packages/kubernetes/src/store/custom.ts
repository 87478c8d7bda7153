import { isObject, type Kind } from "@ocicat/api";
import { type JsonValue, OcicatError, parseJson, stringifyJson } from "@ocicat/kit";
import type { ApiObject, Selection } from "../api/index.ts";
import type { ApiGroup } from "../config/index.ts";
import { derivedUid } from "../derive/index.ts";
import type { Collection } from "./collection.ts";
import { NONCE } from "./nonce.ts";

/** In the classic group, what a resource says of itself besides its name: as JSON, for the object's own metadata is Kubernetes'. */
const METADATA = "projectcalico.org/metadata";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Resources of a kind as objects of the kind's own. The value is the resource, as it would stand in etcd.
 *
 *     crd.projectcalico.org/v1   metadata: name, and the rest in an annotation;  its uid another than the object's
 *     projectcalico.org/v3       metadata: the resource's
 */
export function customCollection(kind: Kind, apiGroup: ApiGroup): Collection {
  const [group = "", version = ""] = apiGroup.split("/");
  const form = apiGroup === "projectcalico.org/v3" ? nativeForm(kind) : classicForm(kind);
  const root = kind.storage.prefix();
  return {
    resource: { group, version, plural: kind.plural, namespaced: kind.namespaced },
    writing: "whole",
    rowOf(object) {
      const { name, namespace } = object.metadata;
      const key = kind.storage.key(name, kind.namespaced ? namespace : undefined);
      if (key === undefined) return undefined;
      const { spec, status } = object;
      const metadata = { ...form.read(object), name, ...(namespace === undefined ? {} : { namespace }) };
      const document = { kind: kind.kind, apiVersion: "projectcalico.org/v3", metadata, spec, status };
      return { key, value: stringifyJson(document), problems: [] };
    },
    placeOf: (key) => kind.storage.parse(key),
    select: (prefix) => (kind.namespaced ? namespaceIn(root, prefix) : {}),
    objectOf(key, value) {
      const document = documentIn(key, value);
      const { name, namespace } = kind.storage.parse(key) ?? {};
      const { metadata = {}, spec, status } = document;
      return {
        apiVersion: apiGroup,
        kind: kind.kind,
        metadata: { name, namespace, ...form.write(isObject(metadata) ? metadata : {}) },
        spec,
        status,
      };
    },
  };
}

/** `<root><namespace>/…`: objects of that namespace alone. */
export function namespaceIn(root: string, prefix: string): Selection {
  const rest = prefix.startsWith(root) ? prefix.slice(root.length) : "";
  const end = rest.indexOf("/");
  return end > 0 ? { namespace: rest.slice(0, end) } : {};
}

/** Throws OcicatError. */
export function documentIn(key: string, value: string): Fields {
  let document: unknown;
  try {
    document = parseJson(value);
  } catch {
    document = undefined;
  }
  if (isObject(document)) return document;
  throw new OcicatError({
    code: "ROW_INVALID",
    where: key,
    what: "is not a JSON object",
    why: "Kubernetes keeps objects, and this is to be one",
  });
}

/** How metadata is kept. Name and namespace are the object's in any case. */
interface MetadataForm {
  readonly read: (object: ApiObject) => Fields;
  readonly write: (metadata: Fields) => Fields;
}

function nativeForm(kind: Kind): MetadataForm {
  return {
    read({ metadata }) {
      const { managedFields: _managed, resourceVersion: _version, annotations, ...rest } = metadata;
      // Policies' stored form says its name in an annotation; here the object's own name is the policy's.
      const named = isPolicy(kind) ? { [METADATA]: stringifyJson({ name: metadata.name }) } : {};
      return { ...rest, ...mapOf("annotations", { ...withoutNonce(annotations), ...named }) };
    },
    write({ uid: _uid, resourceVersion: _version, annotations, ...rest }) {
      const { [METADATA]: _name, ...others } = isObject(annotations) ? annotations : {};
      return { ...rest, ...mapOf("annotations", others) };
    },
  };
}

function classicForm(kind: Kind): MetadataForm {
  return {
    read({ metadata }) {
      const { annotations, labels, uid, creationTimestamp } = metadata;
      const { [METADATA]: kept, ...own } = isObject(annotations) ? annotations : {};
      const stash = stashIn(kept);
      const { name, annotations: stashedAnnotations, labels: stashedLabels, ...rest } = stash;
      const named = isPolicy(kind) && typeof name === "string" ? { [METADATA]: stringifyJson({ name }) } : {};
      return {
        ...rest,
        uid: derivedUid(uid),
        creationTimestamp: stash["creationTimestamp"] ?? creationTimestamp,
        ...mapOf("labels", { ...fieldsOf(labels), ...fieldsOf(stashedLabels) }),
        ...mapOf("annotations", { ...withoutNonce(own), ...fieldsOf(stashedAnnotations), ...named }),
      };
    },
    write({ name: _name, namespace: _namespace, uid: _uid, resourceVersion: _version, ...rest }) {
      const { [METADATA]: named, ...annotations } = fieldsOf(rest["annotations"]);
      const labels = fieldsOf(rest["labels"]);
      const { name } = stashIn(named);
      const stash = {
        ...(typeof name === "string" ? { name } : {}),
        ...rest,
        annotations: Object.keys(annotations).length === 0 ? undefined : annotations,
      };
      // What is Calico's own is on the object as well: selectors of the API see nothing else.
      return {
        ...mapOf("labels", ours(labels)),
        annotations: { ...ours(annotations), [METADATA]: stringifyJson(stash) },
      };
    },
  };
}

function isPolicy({ storage }: Kind): boolean {
  return storage.elsewhere !== undefined;
}

function stashIn(text: unknown): Fields {
  if (typeof text !== "string") return {};
  try {
    const stash: JsonValue = parseJson(text);
    return isObject(stash) ? stash : {};
  } catch {
    // Somebody wrote over it by hand: what stands beside it is all that is known.
    return {};
  }
}

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function withoutNonce(annotations: unknown): Fields {
  const { [NONCE]: _, ...rest } = fieldsOf(annotations);
  return rest;
}

/** Nothing, for an empty map: so that what was written is read back. */
function mapOf(name: string, map: Fields): Fields {
  return Object.keys(map).length === 0 ? {} : { [name]: map };
}

function ours(map: Fields): Fields {
  return Object.fromEntries(
    Object.entries(map).filter(([name]) => /projectcalico\.org\/|operator\.tigera\.io\//.test(name)),
  );
}
