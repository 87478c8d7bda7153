import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import { API_VERSION, type Resource } from "../resource.ts";
import {
  checkDnsSubdomain,
  checkLabelKey,
  checkLabelValue,
  type Infer,
  list,
  map,
  object,
  optional,
  refuse,
  type ScalarSchema,
  text,
} from "../schema/index.ts";
import { RULES_OF_RULES } from "./policy/check.ts";
import { policyRule } from "./policy/rule.ts";
import { withoutEmptyEnds } from "./policy/shown.ts";

const spec = object(
  {
    ingress: optional(list(policyRule), []),
    egress: optional(list(policyRule), []),
    labelsToApply: optional(map(text(), text())),
  },
  {
    ingress: "Rules for what comes in, after those of all tiers; what none matches is denied.",
    egress: "Rules for what goes out, after those of all tiers; what none matches is denied.",
    labelsToApply: "Labels that the profile's endpoints have besides their own.",
  },
);

export interface ProfileSpec extends Infer<typeof spec> {}
/** What the endpoints that name it have in common: labels, and rules where no policy applies. */
export type Profile = Resource<ProfileSpec, unknown, "Profile">;

const DEFAULT_ALLOW = "projectcalico-default-allow";

const allow = { action: "Allow", source: {}, destination: {} } as const;

export const profile = defineKind<Profile>({
  kind: "Profile",
  description: "What the endpoints that name it have in common: labels, and rules for where no policy applies.",
  plural: "profiles",
  aliases: ["profile", "pro", "pros"],
  namespaced: false,
  name: profileName(),
  spec,
  builtIn: [
    {
      kind: "Profile",
      apiVersion: API_VERSION,
      metadata: { name: DEFAULT_ALLOW },
      spec: { ingress: [allow], egress: [allow] },
    },
  ],
  rules: { ...RULES_OF_RULES, "labelsToApply are labels.": checkLabels },
  shown: withoutEmptyEnds,
  columns: [{ heading: "NAME", cell: ({ metadata }) => metadata.name }],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "LABELS", cell: ({ spec }) => labelsCell(spec.labelsToApply ?? {}) },
  ],
  example: {
    name: "kns.default",
    spec: {
      ingress: [{ action: "Allow" }],
      egress: [{ action: "Allow" }],
      labelsToApply: { "pcns.projectcalico.org/name": "default" },
    },
  },
});

function* checkLabels({ spec }: Profile): Iterable<Problem> {
  for (const [key, value] of Object.entries(spec.labelsToApply ?? {})) {
    for (const checked of [checkLabelKey(key), checkLabelValue(value)]) {
      if (checked.ok) continue;
      const field = `spec.labelsToApply["${key}"]`;
      yield { field, value, rule: checked.rule, message: checked.message ?? "is refused" };
    }
  }
}

function profileName(): ScalarSchema<string> {
  return text(`a DNS subdomain other than ${DEFAULT_ALLOW}`, (name) =>
    name === DEFAULT_ALLOW
      ? refuse("built-in", "is built in: it allows everything, and cannot be written")
      : checkDnsSubdomain(name),
  );
}

function labelsCell(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.sort().join(",");
}
