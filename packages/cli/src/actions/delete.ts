import type { AnyResource } from "@ocicat/api";
import type { Deletion } from "@ocicat/client";
import { OcicatError } from "@ocicat/kit";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import { farewellOf } from "../farewell/index.ts";
import { located, type Manifest, readManifests } from "../input/manifests.ts";
import type { DeleteOptions } from "../options/delete.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { kindFrom, namespaceOf } from "./select.ts";
import { successLine } from "./sentences.ts";

export async function remove(
  surroundings: Surroundings,
  word: string | undefined,
  names: readonly string[],
  options: DeleteOptions,
): Promise<void> {
  const { deletions, manifests } = await deletionsOf(surroundings, word, names, options);
  const skipMissing = options.skipNotExists === true;
  const outcomes = await withDatastore(surroundings, options.config, async (opened) => {
    const found = await located(manifests, opened.client.checkDeletions(deletions, { skipMissing }));
    const prepared = new Set<Deletion>();
    for (const [index, deletion] of deletions.entries()) {
      // A node that is gone already may have left something all the same.
      const concerns = found[index] === "present" || deletion.kind.kind === "Node";
      if (concerns && (await sayFarewell(surroundings, opened, deletion))) prepared.add(deletion);
    }
    // What was prepared has been written to, and is at another revision than the one that was compared.
    const rest = deletions.map((deletion) =>
      prepared.has(deletion) ? { ...deletion, resourceVersion: undefined } : deletion,
    );
    return await located(manifests, opened.client.deleteAll(rest, { skipMissing }));
  });
  const deleted = outcomes.filter((outcome) => outcome === "deleted");
  const kinds = deletions.map(({ kind }) => kind.kind);
  surroundings.print(successLine("deleted", deleted.length, kinds));
}

/** True if something had to be done first. */
async function sayFarewell({ tell }: Surroundings, opened: Opened, { kind, name }: Deletion): Promise<boolean> {
  const farewell = await farewellOf(kind);
  if (farewell === undefined) return false;
  const news = await farewell(opened, name);
  if (news !== undefined) tell(`${kind.kind} ${name}: ${news}`);
  return true;
}

interface Wanted {
  readonly deletions: readonly Deletion[];
  /** Where each is written, if they are from files. */
  readonly manifests: readonly Manifest[];
}

async function deletionsOf(
  surroundings: Surroundings,
  word: string | undefined,
  names: readonly string[],
  options: DeleteOptions,
): Promise<Wanted> {
  const { filename, namespace = DEFAULT_NAMESPACE } = options;
  if (filename !== undefined && word !== undefined) {
    throw new OcicatError({
      code: "CLI_ARGUMENTS",
      what: "a kind and -f are given together",
      fix: "use one of the two",
    });
  }
  if (filename !== undefined) {
    const manifests = await readManifests(surroundings, { ...options, filename, namespace });
    return { manifests, deletions: manifests.map(({ resource }) => deletionOf(resource)) };
  }
  if (word === undefined || names.length === 0) {
    const fix = "name a kind and resources, such as ippool tiny, or give -f FILE";
    throw new OcicatError({ code: "CLI_ARGUMENTS", what: "it is not said what to delete", fix });
  }
  const kind = kindFrom(word);
  return { manifests: [], deletions: names.map((name) => ({ kind, name, namespace: namespaceOf(kind, options) })) };
}

function deletionOf({ kind, metadata }: AnyResource): Deletion {
  const { name, namespace, resourceVersion } = metadata;
  return { kind: kindFrom(kind), name, namespace, resourceVersion };
}
