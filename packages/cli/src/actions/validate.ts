import { type AnyResource, checkResource, ValidationError } from "@ocicat/api";
import { inspectManifests, type Manifest } from "../input/manifests.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { ValidateOptions } from "../options/validate.ts";
import type { Surroundings } from "../surroundings.ts";
import { missingFile, successLine, titleOf } from "./sentences.ts";

/** Tells everything that is wrong with the files, one line each. Throws OcicatError CLI_ARGUMENTS, MANIFEST_…. */
export async function validate(surroundings: Surroundings, options: ValidateOptions): Promise<void> {
  const { filename, namespace = DEFAULT_NAMESPACE } = options;
  if (filename === undefined) throw missingFile("validate");
  const { manifests, faults } = await inspectManifests(surroundings, { ...options, filename, namespace });
  const all = [...faults, ...faultsBetween(manifests)];
  for (const fault of all) surroundings.tell(fault.message);
  if (all.length > 0) {
    surroundings.setExitCode(1);
    return;
  }
  const kinds = manifests.map(({ resource }) => resource.kind);
  surroundings.print(successLine("validated", manifests.length, kinds));
}

/** What does not go together with what comes before it in the files. */
function faultsBetween(manifests: readonly Manifest[]): readonly Error[] {
  const before: AnyResource[] = [];
  return manifests.flatMap(({ resource, locate }) => {
    const others = before.filter(({ kind }) => kind === resource.kind);
    before.push(resource);
    const same = others.find((other) => titleOf(other) === titleOf(resource));
    if (same !== undefined) return [locate(twice(resource))];
    try {
      checkResource(resource, { others });
      return [];
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      return [locate(error)];
    }
  });
}

function twice(resource: AnyResource): ValidationError {
  const message = "is there twice in what was given: one would undo the other";
  const problem = { field: "metadata.name", value: resource.metadata.name, rule: "duplicate", message };
  return new ValidationError(titleOf(resource), [problem]);
}
