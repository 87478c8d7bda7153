import type { ResourceClient } from "@ocicat/client";
import { OcicatError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import { readManifests } from "../input/manifests.ts";
import type { GetOptions } from "../options/get.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { kindFrom, namespaceOf, type Selection } from "./select.ts";
import { type Found, showerFrom } from "./show.ts";

export async function get(
  surroundings: Surroundings,
  word: string | undefined,
  names: readonly string[],
  options: GetOptions,
): Promise<void> {
  const show = showerFrom(options.output);
  const selections = await selectionsOf(surroundings, word, names, options);
  if (options.export === true && names.length === 0)
    surroundings.tell("--export has no effect here: it is for resources that are named");
  await withDatastore(surroundings, options.config, async ({ client }) => {
    const found = await Promise.all(selections.map((selection) => find(surroundings, client, selection)));
    await show({ surroundings, client, found, options });
  });
}

async function selectionsOf(
  surroundings: Surroundings,
  word: string | undefined,
  names: readonly string[],
  options: GetOptions,
): Promise<readonly Selection[]> {
  const { filename, namespace } = options;
  if (filename !== undefined && word !== undefined)
    throw wrongArguments("a kind and -f are given together", "use one of the two");
  if (filename !== undefined) {
    const manifests = await readManifests(surroundings, {
      ...options,
      filename,
      namespace: namespace ?? DEFAULT_NAMESPACE,
    });
    return manifests.map(({ resource: { kind, metadata } }) => ({
      kind: kindFrom(kind),
      names: [metadata.name],
      namespace: metadata.namespace,
    }));
  }
  if (word === undefined)
    throw wrongArguments("it is not said what to get", "name a kind, such as ippools, or give -f FILE");
  const kind = kindFrom(word);
  if (options.allNamespaces !== true) return [{ kind, names, namespace: namespaceOf(kind, options) }];
  if (names.length === 0) return [{ kind, names, namespace: undefined }];
  throw wrongArguments("names and -A are given together", "say in which namespace with -n");
}

function wrongArguments(what: string, fix: string): OcicatError {
  return new OcicatError({ code: "CLI_ARGUMENTS", what, fix });
}

async function find(surroundings: Surroundings, client: ResourceClient, selection: Selection): Promise<Found> {
  const { kind, names, namespace } = selection;
  if (names.length > 0) {
    const resources = await Promise.all(names.map((name) => client.get(kind, name, namespace)));
    return { selection, resources, revision: 0n };
  }
  const list = await client.list(kind, namespace);
  for (const { key, reason } of list.unreadable) {
    surroundings.tell(`${key} is left out, for it cannot be read: ${reason}`);
    surroundings.setExitCode(1);
  }
  return { selection, resources: list.items, revision: list.revision };
}
