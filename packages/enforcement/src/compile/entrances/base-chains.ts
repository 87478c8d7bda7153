import { origin } from "@ocicat/kit";
import {
  type BaseChain,
  type Chain,
  COUNTER,
  DROP,
  equal,
  interfacePrefix,
  meta,
  rule,
  verdict,
} from "@ocicat/nftables";
import { failsafeChains } from "../failsafes.ts";
import type { CompileOptions } from "../options.ts";
import { hostChains } from "./host-chains.ts";
import {
  ANSWERED,
  dispatch,
  ESTABLISHED,
  type HostDispatches,
  hook,
  leadWorkloads,
  neighbours,
  notLoopback,
  prefixesOf,
  REVOKED_RULES,
} from "./rules.ts";
import { FROM_WORKLOAD, TO_WORKLOAD, workloadChains } from "./workload-chains.ts";

/**
 * Where packets enter. An accept ends the chain in which it is said and no other: the sender's side and the receiver's are
 * chains of their own.
 *
 *     prerouting  -300 untracked-in   -150 pre-dnat        host endpoints only, and only if one needs them
 *     forward       -1 forward-in        0 from-workload     1 to-workload     2 forward-out
 *     input          0 input
 *     output      -300 untracked-out     0 output
 */
export function baseChains(hosts: HostDispatches, options: CompileOptions): readonly Chain[] {
  return [
    ...failsafeChains(options.settings),
    ...workloadChains(options),
    hook("forward-egress", "forward", 0, "what workloads send on", [
      ESTABLISHED,
      ...REVOKED_RULES,
      ...leadWorkloads(options, "iifname", FROM_WORKLOAD),
    ]),
    hook("forward-ingress", "forward", 1, "what workloads are sent", [
      ESTABLISHED,
      ...leadWorkloads(options, "oifname", TO_WORKLOAD),
    ]),
    inputChain(hosts, options),
    ...hostChains(hosts, options),
  ];
}

/**
 * What is for this host. With "drop" a workload's own policies need not be asked: what they allow is dropped all the same.
 */
function inputChain(hosts: HostDispatches, options: CompileOptions): BaseChain {
  const { endpointToHost } = options.settings;
  return hook("input", "input", 0, "what is for this host", [
    ESTABLISHED,
    ...REVOKED_RULES,
    ...neighbours(options),
    ...(endpointToHost === "drop"
      ? prefixesOf(options).map((prefix) =>
          rule(TO_HOST, equal(meta("iifname"), interfacePrefix(prefix)), COUNTER, verdict(DROP)),
        )
      : leadWorkloads(options, "iifname", FROM_WORKLOAD)),
    ...(hosts.has("hostIn") ? [notLoopback("iifname")] : []),
    ...(hosts.has("untrackedIn") || hosts.has("preDnat") ? [ANSWERED] : []),
    ...dispatch("hostIn", hosts),
  ]);
}

const TO_HOST = origin("DefaultEndpointToHostAction", { kind: "FelixConfiguration", name: "default" });
