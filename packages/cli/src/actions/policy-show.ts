import { OcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import type { Endpoint, PolicyModel } from "@ocicat/policy";
import { countsKey, type RuleCounts, readRuleCounts } from "../agents/policy-answers.ts";
import { tryAgents } from "../agents/reach.ts";
import { withDatastore } from "../connect/datastore.ts";
import type { PolicyShowOptions } from "../options/policy.ts";
import { oneLine } from "../output/line.ts";
import {
  type Applied,
  type AppliedRules,
  type AppliedSection,
  type AppliedTier,
  appliedTo,
  type Chosen,
  nameOf,
} from "../policy/applied.ts";
import { endNamed } from "../policy/ends.ts";
import { checkOutput, print } from "../policy/output.ts";
import { readPolicyFile } from "../policy/read-file.ts";
import { readPolicyModel } from "../policy/read-model.ts";
import { withManifests } from "../policy/with-manifests.ts";
import type { Surroundings } from "../surroundings.ts";

export async function showApplied(surroundings: Surroundings, name: string, options: PolicyShowOptions): Promise<void> {
  checkOutput(options.output);
  const model = await withDatastore(surroundings, options.config, async (opened) => {
    const files = await readPolicyFile(surroundings, opened, options);
    return withManifests(await readPolicyModel(surroundings, opened), files, "applied");
  });
  const endpoints = endpointsCalled(model, name);
  const shown = await Promise.all(
    endpoints.map(async (endpoint): Promise<Shown> => {
      const counts = options.live === true ? await countsOf(surroundings, endpoint) : undefined;
      return { applied: appliedTo(endpoint, model), counts };
    }),
  );
  print(surroundings, options.output, {
    text: () => `${shown.map((one) => lines(one).join("\n")).join("\n\n")}\n`,
    json: () => shown.map(json),
  });
}

interface Shown {
  readonly applied: Applied;
  /** Undefined: it was not asked for them. */
  readonly counts: RuleCounts | undefined;
}

/** A workload; of a node, or a host endpoint's name, the host endpoints. Throws OcicatError POLICY_NO_SUCH_END. */
function endpointsCalled(model: PolicyModel, name: string): readonly Endpoint[] {
  const { workload, node } = endNamed(model, name);
  if (workload !== undefined) return [workload];
  const hosts = model.endpoints.filter((endpoint) => endpoint.kind === "host" && endpoint.node === node);
  const named = hosts.filter(({ id }) => id === name);
  if (hosts.length > 0) return named.length > 0 ? named : hosts;
  throw new OcicatError({
    code: "POLICY_NO_SUCH_END",
    what: `${name} is no endpoint: no policy applies to it`,
    fix: node === undefined ? "name a pod, a workload endpoint or a host endpoint" : `make a HostEndpoint for ${node}`,
  });
}

/** Of the agent that enforces it. Throws OcicatError POLICY_NOT_IN_REACH. */
async function countsOf(surroundings: Surroundings, endpoint: Endpoint): Promise<RuleCounts> {
  const query = new URLSearchParams({ endpoint: endpoint.id });
  const [answer] = await tryAgents(surroundings, `/policy/show?${query}`, readRuleCounts);
  if (answer !== undefined) return answer.body;
  throw new OcicatError({
    code: "POLICY_NOT_IN_REACH",
    where: nameOf(endpoint),
    what: `the agent of ${endpoint.node} is not in reach, or does not know it yet`,
    fix: `run this on ${endpoint.node}, or without --live`,
  });
}

function lines({ applied, counts }: Shown): readonly string[] {
  const { endpoint, labels, sections } = applied;
  const addresses = endpoint.addresses.map(formatAddress).join(", ") || "no address";
  return [
    `${nameOf(endpoint)} on ${endpoint.node}: ${addresses}, ${endpoint.interfaceName || "no interface"}`,
    `  labels    ${pairs(labels)}`,
    `  profiles  ${endpoint.profiles.join(", ") || "none"}`,
    ...sections.flatMap((section) => ["", ...sectionLines(section, counts)]),
  ].map((line) => (/^ */.exec(line)?.[0] ?? "") + oneLine(line));
}

const STAGES = {
  normal: "",
  untracked: ", before connections are tracked",
  preDnat: ", before destinations are translated",
  forward: ", what it forwards",
} as const;

function sectionLines(section: AppliedSection, counts: RuleCounts | undefined): readonly string[] {
  const { direction, stage, tiers, profiles, reachesProfiles } = section;
  const tell = (rules: AppliedRules) => rulesLines(rules, section, counts);
  return [
    `${direction}${STAGES[stage]}: the first rule that matches decides`,
    ...tiers.flatMap((tier) => [`  tier ${tier.name}`, ...tier.policies.flatMap(tell), `    ${endOfTier(tier)}`]),
    ...(stage !== "normal" ? [] : reachesProfiles ? ["  profiles"] : ["  profiles, which nothing reaches"]),
    ...(stage === "normal" && reachesProfiles ? profiles.flatMap(tell) : []),
    ...(stage === "normal" && reachesProfiles ? ["    at their end: denied"] : []),
  ];
}

function endOfTier({ inForce, defaultAction }: AppliedTier): string {
  if (!inForce) return "at its end: on to the next, for nothing of it is in force";
  return defaultAction === "deny" ? "at its end: denied" : "at its end: on to the next";
}

function rulesLines(
  { name, remark, rules }: AppliedRules,
  { direction }: AppliedSection,
  counts: RuleCounts | undefined,
): readonly string[] {
  const said = remark === undefined ? "" : ` (${remark})`;
  const widest = Math.max(...rules.map(({ field }) => field.length));
  return [
    `    ${name}${said}${rules.length === 0 ? ": no rules" : ""}`,
    ...rules.flatMap(({ field, text, chosen }) => {
      const packets = counts?.packets.get(countsKey(name, direction, field)) ?? 0;
      const met = counts === undefined ? "" : `  [${packets} packet${packets === 1 ? "" : "s"}]`;
      return [`      ${field.padEnd(widest)}  ${text}${met}`, ...chosen.map((one) => `          ${chosenText(one)}`)];
    }),
  ];
}

/** How many of a set are named. */
const NAMED = 6;

function chosenText({ selector, names }: Chosen): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return `${selector} is ${names.length === 0 ? "nobody" : `${names.slice(0, NAMED).join(", ")}${more}`}`;
}

function pairs(labels: Readonly<Record<string, string>>): string {
  const names = Object.keys(labels).sort();
  return names.map((name) => `${name}=${labels[name]}`).join(", ") || "none";
}

function json({ applied: { endpoint, labels, sections }, counts }: Shown) {
  const rulesJson = ({ name, remark, rules }: AppliedRules, { direction }: AppliedSection) => ({
    name,
    remark: remark ?? null,
    rules: rules.map(({ field, text, chosen }) => ({
      field,
      text,
      chosen: chosen.map((one) => ({ selector: one.selector, names: [...one.names] })),
      packets: counts === undefined ? null : (counts.packets.get(countsKey(name, direction, field)) ?? 0),
    })),
  });
  return {
    endpoint: nameOf(endpoint),
    id: endpoint.id,
    node: endpoint.node,
    addresses: endpoint.addresses.map(formatAddress),
    labels: { ...labels },
    sections: sections.map((section) => ({
      direction: section.direction,
      stage: section.stage,
      tiers: section.tiers.map(({ name, defaultAction, inForce, policies }) => ({
        name,
        defaultAction,
        inForce,
        policies: policies.map((policy) => rulesJson(policy, section)),
      })),
      reachesProfiles: section.reachesProfiles,
      profiles: section.profiles.map((profile) => rulesJson(profile, section)),
    })),
  };
}
