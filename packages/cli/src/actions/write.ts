import { knownKind } from "@ocicat/api";
import type { Change } from "@ocicat/client";
import { DEFAULT_NAMESPACE } from "../commands/options.ts";
import type { Verb, WriteOptions } from "../commands/write.ts";
import { withDatastore } from "../connect/datastore.ts";
import { located, type Manifest, readManifests } from "../input/manifests.ts";
import type { Surroundings } from "../surroundings.ts";
import { missingFile, successLine, titleOf } from "./sentences.ts";

export async function write(surroundings: Surroundings, verb: Verb, options: WriteOptions): Promise<void> {
  const { filename, namespace = DEFAULT_NAMESPACE } = options;
  if (filename === undefined) throw missingFile(verb.name);
  const manifests = await readManifests(surroundings, { ...options, filename, namespace });
  const resources = manifests.map(({ resource }) => resource);
  const changes = await withDatastore(surroundings, options.config, ({ client }) =>
    located(manifests, client.writeAll(verb.name, resources, { skipExisting: options.skipExists === true })),
  );
  for (const [index, manifest] of manifests.entries()) report(surroundings, manifest, changes[index]);
  const written = manifests.filter((_, index) => changes[index] !== "skipped");
  const kinds = manifests.map(({ resource }) => resource.kind);
  surroundings.print(successLine(verb.done, written.length, kinds));
}

/** What the sentence on standard output does not say. */
function report({ tell }: Surroundings, { resource }: Manifest, change: Change | undefined): void {
  if (change === "skipped") {
    tell(`${titleOf(resource)} is there already and was left alone`);
    return;
  }
  for (const { field, section } of knownKind(resource.kind).withoutEffect(resource)) {
    tell(`${titleOf(resource)}: ${field} is stored, and has no effect in this version (${section})`);
  }
}
