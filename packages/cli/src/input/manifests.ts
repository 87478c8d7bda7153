import { type AnyResource, type DocumentPosition, type PlaceOf, readDocument, ValidationError } from "@ocicat/api";
import { BatchError } from "@ocicat/client";
import { isOcicatError, OcicatError } from "@ocicat/kit";
import type { Surroundings } from "../surroundings.ts";
import { readDocuments, type SourceDocument } from "./documents.ts";
import { decodeText, manifestFiles, readText } from "./files.ts";

/** A resource with where it was written. */
export interface Manifest {
  readonly resource: AnyResource;
  readonly position: DocumentPosition;
  /** Where in the file a field is. */
  readonly placeOf: PlaceOf;
  /** The same error, told with the file, the document and the line of the field that it is about. */
  readonly locate: (error: OcicatError) => OcicatError;
}

/** Where manifests come from, as the options of a command say it. */
export interface ManifestOptions {
  /** A file, a directory, or - for standard input. */
  readonly filename: string;
  /** Go into directories below the one given. */
  readonly recursive?: boolean;
  /** For resources of namespaced kinds that name none. */
  readonly namespace: string;
  /** Nothing in any of the files is no error. */
  readonly skipEmpty?: boolean;
}

/**
 * Every resource of the files, before one of them is acted on: a bad one refuses all. Throws OcicatError MANIFEST_…,
 * ValidationError.
 */
export async function readManifests(
  surroundings: Surroundings,
  options: ManifestOptions,
): Promise<readonly Manifest[]> {
  const sources = await readSources(surroundings, options);
  return sources.map((source) => manifestOf(source, options.namespace));
}

/** Every document of the files, whatever it is. Throws OcicatError MANIFEST_…. */
export async function readSources(
  surroundings: Surroundings,
  options: ManifestOptions,
): Promise<readonly SourceDocument[]> {
  const files = filesOf(surroundings, options);
  const sources = (await Promise.all(files.map(({ name, text }) => readDocuments(text(), name)))).flat();
  if (sources.length === 0 && options.skipEmpty !== true) throw nothingIn(options);
  return sources;
}

/**
 * Every resource of the files that can be read, and everything that is wrong with the others: each fault by itself, with
 * its own line. Throws OcicatError MANIFEST_UNREADABLE, MANIFEST_EMPTY.
 */
export async function inspectManifests(
  surroundings: Surroundings,
  options: ManifestOptions,
): Promise<{ readonly manifests: readonly Manifest[]; readonly faults: readonly OcicatError[] }> {
  const manifests: Manifest[] = [];
  const faults: OcicatError[] = [];
  for (const { name, text } of filesOf(surroundings, options)) {
    const sources = await attempt(async () => await readDocuments(text(), name), faults);
    for (const source of sources ?? []) {
      const manifest = await attempt(() => manifestOf(source, options.namespace), faults, source);
      if (manifest !== undefined) manifests.push(manifest);
    }
  }
  if (manifests.length + faults.length === 0 && options.skipEmpty !== true) throw nothingIn(options);
  return { manifests, faults };
}

async function attempt<T>(
  work: () => T | Promise<T>,
  faults: OcicatError[],
  source?: SourceDocument,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    if (error instanceof ValidationError && source !== undefined) faults.push(...eachAlone(error, source));
    else faults.push(error);
    return undefined;
  }
}

function eachAlone({ resource, problems }: ValidationError, source: SourceDocument): readonly ValidationError[] {
  return problems.map((problem) => {
    return new ValidationError(resource, [problem], source.position, source.placeOf);
  });
}

function nothingIn({ filename }: ManifestOptions): OcicatError {
  const where = filename === "-" ? STANDARD_INPUT : filename;
  const fix = "give at least one resource, or allow none with --skip-empty";
  return new OcicatError({ code: "MANIFEST_EMPTY", where, what: "there is no resource in it", fix });
}

/** What became of a batch of manifests: an error is told with the place of the one it is about. */
export async function located<T>(manifests: readonly Manifest[], batch: Promise<T>): Promise<T> {
  try {
    return await batch;
  } catch (error) {
    if (!(error instanceof BatchError)) throw error;
    const reason = manifests[error.index]?.locate(error.reason) ?? error.reason;
    if (error.done === 0) throw reason;
    const why = `${error.done} of ${manifests.length} were done before it, and stay`;
    throw new OcicatError({ code: reason.code, what: reason.message, why, cause: error });
  }
}

const STANDARD_INPUT = "standard input";

/** What `-f` names, each read when it is asked for. */
function filesOf(
  surroundings: Surroundings,
  options: ManifestOptions,
): readonly { readonly name: string; readonly text: () => string }[] {
  const code = "MANIFEST_UNREADABLE";
  if (options.filename === "-") {
    return [{ name: STANDARD_INPUT, text: () => decodeText(surroundings.readInput(), STANDARD_INPUT, code) }];
  }
  const files = manifestFiles(options.filename, options.recursive === true);
  return files.map((name) => ({ name, text: () => readText(name, code) }));
}

/** Throws ValidationError. */
export function manifestOf({ value, position, placeOf }: SourceDocument, namespace: string): Manifest {
  const locate = (error: OcicatError) => {
    if (!(error instanceof ValidationError)) return placed(error, position);
    return error.at(position, placeOf);
  };
  try {
    return { resource: readDocument(value, { position, namespace }), position, placeOf, locate };
  } catch (error) {
    throw error instanceof ValidationError ? locate(error) : error;
  }
}

/** The same error, told with the place that it is about. */
export function placed(error: OcicatError, { file, document, line }: SourceDocument["position"]): OcicatError {
  const where = `${file}, document ${document}, line ${line}`;
  return new OcicatError({ code: error.code, where, what: error.message, cause: error });
}
