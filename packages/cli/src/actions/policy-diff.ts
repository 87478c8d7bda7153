import { isOcicatError, OcicatError, toError } from "@ocicat/kit";
import { type Policy, type PolicyModel, withStaged } from "@ocicat/policy";
import { type Difference, difference } from "@ocicat/policy/difference";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import { IN_MACHINE } from "../connect/lab.ts";
import type { PolicyDiffOptions, PolicyImpactOptions } from "../options/policy.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import { differenceJson, differenceText } from "../policy/difference-text.ts";
import { checkOutput, print } from "../policy/output.ts";
import { readPolicyFile } from "../policy/read-file.ts";
import { readPolicyModel } from "../policy/read-model.ts";
import { withManifests } from "../policy/with-manifests.ts";
import type { Surroundings } from "../surroundings.ts";
import { missingFile } from "./sentences.ts";

/** As diff's, and kubectl's: 0 nothing changes, 1 something does, 2 it is not known. */
const EXIT = { changes: 1, unknown: 2 } as const;

/** What applying, or deleting, what a file holds would change. */
export async function showPolicyDiff(surroundings: Surroundings, options: PolicyDiffOptions): Promise<void> {
  await comparing(surroundings, options, async (opened, before) => {
    if (options.filename === undefined) throw missingFile("compare");
    const manifests = await readPolicyFile(surroundings, opened, options);
    const after = withManifests(before, manifests, options.delete === true ? "deleted" : "applied");
    if (manifests.some((manifest) => "resource" in manifest && manifest.resource.kind.startsWith("Staged"))) {
      surroundings.tell(
        "staged policies change nothing; ocicat policy impact --staged tells what enforcing them would",
      );
    }
    return after;
  });
}

/** What enforcing staged policies would change: all of them, or those of a name. */
export async function showStagedImpact(
  surroundings: Surroundings,
  name: string | undefined,
  options: PolicyImpactOptions,
): Promise<void> {
  await comparing(surroundings, options, (_opened, before) => {
    const staged = before.policies.filter((policy) => policy.staged !== undefined);
    const meant = staged.filter((policy) => name === undefined || isNamed(policy, name, options.namespace));
    if (name !== undefined && meant.length === 0) throw noStaged(name, staged);
    return Promise.resolve(withStaged(before, (policy) => meant.includes(policy)));
  });
}

type Changed = (opened: Opened, before: PolicyModel) => Promise<PolicyModel>;

async function comparing(
  surroundings: Surroundings,
  { output, config }: { readonly output: string; readonly config?: string },
  changed: Changed,
): Promise<void> {
  try {
    checkOutput(output);
    const found = await withDatastore(surroundings, config, async (opened): Promise<Difference> => {
      const before = await readPolicyModel(surroundings, opened);
      return difference(before, await changed(opened, before));
    });
    print(surroundings, output, { text: () => differenceText(found), json: () => differenceJson(found) });
    if (found.changes.length > 0) surroundings.setExitCode(EXIT.changes);
  } catch (error) {
    if (!isOcicatError(error) || error.code === IN_MACHINE) throw error;
    surroundings.tell(toError(error).message);
    surroundings.setExitCode(EXIT.unknown);
  }
}

function isNamed({ resource }: Policy, name: string, namespace = DEFAULT_NAMESPACE): boolean {
  return resource.name === name || resource.name === `${namespace}/${name}`;
}

function noStaged(name: string, staged: readonly Policy[]): OcicatError {
  const names = staged.map(({ resource }) => resource.name).join(", ");
  return new OcicatError({
    code: "POLICY_NOT_STAGED",
    what: `there is no staged policy "${name}"`,
    fix: names === "" ? "none is staged" : `use one of ${names}`,
  });
}
