import { isOcicatError, toError } from "@ocicat/kit";
import { type LintFinding, type LintSeverity, lint, type PolicyId, policyId } from "@ocicat/policy";
import { withDatastore } from "../connect/datastore.ts";
import { IN_MACHINE } from "../connect/lab.ts";
import type { PolicyLintOptions } from "../options/policy.ts";
import { oneLine } from "../output/line.ts";
import { counted } from "../policy/difference-text.ts";
import { checkOutput, print } from "../policy/output.ts";
import { readPolicyFile } from "../policy/read-file.ts";
import { readPolicyModel } from "../policy/read-model.ts";
import { placeIn } from "../policy/walk-json.ts";
import { placesOf, withManifests } from "../policy/with-manifests.ts";
import type { Surroundings } from "../surroundings.ts";

/** As doctor's: findings are no failure to look. What is only worth a look is none. */
const EXIT = { found: 1, couldNotLook: 2 } as const;

/** What is hardly meant as it is: in all that is stored, or in what a file holds, were it applied. */
export async function lintPolicies(surroundings: Surroundings, options: PolicyLintOptions): Promise<void> {
  try {
    checkOutput(options.output);
    const { findings, placeOf } = await withDatastore(surroundings, options.config, async (opened) => {
      const files = await readPolicyFile(surroundings, opened, options);
      const model = withManifests(await readPolicyModel(surroundings, opened), files, "applied");
      const places = placesOf(files);
      const isAsked = (finding: LintFinding) => options.filename === undefined || places.has(keyOf(finding));
      return { findings: lint(model).filter(isAsked), placeOf: placeIn(places) };
    });
    const told = findings.map((finding): Told => ({ finding, place: placeOf(keyOf(finding), finding.field) }));
    print(surroundings, options.output, { text: () => text(told), json: () => told.map(json) });
    if (findings.some(({ severity }) => severity !== "hint")) surroundings.setExitCode(EXIT.found);
  } catch (error) {
    if (!isOcicatError(error) || error.code === IN_MACHINE) throw error;
    surroundings.tell(toError(error).message);
    surroundings.setExitCode(EXIT.couldNotLook);
  }
}

interface Told {
  readonly finding: LintFinding;
  /** `new.yaml line 12`. */
  readonly place: string | undefined;
}

/** As policies are called, and all that has a kind and a name. */
function keyOf({ resource: { kind, name } }: LintFinding): PolicyId {
  return policyId(kind, undefined, name);
}

const HEADINGS: Readonly<Record<LintSeverity, string>> = {
  error: "Not enforced as written:",
  warning: "Hardly what was meant:",
  hint: "Worth a look:",
};

function text(told: readonly Told[]): string {
  const sections = (["error", "warning", "hint"] as const).flatMap((severity) => {
    const members = told.filter(({ finding }) => finding.severity === severity);
    return members.length === 0 ? [] : [HEADINGS[severity], "", ...members.flatMap(block)];
  });
  const summary = told.length === 0 ? "Nothing was found." : `${counted(told.length, "finding")}.`;
  return `${[...sections, summary].join("\n")}\n`;
}

/**
 *     shadowed  NetworkPolicy default/web  spec.ingress[1]  (web.yaml line 12)
 *       the rule is never reached: …
 *       why   nothing is allowed by it
 *       mend  take it out, or put it first
 */
function block({ finding: { code, resource, field, what, why, fix }, place }: Told): readonly string[] {
  const at = place === undefined ? "" : `  (${place})`;
  return [
    oneLine(`${code}  ${resource.kind} ${resource.name}  ${field}${at}`),
    `  ${oneLine(what)}`,
    `  why   ${oneLine(why)}`,
    `  mend  ${oneLine(fix)}`,
    "",
  ];
}

function json({ finding: { resource, ...rest }, place }: Told) {
  return { ...rest, resource: { kind: resource.kind, name: resource.name }, place: place ?? null };
}
