import { parseJson } from "@ocicat/kit";
import type { AnyResource, ObjectMeta } from "../../resource.ts";
import { isObject } from "../../schema/index.ts";
import { resourceStorage, type Storage } from "../../storage.ts";
import { DEFAULT_TIER } from "./tier-names.ts";

/** Holds the name that people use, as `{"name":"allow-web"}`; nobody is shown it. */
const NAME_ANNOTATION = "projectcalico.org/metadata";

/** What stood before the names of the default tier's policies, in keys and values, until Calico v3.32. */
const OLD_PREFIX = `${DEFAULT_TIER}.`;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Policies under their plural, with their name in an annotation besides:
 *
 *                      key             metadata.name   annotation           name
 *     today            …/allow-web     allow-web       {"name":"allow-web"} allow-web
 *     until v3.32      …/default.web   default.web     none                 web
 *
 * What stands in the old form stays in it, key and value, so that whoever wrote it can still read it.
 */
export function policyStorage(plural: string, namespaced: boolean): Storage {
  const plain = resourceStorage(plural, namespaced);
  return Object.freeze({
    ...plain,
    fromStored: (stored: Fields) => ({ ...stored, metadata: readMetadata(stored) }),
    toStoredMetadata(metadata: ObjectMeta, key: string | undefined): ObjectMeta {
      const storedName = key === undefined ? metadata.name : plain.parse(key)?.name;
      if (storedName === OLD_PREFIX + metadata.name) return { ...metadata, name: storedName };
      const annotation = JSON.stringify({ name: metadata.name });
      return { ...metadata, annotations: { ...metadata.annotations, [NAME_ANNOTATION]: annotation } };
    },
    elsewhere(name: string, namespace: string | undefined) {
      const isOld = name.startsWith(OLD_PREFIX);
      const bare = isOld ? name.slice(OLD_PREFIX.length) : name;
      return {
        key: plain.key(isOld ? bare : OLD_PREFIX + name, namespace) ?? "",
        isMeant: ({ metadata, spec }: AnyResource) => metadata.name === bare && isInDefaultTier(spec),
      };
    },
  });
}

function readMetadata({ metadata, spec }: Fields): unknown {
  if (!isObject(metadata)) return metadata;
  const { annotations, ...rest } = metadata;
  if (!isObject(annotations) || !(NAME_ANNOTATION in annotations)) {
    const { name } = metadata;
    const isOld = typeof name === "string" && name.startsWith(OLD_PREFIX) && isInDefaultTier(spec);
    return isOld ? { ...metadata, name: name.slice(OLD_PREFIX.length) } : metadata;
  }
  const { [NAME_ANNOTATION]: annotation, ...others } = annotations;
  const kept = Object.keys(others).length === 0 ? {} : { annotations: others };
  return { ...rest, ...kept, name: nameIn(annotation) ?? metadata.name };
}

function nameIn(annotation: unknown): string | undefined {
  try {
    const parsed = typeof annotation === "string" ? parseJson(annotation) : undefined;
    return isObject(parsed) && typeof parsed.name === "string" ? parsed.name : undefined;
  } catch {
    return undefined;
  }
}

function isInDefaultTier(spec: unknown): boolean {
  const tier = isObject(spec) ? spec.tier : undefined;
  return tier === undefined || tier === "" || tier === DEFAULT_TIER;
}
