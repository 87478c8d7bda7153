import { type JsonValue, OcicatError, parseJson, stringifyJson, toError } from "@ocicat/kit";
import { toYaml } from "../output/yaml.ts";
import type { IpamPart } from "./stored.ts";

/**
 * An export, in the format of `calicoctl datastore migrate export`:
 *
 *     kind: IPPoolList …            YAML, a list a kind, each followed by a line of three dashes
 *     ---
 *     ===                           a line of three equals signs between the parts
 *     { "kind": "ClusterInformation", … }                               JSON
 *     ===
 *     { "block_affinities": [{"Key", "Value", "TTL"}], "blocks": […], "handles": […], "config": {…},     JSON
 *       "ocicat": { "identities": […], "others": […] } }
 *
 * What stands in `ocicat` is what the format has no place for, and Calico's reader passes over: identities of resources
 * (uid, creationTimestamp), and stored values that are not among its kinds.
 */
export interface ExportFile {
  readonly lists: readonly JsonValue[];
  readonly cluster: JsonValue;
  readonly ipam: IpamSection;
}

export interface IpamSection {
  readonly entries: Readonly<Record<IpamPart, readonly Entry[]>>;
  readonly identities: readonly Identity[];
  readonly others: readonly { readonly key: string; readonly value: string }[];
}

export interface Entry {
  readonly key: string;
  readonly value: JsonValue;
}

export interface Identity {
  readonly key: string;
  readonly uid: string | undefined;
  readonly creationTimestamp: string | undefined;
}

const NAMES = { affinity: "block_affinities", block: "blocks", handle: "handles", config: "config" } as const;

const SEPARATOR = "===\n";

export function formatExport({ lists, cluster, ipam }: ExportFile): string {
  const yaml = lists.map((list) => `${toYaml(list)}---\n`).join("");
  return [yaml, `${stringifyJson(cluster, 2)}\n`, `${stringifyJson(ipamJson(ipam), 2)}\n`].join(SEPARATOR);
}

function ipamJson({ entries, identities, others }: IpamSection): JsonValue {
  const pairs = (part: IpamPart) => entries[part].map(({ key, value }) => ({ Key: key, Value: value, TTL: 0 }));
  const [config] = pairs("config");
  const own = {
    identities: identities.map(({ key, uid = "", creationTimestamp = "" }) => ({ key, uid, creationTimestamp })),
    others: others.map(({ key, value }) => ({ key, value })),
  };
  return {
    ...memberUnlessEmpty(NAMES.affinity, pairs("affinity")),
    ...memberUnlessEmpty(NAMES.block, pairs("block")),
    ...memberUnlessEmpty(NAMES.handle, pairs("handle")),
    ...(config === undefined ? {} : { [NAMES.config]: config }),
    ...(identities.length + others.length === 0 ? {} : { ocicat: own }),
  };
}

function memberUnlessEmpty(name: string, list: readonly JsonValue[]): { readonly [name: string]: JsonValue } {
  return list.length === 0 ? {} : { [name]: list };
}

/** The three parts of an export's text, the last two read. Throws OcicatError MIGRATE_FILE. */
export function splitExport(
  text: string,
  where: string,
): { readonly yaml: string; readonly cluster: JsonValue; readonly ipam: IpamSection } {
  const parts = text.split(/^===\r?\n/m);
  const [yaml, cluster, ipam] = parts;
  if (yaml === undefined || cluster === undefined || ipam === undefined || parts.length !== 3)
    throw refused(where, "is not an export: it does not have three parts with a line === between them");
  return {
    yaml,
    cluster: jsonIn(cluster, `${where}, second part`),
    ipam: ipamSection(jsonIn(ipam, `${where}, third part`), `${where}, third part`),
  };
}

function jsonIn(text: string, where: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    throw refused(where, `is not JSON: ${toError(error).message}`);
  }
}

function ipamSection(value: JsonValue, where: string): IpamSection {
  const field = members(value, where);
  const entries = (name: string) => listAt(field(name), `${where}, ${name}`).map(entryIn(`${where}, ${name}`));
  const config = field(NAMES.config);
  const own = field("ocicat") ?? {};
  const ownField = members(own, `${where}, ocicat`);
  return {
    entries: {
      affinity: entries(NAMES.affinity),
      block: entries(NAMES.block),
      handle: entries(NAMES.handle),
      config: config === undefined ? [] : [entryIn(`${where}, config`)(config)],
    },
    identities: listAt(ownField("identities"), `${where}, identities`).map((item) => {
      const text = texts(item, `${where}, identities`);
      return {
        key: text("key"),
        uid: text("uid") || undefined,
        creationTimestamp: text("creationTimestamp") || undefined,
      };
    }),
    others: listAt(ownField("others"), `${where}, others`).map((item) => {
      const text = texts(item, `${where}, others`);
      return { key: text("key"), value: text("value") };
    }),
  };
}

function entryIn(where: string): (item: JsonValue) => Entry {
  return (item) => {
    const value = members(item, where)("Value");
    if (value === undefined) throw refused(where, "has an entry without a Value");
    return { key: texts(item, where)("Key"), value };
  };
}

/** Go writes null for what is empty. */
function members(value: JsonValue, where: string): (name: string) => JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refused(where, "is not an object");
  const object = value as { readonly [name: string]: JsonValue };
  return (name) => (Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined);
}

function texts(value: JsonValue, where: string): (name: string) => string {
  const field = members(value, where);
  return (name) => {
    const text = field(name);
    if (typeof text === "string") return text;
    throw refused(where, `has an entry without a ${name}`);
  };
}

function listAt(value: JsonValue | undefined, where: string): readonly JsonValue[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value as readonly JsonValue[];
  throw refused(where, "is not a list");
}

function refused(where: string, what: string): OcicatError {
  return new OcicatError({ code: "MIGRATE_FILE", where, what, fix: "export again: ocicat datastore migrate export" });
}
