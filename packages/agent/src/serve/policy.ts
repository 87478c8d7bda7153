import { OcicatError } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { formatAddress } from "@ocicat/net";
import {
  type Direction,
  describeRule,
  type Endpoint,
  type EndpointNeeds,
  type Policy,
  type PolicyId,
  type Profile,
  type Rule,
  type TierNeeds,
} from "@ocicat/policy";
import { json, type Routes } from "@ocicat/service";
import type { LocalNeeds } from "../policy/local-needs.ts";
import { conditionsNow } from "../policy/metrics.ts";
import type { Policy as PolicyPart } from "../policy/policy.ts";
import { type Counts, RuleCounters } from "../policy/rule-counters.ts";
import type { Tables } from "../tables/tables.ts";
import type { Running } from "./status.ts";

export interface PolicyRouteParts {
  readonly tables: Tables;
  readonly kernel: Kernel;
  /** Undefined until the agent is in sync. */
  readonly running: () => Pick<Running, "policy" | "rules"> | undefined;
}

/**
 * What the command line asks an agent about policy:
 *
 *     /policy/status                what is enforced, how much, and what closes instead of doing what it says
 *     /policy/settings              what FelixConfiguration and environment say of it here
 *     /policy/endpoints             this node's endpoints
 *     /policy/show?endpoint=        what decides about one's packets, in order, with each rule's counters; it is named by
 *                                   workload (default/web-1), resource (default/node1-k8s-web--1-eth0), interface or address
 *     /policy/verify                reads the kernel's table back and proves it: what is otherwise, each shown by a packet
 *     /policy/counters              how much each rule of this node has met
 */
export function policyRoutes(parts: PolicyRouteParts): Routes {
  const { tables } = parts;
  const counters = new RuleCounters(parts.kernel);
  const running = () => {
    const now = parts.running();
    if (now !== undefined) return { ...now.policy, failure: now.rules.failure };
    const what = "the agent is not in sync with the datastore yet";
    throw new OcicatError({ code: "AGENT_NOT_READY", what, retryable: true });
  };
  return {
    "/policy/status": () => {
      const { engine, revoker, failure } = running();
      const { endpoints, policies, profiles, sets } = engine.local;
      return json({
        enforced: { endpoints: endpoints.size, policies: policies.size, profiles: profiles.size, sets: sets.size },
        failure,
        conditions: conditionsNow(tables.policy),
        connections: { judged: revoker.judged, revoked: revoker.revoked },
      });
    },
    "/policy/verify": async () => {
      const { verifier, engine } = running();
      const { differences, text, interfaces, tookMs } = await verifier.verify();
      return json({ settled: engine.settled, differences: differences.length, text, interfaces, tookMs });
    },
    "/policy/settings": () => json(settingsReport(running())),
    "/policy/endpoints": () =>
      json([...running().engine.local.endpoints].map(([key, needs]) => endpointRow(key, needs))),
    "/policy/show": (query) => {
      const { local } = running().engine;
      const [key, needs] = findEndpoint(local, query.get("endpoint") ?? "");
      return json(endpointReport(key, needs, local, counters.read()));
    },
    "/policy/counters": () => {
      const { local } = running().engine;
      const all = counters.read();
      return json(
        [...local.policies.values()].flatMap((policy) =>
          DIRECTIONS.flatMap((at) =>
            rulesOf(policy, at, all).map((rule) => ({ policy: policy.id, direction: at, ...rule })),
          ),
        ),
      );
    },
  };
}

const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

function settingsReport({ engine }: PolicyPart) {
  const { settings, ...rest } = engine.compile;
  const ports = (failsafes: typeof settings.failsafeInbound) =>
    failsafes.map(({ network, ...port }) => ({ ...port, network: network?.toString() }));
  return {
    ...rest,
    ...settings,
    failsafeInbound: ports(settings.failsafeInbound),
    failsafeOutbound: ports(settings.failsafeOutbound),
  };
}

/** Throws OcicatError ENDPOINT_NOT_HERE. */
function findEndpoint(local: LocalNeeds, name: string): readonly [string, EndpointNeeds] {
  const found = [...local.endpoints].find(([key, { endpoint }]) => isCalled(name, key, endpoint));
  if (found !== undefined) return found;
  throw new OcicatError({
    code: "ENDPOINT_NOT_HERE",
    what: `no endpoint of this node is called "${name}"`,
    fix: "name one of /policy/endpoints, by workload, resource, interface or address",
  });
}

function isCalled(name: string, key: string, endpoint: Endpoint): boolean {
  const own = endpoint.kind === "workload" ? [endpoint.workload] : [];
  return [key, endpoint.id, endpoint.interfaceName, ...own, ...endpoint.addresses.map(formatAddress)].includes(name);
}

function endpointRow(key: string, { endpoint, stages, profiles }: EndpointNeeds) {
  const policies = new Set<PolicyId>();
  for (const { ingress, egress } of stages.values())
    for (const tier of [...ingress, ...egress]) for (const id of tier.policies) policies.add(id);
  return {
    key,
    kind: endpoint.kind,
    id: endpoint.id,
    workload: endpoint.kind === "workload" ? endpoint.workload : undefined,
    interface: endpoint.interfaceName,
    addresses: endpoint.addresses.map(formatAddress),
    profiles,
    policies: [...policies],
  };
}

function endpointReport(key: string, needs: EndpointNeeds, local: LocalNeeds, counters: Counts) {
  return {
    ...endpointRow(key, needs),
    labels: needs.endpoint.labels,
    stages: [...needs.stages].flatMap(([stage, of]) =>
      DIRECTIONS.map((direction) => ({
        stage,
        direction,
        tiers: of[direction].map((tier) => tierReport(tier, direction, local, counters)),
      })),
    ),
    profiles: needs.profiles.map((name) => {
      const profile = local.profiles.get(name);
      if (profile === undefined || profile === "missing") return { name, missing: true };
      return {
        name,
        missing: false,
        ingress: rulesOf(profile, "ingress", counters),
        egress: rulesOf(profile, "egress", counters),
      };
    }),
  };
}

function tierReport(
  { name, defaultAction, policies }: TierNeeds,
  direction: Direction,
  local: LocalNeeds,
  counters: Counts,
) {
  return {
    name,
    defaultAction,
    policies: policies.map((id) => {
      const policy = local.policies.get(id);
      return {
        id,
        staged: policy?.staged,
        unreadable: policy?.unreadable,
        rules: policy === undefined ? [] : rulesOf(policy, direction, counters),
      };
    }),
  };
}

/** A rule of several families, or of hosts and of blocks, is several in the kernel: they are counted together. */
function rulesOf(of: Policy | Profile, direction: Direction, counters: Counts) {
  return of[direction].map((rule: Rule) => ({
    field: rule.field,
    action: rule.action,
    text: describeRule(rule),
    ...counters.of(of, direction, rule.field),
  }));
}
