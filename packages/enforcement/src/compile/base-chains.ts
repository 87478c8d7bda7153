import { origin } from "@ocicat/kit";
import {
  ACCEPT,
  type BaseChain,
  baseChain,
  bits,
  type Chain,
  COUNTER,
  chain,
  ctState,
  DROP,
  equal,
  goTo,
  type Hook,
  inSet,
  interfaceName,
  interfacePrefix,
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
import { DISPATCHES, type DispatchName } from "./dispatch.ts";
import { failsafeChains } from "./failsafes.ts";
import { ACCEPTED, clearBit, hasBit } from "./marks.ts";
import { addressField, NFPROTO } from "./match/fields.ts";
import type { CompileOptions } from "./options.ts";
import { NEIGHBOUR_TYPES, REVOKED } from "./static-sets.ts";

/** Which of a node's dispatches are used, each with the group of all interfaces that have no own one, if there is such. */
export type HostDispatches = ReadonlyMap<DispatchName, string | undefined>;

/** Names of the prefixes of workload interfaces, of FelixConfiguration's comma-separated interfacePrefix. */
export function workloadPrefixes(interfacePrefix: string): readonly string[] {
  return [...new Set(interfacePrefix.split(",").map((prefix) => prefix.trim()))].filter((prefix) => prefix !== "");
}

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

const FROM_WORKLOAD = "from-workload";
const TO_WORKLOAD = "to-workload";

/** Behind the interface's own policies there is nothing but the drop: an interface without them gets nothing. */
function workloadChains({ settings }: CompileOptions): readonly Chain[] {
  const udp = equal(meta("l4proto"), number(Protocol.udp));
  const vxlan = equal(payload("th dport"), number(settings.vxlanPort));
  const ipip = equal(meta("l4proto"), number(Protocol.ipip));
  return [
    chain({
      name: FROM_WORKLOAD,
      origin: origin("from a workload interface"),
      rules: [
        rule(INVALID, ctState("invalid"), COUNTER, verdict(DROP)),
        ...(settings.allowVxlanFromWorkloads ? [] : [rule(NO_TUNNELS, udp, vxlan, COUNTER, verdict(DROP))]),
        ...(settings.allowIpipFromWorkloads ? [] : [rule(NO_TUNNELS, ipip, COUNTER, verdict(DROP))]),
        rule(PER_ENDPOINT, verdictFrom(meta(DISPATCHES.from.by), DISPATCHES.from.map)),
        rule(NO_POLICY, COUNTER, verdict(DROP)),
      ],
    }),
    chain({
      name: TO_WORKLOAD,
      origin: origin("to a workload interface"),
      rules: [
        rule(INVALID, ctState("invalid"), COUNTER, verdict(DROP)),
        rule(PER_ENDPOINT, verdictFrom(meta(DISPATCHES.to.by), DISPATCHES.to.map)),
        rule(NO_POLICY, COUNTER, verdict(DROP)),
      ],
    }),
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

function hostChains(hosts: HostDispatches, options: CompileOptions): readonly Chain[] {
  const answered = hosts.has("untrackedIn") || hosts.has("preDnat") ? [ANSWERED] : [];
  const chains: Readonly<Partial<Record<DispatchName, () => Chain>>> = {
    untrackedIn: () =>
      hook("untracked-in", "prerouting", RAW, "before connections are tracked", [
        CLEARED,
        ...noHosts("iifname", options),
        ...dispatch("untrackedIn", hosts),
      ]),
    untrackedOut: () =>
      hook("untracked-out", "output", RAW, "before connections are tracked", [
        CLEARED,
        ...noHosts("oifname", options),
        ...dispatch("untrackedOut", hosts),
      ]),
    preDnat: () =>
      hook("pre-dnat", "prerouting", MANGLE, "before destinations are translated", [
        ESTABLISHED,
        ...noHosts("iifname", options),
        ...(hosts.has("untrackedIn") ? [ANSWERED] : [CLEARED]),
        ...dispatch("preDnat", hosts),
      ]),
    forwardIn: () =>
      hook("forward-in", "forward", -1, "what comes by a host endpoint to be forwarded", [
        ESTABLISHED,
        ...noHosts("iifname", options),
        ...answered,
        ...dispatch("forwardIn", hosts),
      ]),
    forwardOut: () =>
      hook("forward-out", "forward", 2, "what is forwarded and leaves by a host endpoint", [
        ESTABLISHED,
        ...noHosts("oifname", options),
        ...dispatch("forwardOut", hosts),
      ]),
    hostOut: () =>
      hook("output", "output", 0, "what this host sends", [
        ESTABLISHED,
        ...noHosts("oifname", options),
        ...(hosts.has("untrackedOut") ? [ANSWERED] : []),
        ...dispatch("hostOut", hosts),
      ]),
  };
  return [...hosts.keys()].flatMap((name) => chains[name]?.() ?? []);
}

/** What no host endpoint has, not even one of all interfaces. */
function noHosts(by: "iifname" | "oifname", options: CompileOptions): readonly Rule[] {
  return [
    rule(LOOPBACK, equal(meta(by), interfaceName("lo")), verdict(ACCEPT)),
    ...prefixesOf(options).map((prefix) => rule(NO_HOST, equal(meta(by), interfacePrefix(prefix)), verdict(ACCEPT))),
  ];
}

/** To the interface's own group, or that of all others. */
function dispatch(name: DispatchName, hosts: HostDispatches): readonly Rule[] {
  if (!hosts.has(name)) return [];
  const { by, map } = DISPATCHES[name];
  const others = hosts.get(name);
  return [
    rule(PER_ENDPOINT, verdictFrom(meta(by), map)),
    ...(others === undefined ? [] : [rule(OTHER_INTERFACES, verdict(goTo(others)))]),
  ];
}

function leadWorkloads(options: CompileOptions, by: "iifname" | "oifname", to: string): readonly Rule[] {
  return prefixesOf(options).map((prefix) =>
    rule(WORKLOADS, equal(meta(by), interfacePrefix(prefix)), verdict(goTo(to))),
  );
}

function prefixesOf(options: CompileOptions): readonly string[] {
  return workloadPrefixes(options.interfacePrefix);
}

function hook(name: string, hook: Hook, priority: number, reason: string, rules: readonly Rule[]): BaseChain {
  return baseChain({ name, type: "filter", hook, priority, policy: "accept", origin: origin(reason), rules });
}

/** NF_IP_PRI_RAW, NF_IP_PRI_MANGLE. */
const RAW = -300;
const MANGLE = -150;

const ESTABLISHED = rule(
  origin("of a connection that was allowed"),
  ctState("established", "related"),
  COUNTER,
  verdict(ACCEPT),
);
const ANSWERED = rule(
  origin("allowed before it was tracked or translated"),
  hasBit(ACCEPTED),
  COUNTER,
  verdict(ACCEPT),
);
const CLEARED = rule(origin("nobody has answered for it yet"), clearBit(ACCEPTED));

/** A segment in the middle of a connection that lost its permission would else begin it anew, from the other end. */
const REVOKED_RULES = ([4, 6] as const).map((family) =>
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

const INVALID = origin("belongs to no connection and begins none");
const NO_TUNNELS = origin("a workload's own tunnel would lead around policy");
const PER_ENDPOINT = origin("to the endpoint's own policies");
const NO_POLICY = origin("no policy yet for this interface");
const NEIGHBOURS = origin("neighbour discovery of workloads");
const TO_HOST = origin("DefaultEndpointToHostAction", { kind: "FelixConfiguration", name: "default" });
const WORKLOADS = origin("of a workload interface");
const OTHER_INTERFACES = origin("the host endpoint of all interfaces");
const LOOPBACK = origin("what a host says to itself is nobody's business");
const NO_HOST = origin("of a workload interface, which no host endpoint has; a host always reaches its own workloads");
