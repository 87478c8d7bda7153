import type { AgentFacts } from "@ocicat/doctor";
import type { BgpRunner } from "../bgp/runner.ts";
import { formatCandidate } from "../node/detection.ts";
import type { OwnAddresses } from "../node/own-addresses.ts";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { RuleReconciler } from "../program/rule-reconciler.ts";

/** The parts of an agent that know; there once it is in sync with the datastore. */
export interface KnowingParts {
  readonly routes: RouteReconciler;
  readonly rules: RuleReconciler;
  readonly mesh: BgpRunner;
}

/** What only the running agent knows. `parts` is undefined while it waits. */
export function agentFacts(
  parts: KnowingParts | undefined,
  found: OwnAddresses["found"],
  waitsFor: readonly string[],
): AgentFacts {
  return {
    waitsFor,
    addresses: [found.ipv4, found.ipv6].flatMap((detected) =>
      detected === undefined
        ? []
        : [
            {
              address: detected.chosen.address,
              length: detected.chosen.subnet.length,
              interfaceName: detected.chosen.interfaceName,
              others: detected.others.map(formatCandidate),
              why: detected.why,
            },
          ],
    ),
    pendingRoutes: (parts?.routes.pending() ?? []).map(({ desired, reason }) => ({
      destination: desired.destination.toString(),
      reason,
    })),
    ruleFailure: parts?.rules.failure,
    sessions: parts?.mesh.report() ?? [],
  };
}
