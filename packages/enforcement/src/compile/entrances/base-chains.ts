import { origin } from "@ocicat/kit";
import {
  ACCEPT,
  type BaseChain,
  type Chain,
  COUNTER,
  DROP,
  equal,
  inSet,
  interfaceName,
  interfacePrefix,
  meta,
  number,
  payload,
  rule,
  verdict,
} from "@ocicat/nftables";
import { Protocol } from "@ocicat/policy";
import { failsafeChains } from "../failsafes.ts";
import { NFPROTO } from "../match/fields.ts";
import type { CompileOptions } from "../options.ts";
import { NEIGHBOUR_TYPES } from "../static-sets.ts";
import { hostChains } from "./host-chains.ts";
import {
  ANSWERED,
  dispatch,
  ESTABLISHED,
  type HostDispatches,
  hook,
  LOOPBACK,
  leadWorkloads,
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
 * Neighbour discovery always passes, or there would be no IPv6 at all.
 */
function inputChain(hosts: HostDispatches, options: CompileOptions): BaseChain {
  const { endpointToHost } = options.settings;
  const icmpv6 = [
    equal(meta("nfproto"), number(NFPROTO[6])),
    equal(meta("l4proto"), number(Protocol.icmpv6)),
    inSet(payload("icmpv6 type"), NEIGHBOUR_TYPES),
  ];
  return hook("input", "input", 0, "what is for this host", [
    ESTABLISHED,
    ...REVOKED_RULES,
    ...prefixesOf(options).map((prefix) =>
      rule(NEIGHBOURS, equal(meta("iifname"), interfacePrefix(prefix)), ...icmpv6, COUNTER, verdict(ACCEPT)),
    ),
    ...(endpointToHost === "drop"
      ? prefixesOf(options).map((prefix) =>
          rule(TO_HOST, equal(meta("iifname"), interfacePrefix(prefix)), COUNTER, verdict(DROP)),
        )
      : leadWorkloads(options, "iifname", FROM_WORKLOAD)),
    ...(hosts.has("hostIn") ? [rule(LOOPBACK, equal(meta("iifname"), interfaceName("lo")), verdict(ACCEPT))] : []),
    ...(hosts.has("untrackedIn") || hosts.has("preDnat") ? [ANSWERED] : []),
    ...dispatch("hostIn", hosts),
  ]);
}

const NEIGHBOURS = origin("neighbour discovery of workloads");
const TO_HOST = origin("DefaultEndpointToHostAction", { kind: "FelixConfiguration", name: "default" });
