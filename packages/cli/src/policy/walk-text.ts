import { formatAddress } from "@ocicat/net";
import type {
  FixedReason,
  FixedStep,
  PolicyStep,
  ProfileStep,
  Rule,
  Stage,
  Step,
  TierStep,
  Walk,
} from "@ocicat/policy";
import { ruleText } from "./rule-text.ts";
import type { PolicyPlaces } from "./with-manifests.ts";

/** A step, as it is told: where it belongs, what was asked, and what that said. */
export interface StepText {
  readonly tier: string;
  readonly what: string;
  readonly says: string;
}

/**
 * One side of a packet's way:
 *
 *     egress of default/web-1: allowed
 *       default  NetworkPolicy default/web-out  spec.egress[0] allows: allow tcp to app == "db"
 */
export function walkLines(walk: Walk, places: PolicyPlaces = new Map()): readonly string[] {
  const { direction, allowed, steps } = walk;
  const parts = Map.groupBy(steps, ({ endpoint, stage }) => `${endpointText(endpoint)}${STAGES[stage]}`);
  return Array.from(parts, ([where, group], index) => {
    const last = index === parts.size - 1;
    const heading = `${direction} of ${where}${last ? `: ${allowed ? "allowed" : "denied"}` : ""}`;
    return [heading, ...columns(group.map((step) => stepText(step, places)))];
  }).flat();
}

export function stepText(step: Step, places: PolicyPlaces = new Map()): StepText {
  switch (step.kind) {
    case "policy":
      return { tier: step.tier, what: step.policy, says: policySays(step, places) };
    case "tier":
      return { tier: step.tier, what: "end of the tier", says: tierSays(step) };
    case "profile":
      return { tier: "profiles", what: `Profile ${step.profile}`, says: profileSays(step) };
    case "fixed":
      return { tier: "-", what: step.reason, says: FIXED[step.reason](step) };
  }
}

/** `web.yaml line 12`; undefined where it did not come from a file. */
export function placeOfRule(step: Step, places: PolicyPlaces): string | undefined {
  if (step.kind !== "policy" || step.rule === undefined) return undefined;
  const place = places.get(step.policy);
  return place === undefined ? undefined : `${place.file} line ${place.placeOf(step.rule.field).line}`;
}

export function endpointText(endpoint: Step["endpoint"]): string {
  if (endpoint.kind === "workload") return endpoint.workload;
  const addresses = endpoint.addresses.map(formatAddress).join(", ");
  const at = endpoint.interfaceName === "" ? addresses : endpoint.interfaceName;
  return `HostEndpoint ${endpoint.id} (${endpoint.node} ${at})`;
}

const STAGES: Readonly<Record<Stage, string>> = {
  normal: "",
  untracked: ", before connections are tracked",
  preDnat: ", before destinations are translated",
  forward: ", what it forwards",
};

function policySays(step: PolicyStep, places: PolicyPlaces): string {
  const { rule, staged, would, logged } = step;
  const wrote = logged.length === 0 ? "" : `${logged.map(({ field }) => field).join(", ")} logs; `;
  const at = placeOfRule(step, places);
  const where = at === undefined ? "" : ` (${at})`;
  if (staged === "delete") return "staged: would take away the policy of its name";
  if (staged === "ignore") return "staged, and ignored";
  if (rule === undefined || would === "next") return `${wrote}${staged === undefined ? "" : "staged: "}no rule matches`;
  const verb = staged === undefined ? `${would === "deny" ? "denies" : would === "pass" ? "passes" : "allows"}` : "";
  const does = staged === undefined ? `${rule.field} ${verb}` : `staged: ${rule.field} would ${would}`;
  return `${wrote}${does}: ${ruleText(rule)}${where}`;
}

function tierSays({ outcome }: TierStep): string {
  return outcome === "deny"
    ? "denies: policies of it apply, and none decided (defaultAction Deny)"
    : "goes on: none of its policies decided (defaultAction Pass)";
}

function profileSays({ rule, missing, outcome }: ProfileStep): string {
  if (missing) return "there is no such profile: it allows nothing";
  if (rule === undefined) return "no rule matches";
  return `${rule.field} ${SAYS[outcome]}: ${ruleText(rule)}`;
}

const SAYS = { allow: "allows", deny: "denies", next: "goes on" } as const;

const FIXED: Readonly<Record<FixedReason, (step: FixedStep) => string>> = {
  "no profile": () => "denies: none of its profiles allows it",
  failsafe: ({ outcome }) => `${SAYS[outcome]}: a port that host endpoints' policies never close`,
  "nothing on forward": () => "goes on: no policy with applyOnForward applies to what the host forwards",
  "own workload": () => "allows: a node always reaches its own workloads, for their probes",
  "endpoint to host": ({ outcome }) =>
    `${SAYS[outcome]}: from a workload to its own node (FelixConfiguration's defaultEndpointToHostAction)`,
  "tunnel from workload": () =>
    "denies: a workload sends no VXLAN or IPIP of its own, unless FelixConfiguration says so",
  "neighbour discovery": () => "allows: IPv6 needs it to find neighbours and routers",
};

/** Indented, and under each other. */
function columns(steps: readonly StepText[]): readonly string[] {
  const width = (part: keyof StepText) => Math.max(...steps.map((step) => step[part].length));
  const [tiers, whats] = [width("tier"), width("what")];
  return steps.map(({ tier, what, says }) => `  ${tier.padEnd(tiers)}  ${what.padEnd(whats)}  ${says}`);
}

/** A rule that is written down somewhere, for programs. */
export function ruleJson(rule: Rule | undefined) {
  return rule === undefined ? null : { field: rule.field, action: rule.action, text: ruleText(rule) };
}
