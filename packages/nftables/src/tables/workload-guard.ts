import { type Origin, origin, type ResourceRef } from "@ocicat/kit";
import { type Ipv6, Prefix, parsePrefix } from "@ocicat/net";
import { baseChain, chain, type RegularChain } from "../ir/chain.ts";
import { COUNTER, equal, notEqual, notInSet, verdict, verdictFrom } from "../ir/expression.ts";
import { meta, type Operand, payload } from "../ir/operand.ts";
import { type Rule, rule } from "../ir/rule.ts";
import { element, type SetElement, set, verdictMap } from "../ir/set.ts";
import { type SetRef, type Table, type TableRef, table } from "../ir/table.ts";
import { interfaceName, interfacePrefix, number, prefixValue, type Value } from "../ir/value.ts";
import { ACCEPT, DROP, goTo } from "../ir/verdict.ts";
import { workloadPrefixes } from "./interface-prefix.ts";

export const GUARD_TABLE: TableRef = Object.freeze({ family: "inet", name: "ocicat-guard" });

/** The set of interfaces with a workload behind them. */
export const KNOWN_INTERFACES: SetRef = Object.freeze({ table: GUARD_TABLE, set: "known" });

/** The IPv6 addresses that may be sent from, each with the interface behind which it is. */
export const IPV6_SOURCES: SetRef = Object.freeze({ table: GUARD_TABLE, set: "sources6" });

/**
 * The link group (`ip link set … group`) of interfaces that are known: whoever keeps KNOWN_INTERFACES may put its members in
 * it, and must take them out again first. One number is compared then, in place of a name and a look-up of it: half of what
 * the guard costs a packet.
 */
export const KNOWN_GROUP = 0xca11;

export interface WorkloadSource {
  readonly interfaceName: string;
  readonly address: Ipv6;
  readonly origin: Origin;
}

/** A workload that may send from more than its own addresses. */
export interface WiderSource {
  readonly interfaceName: string;
  /** Everything that it may send from, its own addresses too, of both families. */
  readonly networks: readonly Prefix[];
  readonly origin: Origin;
}

export interface WorkloadGuardOptions {
  /** The IPv6 addresses of this node's workload endpoints. */
  readonly sources6: Iterable<WorkloadSource>;
  /** Whoever names one for IPv4 must see to it that rp_filter lets its packets come so far. */
  readonly wider?: readonly WiderSource[];
  /** Interfaces of this node's workload endpoints, each with the endpoint it belongs to. */
  readonly knownInterfaces: ReadonlyMap<string, Origin>;
  /** FelixConfiguration's interfacePrefix: "cali", or several separated by commas. */
  readonly interfacePrefix: string;
  /** Where the prefix comes from, if somebody set it. */
  readonly configuration?: ResourceRef | undefined;
}

/** NF_IP_PRI_RAW: before connection tracking. */
const RAW_PRIORITY = -300;

const NFPROTO_IPV6 = 10;
const LINK_LOCAL = parsePrefix("fe80::/10");

/**
 * Fail closed: an interface that looks like a workload's and is nobody's neither sends nor receives. Other interfaces are not
 * looked at twice.
 *
 *     prerouting    iifgroup != KNOWN_GROUP iifname "cali*" iifname != @known drop     for the host and to be forwarded alike
 *     postrouting   oifgroup != KNOWN_GROUP oifname "cali*" oifname != @known drop     forwarded and the host's own alike
 *
 * And nobody sends with another's address. For IPv4 rp_filter on the interface sees to it; IPv6 has none, so that the guard does:
 *
 *     prerouting    ip6 and iifname "cali*" ip6 saddr != fe80::/10 iifname . ip6 saddr != @sources6 drop
 *
 * Who may send from more (`wider`) is asked in a chain of his own, of both families:
 *
 *     prerouting    iifname vmap @wider           goto sources-cali123: ip saddr …, ip6 saddr … accept, else drop
 *
 * Link-local addresses lead no further than the link, and neighbour discovery needs them.
 *
 * Both are where every packet of that direction passes, whatever other tables do between them, and no other table can
 * undo a drop. Knowing one interface more is one element in a hash set.
 */
export function workloadGuard(options: WorkloadGuardOptions): Table {
  const prefixes = workloadPrefixes(options.interfacePrefix);
  const from = options.configuration === undefined ? [] : [options.configuration];
  const wider = options.wider ?? [];
  return table({
    ...GUARD_TABLE,
    origin: origin("workload interfaces nobody knows get no traffic", ...from),
    sets: [
      set({
        name: KNOWN_INTERFACES.set,
        key: "ifname",
        origin: origin("interfaces with a workload endpoint"),
        elements: [...options.knownInterfaces].map(([name, why]) => knownInterface(name, why)),
      }),
      set({
        name: IPV6_SOURCES.set,
        key: ["ifname", "ipv6_addr"],
        origin: origin("IPv6 addresses of workload endpoints"),
        elements: [...options.sources6].map(ipv6Source),
      }),
      ...(wider.length === 0 ? [] : [widerMap(wider)]),
    ],
    chains: [
      ...wider.map(widerChain),
      guardChain("prerouting", origin("from a workload interface", ...from), [
        ...unknown(INCOMING, prefixes, origin("from a workload interface without an endpoint", ...from)),
        ...(wider.length === 0 ? [] : [rule(WIDER_ORIGIN, verdictFrom(meta("iifname"), WIDER))]),
        ...foreignSource(prefixes, origin("with an address that is not the workload's own", ...from)),
      ]),
      guardChain("postrouting", origin("to a workload interface", ...from), [
        ...unknown(OUTGOING, prefixes, origin("to a workload interface without an endpoint", ...from)),
      ]),
    ],
  });
}

/** For NftReconciler.putElement(KNOWN_INTERFACES, …): one interface more. */
export function knownInterface(name: string, why: Origin): SetElement {
  return element(why, interfaceName(name));
}

/** For NftReconciler.putElement(IPV6_SOURCES, …): one address more. */
export function ipv6Source({ interfaceName: name, address, origin: why }: WorkloadSource): SetElement {
  return element(why, ipv6SourceKey(name, address));
}

/** For NftReconciler.deleteElement(IPV6_SOURCES, …). */
export function ipv6SourceKey(name: string, address: Ipv6): readonly Value[] {
  return [interfaceName(name), prefixValue(Prefix.host(address))];
}

function guardChain(hook: "prerouting" | "postrouting", why: Origin, rules: readonly Rule[]) {
  return baseChain({ name: hook, type: "filter", hook, priority: RAW_PRIORITY, policy: "accept", origin: why, rules });
}

const WIDER = "wider";
const WIDER_ORIGIN = origin("workloads that may send from more than their own addresses");

function widerMap(wider: readonly WiderSource[]) {
  const elements = wider.map(({ interfaceName: name, origin: why }) =>
    element(why, interfaceName(name), goTo(widerChainName(name))),
  );
  return verdictMap({ name: WIDER, key: "ifname", origin: WIDER_ORIGIN, elements });
}

function widerChainName(name: string): string {
  return `sources-${name}`;
}

const NFPROTO_IPV4 = 2;

/** What is accepted here has been looked at: the rules behind the map are for those who are not in it. */
function widerChain({ interfaceName: name, networks, origin: why }: WiderSource): RegularChain {
  return chain({
    name: widerChainName(name),
    origin: why,
    rules: [
      ...[...networks, LINK_LOCAL].map((network) =>
        rule(
          why,
          equal(meta("nfproto"), number(network.family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6)),
          equal(payload(network.family === 4 ? "ip saddr" : "ip6 saddr"), prefixValue(network)),
          verdict(ACCEPT),
        ),
      ),
      rule(why, COUNTER, verdict(DROP)),
    ],
  });
}

interface Side {
  readonly name: Operand;
  readonly group: Operand;
}

const INCOMING: Side = { name: meta("iifname"), group: meta("iifgroup") };
const OUTGOING: Side = { name: meta("oifname"), group: meta("oifgroup") };

function unknown({ name, group }: Side, prefixes: readonly string[], why: Origin): readonly Rule[] {
  return prefixes.map((prefix) =>
    rule(
      why,
      notEqual(group, number(KNOWN_GROUP)),
      equal(name, interfacePrefix(prefix)),
      notInSet(name, KNOWN_INTERFACES.set),
      COUNTER,
      verdict(DROP),
    ),
  );
}

function foreignSource(prefixes: readonly string[], why: Origin): readonly Rule[] {
  return prefixes.map((prefix) =>
    rule(
      why,
      // First what most packets fail by: it is the cheapest to ask.
      equal(meta("nfproto"), number(NFPROTO_IPV6)),
      equal(meta("iifname"), interfacePrefix(prefix)),
      notEqual(payload("ip6 saddr"), prefixValue(LINK_LOCAL)),
      notInSet([meta("iifname"), payload("ip6 saddr")], IPV6_SOURCES.set),
      COUNTER,
      verdict(DROP),
    ),
  );
}
