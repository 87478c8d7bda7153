import type { Rule } from "../../define-kind.ts";
import type { Problem } from "../../problem.ts";
import type { Resource } from "../../resource.ts";
import { flag, optional } from "../../schema/index.ts";
import { selector } from "../../selector/index.ts";
import { type Direction, eachRule, type HasRules } from "./check.ts";
import type { PolicyRule } from "./rule.ts";
import {
  PERFORMANCE_HINTS,
  performanceHints,
  SERVICE_ACCOUNT_SELECTOR,
  serviceAccountSelector,
  tieredDescriptions,
  tieredFields,
} from "./tiered.ts";

/** The fields of a policy that is not of one namespace, in their order. */
export const globalFields = {
  ...tieredFields,
  doNotTrack: optional(flag(), false),
  preDNAT: optional(flag(), false),
  applyOnForward: optional(flag(), false),
  serviceAccountSelector,
  namespaceSelector: optional(selector(), ""),
  performanceHints,
};

export const globalDescriptions = {
  ...tieredDescriptions,
  doNotTrack: "Its rules come before connections are tracked, and what they allow is not tracked. For host endpoints.",
  preDNAT: "Its rules come before destinations are translated. For host endpoints, and ingress only.",
  applyOnForward: "It applies also to what a host endpoint forwards; must be true with doNotTrack and preDNAT.",
  serviceAccountSelector: SERVICE_ACCOUNT_SELECTOR,
  namespaceSelector: "Only endpoints in namespaces with these labels.",
  performanceHints: PERFORMANCE_HINTS,
};

/** What all policies that are not of one namespace have in common. */
type GlobalPolicy = Resource<{
  readonly types: readonly ("Ingress" | "Egress")[];
  readonly egress?: readonly PolicyRule[];
  readonly doNotTrack?: boolean;
  readonly preDNAT?: boolean;
  readonly applyOnForward?: boolean;
}>;

export const GLOBAL_RULES: Readonly<Record<string, Rule<GlobalPolicy & HasRules>>> = {
  "doNotTrack and preDNAT exclude each other, and need applyOnForward.": checkHooks,
  "A preDNAT policy is for ingress only.": checkPreDnat,
  "A service is named with its namespace.": eachRule(checkServiceNamespace),
};

function* checkHooks({ spec }: GlobalPolicy): Iterable<Problem> {
  if (spec.doNotTrack === true && spec.preDNAT === true) {
    const message = "cannot be true beside doNotTrack: a policy has one place in a packet's way";
    yield { field: "spec.preDNAT", value: true, rule: "hooks", message };
  }
  const needing = (["doNotTrack", "preDNAT"] as const).find((name) => spec[name] === true);
  if (needing === undefined || spec.applyOnForward === true) return;
  const message = `must be true with ${needing}, which sees packets before it is known whether they are forwarded`;
  yield { field: "spec.applyOnForward", value: spec.applyOnForward, rule: "apply-on-forward", message };
}

function* checkPreDnat({ spec }: GlobalPolicy): Iterable<Problem> {
  if (spec.preDNAT !== true) return;
  const message = "cannot be given with preDNAT, which is for what comes in";
  if ((spec.egress ?? []).length > 0) yield { field: "spec.egress", value: spec.egress, rule: "pre-dnat", message };
  else if (spec.types.includes("Egress")) yield { field: "spec.types", value: spec.types, rule: "pre-dnat", message };
}

function* checkServiceNamespace(rule: PolicyRule, path: string, direction: Direction): Iterable<Problem> {
  const end = direction === "ingress" ? "source" : "destination";
  const { services } = rule[end];
  if (services === undefined || services.namespace !== undefined) return;
  const field = `${path}.${end}.services.namespace`;
  yield {
    field,
    value: undefined,
    rule: "required",
    message: "is missing: a global policy has no namespace of its own",
  };
}
