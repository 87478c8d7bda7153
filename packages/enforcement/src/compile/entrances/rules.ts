import { origin } from "@ocicat/kit";
import {
  ACCEPT,
  type BaseChain,
  baseChain,
  bits,
  COUNTER,
  ctState,
  DROP,
  equal,
  goTo,
  type Hook,
  inSet,
  interfaceName,
  interfacePrefix,
  jump,
  meta,
  number,
  payload,
  type Rule,
  rule,
  TCP_FLAGS,
  verdict,
  verdictFrom,
} from "@ocicat/nftables";
import { Protocol } from "@ocicat/policy";
import { DISPATCHES, type DispatchName } from "../dispatch.ts";
import { ACCEPTED, hasBit } from "../marks.ts";
import { addressField, NFPROTO } from "../match/fields.ts";
import type { CompileOptions } from "../options.ts";
import { NEIGHBOUR_TYPES, REVOKED } from "../static-sets.ts";

/** Which of a node's dispatches are used, each with the group of all interfaces that have no own one, if there is such. */
export type HostDispatches = ReadonlyMap<DispatchName, string | undefined>;

export function hook(name: string, hook: Hook, priority: number, reason: string, rules: readonly Rule[]): BaseChain {
  return baseChain({ name, type: "filter", hook, priority, policy: "accept", origin: origin(reason), rules });
}

/** What names of workload interfaces begin with: FelixConfiguration's comma-separated interfacePrefix. */
export function workloadPrefixes(interfacePrefix: string): readonly string[] {
  return [...new Set(interfacePrefix.split(",").map((prefix) => prefix.trim()))].filter((prefix) => prefix !== "");
}

export function prefixesOf(options: CompileOptions): readonly string[] {
  return workloadPrefixes(options.interfacePrefix);
}

/** To the interface's own group, or that of all others. */
export function dispatch(name: DispatchName, hosts: HostDispatches): readonly Rule[] {
  if (!hosts.has(name)) return [];
  const { by, map } = DISPATCHES[name];
  const others = hosts.get(name);
  return [
    rule(PER_ENDPOINT, verdictFrom(meta(by), map)),
    ...(others === undefined ? [] : [rule(OTHER_INTERFACES, verdict(goTo(others)))]),
  ];
}

/**
 * Nothing comes back from there but what a transaction has caught half-way: the kernel holds a packet to the rules that were
 * in force when it entered, and to the maps as they are now, so that it may be led to a chain that has no rules for it yet. It
 * is dropped: without the last rule the hook's own policy would let it pass.
 */
export function leadWorkloads(options: CompileOptions, by: "iifname" | "oifname", to: string): readonly Rule[] {
  return prefixesOf(options).flatMap((prefix) => [
    rule(WORKLOADS, equal(meta(by), interfacePrefix(prefix)), verdict(jump(to))),
    rule(CAUGHT, equal(meta(by), interfacePrefix(prefix)), COUNTER, verdict(DROP)),
  ]);
}

/** What no host endpoint has, not even one of all interfaces. */
export function notLoopback(by: "iifname" | "oifname"): Rule {
  return rule(LOOPBACK, equal(meta(by), interfaceName("lo")), verdict(ACCEPT));
}

/** The same, and what no host endpoint has outside of what it forwards. */
export function noHosts(by: "iifname" | "oifname", options: CompileOptions): readonly Rule[] {
  return [
    notLoopback(by),
    ...prefixesOf(options).map((prefix) => rule(NO_HOST, equal(meta(by), interfacePrefix(prefix)), verdict(ACCEPT))),
  ];
}

/** Neighbour discovery of workloads with their node always passes, or there would be no IPv6 at all. */
export function neighbours(options: CompileOptions): readonly Rule[] {
  const icmpv6 = [
    equal(meta("nfproto"), number(NFPROTO[6])),
    equal(meta("l4proto"), number(Protocol.icmpv6)),
    inSet(payload("icmpv6 type"), NEIGHBOUR_TYPES),
  ];
  return prefixesOf(options).map((prefix) =>
    rule(NEIGHBOURS, equal(meta("iifname"), interfacePrefix(prefix)), ...icmpv6, COUNTER, verdict(ACCEPT)),
  );
}

export const ESTABLISHED = rule(
  origin("of a connection that was allowed"),
  ctState("established", "related"),
  COUNTER,
  verdict(ACCEPT),
);
/** By a host endpoint's untracked or pre-DNAT policies. */
export const ANSWERED = rule(
  origin("allowed before it was tracked or translated"),
  hasBit(ACCEPTED),
  COUNTER,
  verdict(ACCEPT),
);

/** A segment in the middle of a connection that lost its permission would else begin it anew, from the other end. */
export const REVOKED_RULES = ([4, 6] as const).map((family) =>
  rule(
    origin("of a connection that lost its permission"),
    equal(meta("nfproto"), number(NFPROTO[family])),
    equal(meta("l4proto"), number(Protocol.tcp)),
    bits(payload("tcp flags"), TCP_FLAGS.syn, 0),
    inSet(
      [addressField(family, "source"), addressField(family, "destination"), payload("th sport"), payload("th dport")],
      REVOKED[family].set,
    ),
    COUNTER,
    verdict(DROP),
  ),
);

const NEIGHBOURS = origin("neighbour discovery of workloads");
const LOOPBACK = origin("what a host says to itself is nobody's business");
const PER_ENDPOINT = origin("to the endpoint's own policies");
const WORKLOADS = origin("of a workload interface");
const CAUGHT = origin("caught in the middle of a change");
const OTHER_INTERFACES = origin("the host endpoint of all interfaces");
const NO_HOST = origin("of a workload interface, which no host endpoint has; a host always reaches its own workloads");
