import { type AnyResource, type Kind, printableResource, readChanged } from "@ocicat/api";
import { type JsonValue, OcicatError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import { readValue } from "../input/documents.ts";
import { decodeText, readText } from "../input/files.ts";
import type { PatchOptions } from "../options/patch.ts";
import { applyJsonPatch, applyMergePatch, applyStrategicPatch, PatchError } from "../patch/index.ts";
import type { Surroundings } from "../surroundings.ts";
import { kindFrom, namespaceOf } from "./select.ts";
import { tellWithoutEffect, titleOf } from "./sentences.ts";

const TYPES: Readonly<Record<string, (document: JsonValue, patch: JsonValue) => JsonValue>> = {
  strategic: applyStrategicPatch,
  merge: applyMergePatch,
  json: applyJsonPatch,
};

export async function patch(
  surroundings: Surroundings,
  word: string,
  name: string,
  options: PatchOptions,
): Promise<void> {
  const kind = kindFrom(word);
  const apply = typeFrom(options.type);
  const change = await readPatch(surroundings, options);
  const { resource } = await withDatastore(surroundings, options.config, ({ client }) =>
    client.modify(kind, name, namespaceOf(kind, options), (present) => patched(kind, present, apply, change)),
  );
  tellWithoutEffect(surroundings, resource);
  surroundings.print(`Successfully patched 1 '${kind.kind}' resource\n`);
}

function typeFrom(text: string): (document: JsonValue, patch: JsonValue) => JsonValue {
  const type = Object.hasOwn(TYPES, text) ? TYPES[text] : undefined;
  if (type !== undefined) return type;
  throw new OcicatError({
    code: "CLI_ARGUMENTS",
    what: `"${text}" is not a type of patch`,
    fix: `use one of ${Object.keys(TYPES).join(", ")}`,
  });
}

async function readPatch(surroundings: Surroundings, { patch: text, patchFile }: PatchOptions): Promise<JsonValue> {
  if ((text === undefined) === (patchFile === undefined)) {
    const what = text === undefined ? "it is not said what to change" : "-p and --patch-file are given together";
    throw new OcicatError({ code: "CLI_ARGUMENTS", what, fix: "give one of -p PATCH and -f FILE" });
  }
  if (text !== undefined) return await readValue(text, "--patch");
  const code = "PATCH_UNREADABLE";
  if (patchFile === "-")
    return await readValue(decodeText(surroundings.readInput(), "standard input", code), "standard input");
  return await readValue(readText(patchFile ?? "", code), patchFile ?? "");
}

function patched<R extends AnyResource>(
  kind: Kind<R>,
  present: R,
  apply: (document: JsonValue, patch: JsonValue) => JsonValue,
  change: JsonValue,
): R {
  try {
    return readChanged(kind, apply(printableResource(present), change), present);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    throw new OcicatError({ code: error.code, where: titleOf(present), what: error.message, cause: error });
  }
}
