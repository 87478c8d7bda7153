import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type JsonValue, OcicatError, parseJson, toError } from "@ocicat/kit";
import { isJsonObject, type JsonObject } from "../json-reader.ts";
import { atLeast, type CniVersion, isSupportedVersion, SUPPORTED_VERSIONS } from "../version.ts";

/** A network configuration list: what the administrator wrote, validated as far as a runtime can. */
export interface NetworkList {
  readonly name: string;
  /** The version spoken with every plugin of the list. */
  readonly cniVersion: CniVersion;
  /** CHECK is not to be run: some plugin of the list would fail it wrongly. */
  readonly disableCheck: boolean;
  readonly plugins: readonly PluginConf[];
  /** File it came from, for errors. */
  readonly source: string;
}

/** One plugin's part. */
export interface PluginConf {
  readonly type: string;
  /** Capabilities it declares to understand in `runtimeConfig`. */
  readonly capabilities: readonly string[];
  /** All of it, as written. */
  readonly json: JsonObject;
}

/** libcni's assumption for a list that names no version. */
const UNVERSIONED: CniVersion = "0.1.0";
const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const SUFFIXES = [".conflist", ".conf", ".json"];

/** Reads one file: a list if it has `plugins`, else a single plugin's configuration, which is a list of one. Throws OcicatError CNI_CONFLIST_*. */
export async function loadNetworkList(file: string): Promise<NetworkList> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new OcicatError({
      code: "CNI_CONFLIST_UNREADABLE",
      where: file,
      what: "cannot be read",
      why: toError(error).message,
      cause: error,
    });
  }
  return parseNetworkList(text, file);
}

/** Every configuration of a directory, in order of file name as runtimes take them. One bad file refuses all: it would be skipped silently else. */
export async function loadNetworkLists(directory: string): Promise<NetworkList[]> {
  const names = (await readdir(directory)).filter((name) => SUFFIXES.some((suffix) => name.endsWith(suffix))).sort();
  return await Promise.all(names.map((name) => loadNetworkList(join(directory, name))));
}

/** Throws OcicatError CNI_CONFLIST_INVALID with the file and, for a plugin, its index. */
export function parseNetworkList(text: string, source: string): NetworkList {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch (error) {
    throw invalid(source, `is not JSON: ${toError(error).message}`);
  }
  if (!isJsonObject(json)) throw invalid(source, "is not a JSON object");
  const name = json.name;
  if (typeof name !== "string" || name === "") throw invalid(source, "has no name", "give the network a name");
  if (!NETWORK_NAME.test(name))
    throw invalid(source, `has the name ${JSON.stringify(name)}`, "letters, digits, _ . - after a letter or digit");
  const parts = json.plugins ?? [json];
  if (!Array.isArray(parts) || parts.length === 0) throw invalid(source, "has no plugins", "list at least one");
  return {
    name,
    cniVersion: chooseVersion(json, source),
    disableCheck: parseFlag(json, "disableCheck", source),
    plugins: parts.map((part: JsonValue, index) =>
      parsePlugin(part, json.plugins === undefined ? source : `${source}, plugins[${index}]`),
    ),
    source,
  };
}

function parsePlugin(json: JsonValue, where: string): PluginConf {
  if (!isJsonObject(json)) throw invalid(where, "is not an object");
  const type = json.type;
  if (typeof type !== "string" || type === "")
    throw invalid(where, "has no type", 'name the plugin, e.g. "type": "ocicat"');
  if (type.includes("/")) throw invalid(where, `has the type ${JSON.stringify(type)}`, "a plugin's name, not a path");
  return { type, capabilities: parseCapabilities(json.capabilities ?? undefined, where), json };
}

function parseCapabilities(json: JsonValue | undefined, where: string): string[] {
  if (json === undefined) return [];
  if (!isJsonObject(json)) throw invalid(where, "capabilities is not an object");
  for (const [name, value] of Object.entries(json)) {
    if (typeof value !== "boolean") throw invalid(where, `capabilities.${name} is not true or false`);
  }
  return Object.keys(json).filter((name) => json[name] === true);
}

/** `cniVersions` (1.1.0) lists what the configuration may be run with: the newest that is known here is taken. */
function chooseVersion(json: JsonObject, source: string): CniVersion {
  const list = json.cniVersions ?? [];
  if (!Array.isArray(list)) throw invalid(source, "cniVersions is not a list");
  const single = json.cniVersion ?? "";
  const asked: JsonValue[] = [...(single === "" ? [] : [single]), ...list];
  if (asked.length === 0) return UNVERSIONED;
  const known = asked.filter(isSupportedVersion);
  const [first, ...others] = known;
  if (first === undefined)
    throw invalid(
      source,
      `asks for CNI ${asked.map(String).join(", ")}`,
      `use one of ${SUPPORTED_VERSIONS.join(", ")}`,
    );
  return others.reduce((newest, version) => (atLeast(version, newest) ? version : newest), first);
}

/** libcni takes booleans and their words. */
function parseFlag(json: JsonObject, key: string, source: string): boolean {
  const value = json[key] ?? false;
  if (typeof value === "boolean") return value;
  if (typeof value === "string" && /^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
  throw invalid(source, `${key} is not true or false`);
}

function invalid(where: string, what: string, fix?: string): OcicatError {
  return new OcicatError({ code: "CNI_CONFLIST_INVALID", where, what, fix });
}
