import { type Origin, origin } from "@ocicat/kit";
import { type Address, type Family, familyOf, Prefix } from "@ocicat/net";
import { type BaseChain, baseChain } from "../ir/chain.ts";
import { COUNTER, type Expression, equal, inSet, NOTRACK, notInSet, verdict } from "../ir/expression.ts";
import { fib, meta, payload } from "../ir/operand.ts";
import { type Rule, rule } from "../ir/rule.ts";
import { element, type SetElement, set } from "../ir/set.ts";
import { type SetRef, type Table, type TableRef, table } from "../ir/table.ts";
import { number, prefixValue, type Value } from "../ir/value.ts";
import { DROP } from "../ir/verdict.ts";

export const TUNNEL_TABLE: TableRef = Object.freeze({ family: "inet", name: "ocicat-tunnels" });

/** The addresses of the other nodes: who may send packets in packets. */
export const TUNNEL_SENDERS: Readonly<Record<Family, SetRef>> = Object.freeze({
  4: Object.freeze({ table: TUNNEL_TABLE, set: "nodes4" }),
  6: Object.freeze({ table: TUNNEL_TABLE, set: "nodes6" }),
});

export interface TunnelGuardOptions {
  readonly ipip: boolean;
  /** The UDP port of the VXLANs of this node, by the family of their outer packets; undefined: it has none. */
  readonly vxlanPort: Readonly<Record<Family, number | undefined>>;
  /** Of all other nodes. */
  readonly nodes: ReadonlyMap<Address, Origin>;
}

/** NF_IP_PRI_RAW: before connection tracking. */
const RAW_PRIORITY = -300;

const NFPROTO: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const IPPROTO_IPIP = 4;
const IPPROTO_UDP = 17;

/** RTN_LOCAL: an address of this node. */
const LOCAL = 2;

const ADDRESS = {
  4: { type: "ipv4_addr", source: payload("ip saddr"), destination: payload("ip daddr") },
  6: { type: "ipv6_addr", source: payload("ip6 saddr"), destination: payload("ip6 daddr") },
} as const;

/**
 * A tunnel carries what it is handed: whoever can send to this node could put packets with any address into any pod. Only
 * nodes may.
 *
 *     input        ip protocol ipip  ip saddr != @nodes4 drop
 *                  udp dport 4789    ip saddr != @nodes4 drop     the same for IPv6
 *     prerouting   udp dport 4789    ip saddr @nodes4  fib daddr type local  notrack
 *     output       udp dport 4789    ip daddr @nodes4  notrack
 *
 * VXLAN's own packets are not tracked: what they carry is, and they would be an entry for each source port, of which no answer
 * ever makes one established. Only those in IPv4: an ICMP error about a packet of no connection is invalid, and a host endpoint
 * drops it. No error comes of VXLAN in IPv4, whose packets routers may fragment; IPv6's and IPIP's path MTU is learned by them.
 *
 * None without a tunnel: then protocol 4 and port 4789 are nobody's business here.
 */
export function tunnelGuard({ ipip, vxlanPort, nodes }: TunnelGuardOptions): readonly Table[] {
  const rules = [
    ...(ipip ? [strangers(4, IPPROTO_IPIP, undefined, origin("IPIP from an address that is no node's"))] : []),
    ...([4, 6] as const).flatMap((family) => {
      const port = vxlanPort[family];
      const why = origin("VXLAN from an address that is no node's");
      return port === undefined ? [] : [strangers(family, IPPROTO_UDP, port, why)];
    }),
  ];
  if (rules.length === 0) return [];
  const why = origin("tunnels take packets from nodes only");
  return [
    table({
      ...TUNNEL_TABLE,
      origin: why,
      sets: ([4, 6] as const).map((family) =>
        set({
          name: TUNNEL_SENDERS[family].set,
          key: ADDRESS[family].type,
          origin: origin(`IPv${family} addresses of the other nodes`),
          elements: [...nodes]
            .filter(([address]) => familyOf(address) === family)
            .map(([address, node]) => tunnelSender(address, node)),
        }),
      ),
      chains: [chain("input", why, rules), ...(vxlanPort[4] === undefined ? [] : withoutTracking(vxlanPort[4]))],
    }),
  ];
}

/** For NftReconciler.putElement(TUNNEL_SENDERS[…], …): one node more. */
export function tunnelSender(address: Address, why: Origin): SetElement {
  return element(why, tunnelSenderKey(address));
}

/** For NftReconciler.deleteElement(TUNNEL_SENDERS[…], …). */
export function tunnelSenderKey(address: Address): Value {
  return prefixValue(Prefix.host(address));
}

function withoutTracking(port: number): readonly BaseChain[] {
  const why = origin("VXLAN's own packets are of no connection: what they carry is");
  const { source, destination } = ADDRESS[4];
  const nodes = TUNNEL_SENDERS[4].set;
  return [
    chain("prerouting", why, [
      rule(
        why,
        ...carried(4, IPPROTO_UDP, port),
        inSet(source, nodes),
        equal(fib("daddr type"), number(LOCAL)),
        NOTRACK,
      ),
    ]),
    chain("output", why, [rule(why, ...carried(4, IPPROTO_UDP, port), inSet(destination, nodes), NOTRACK)]),
  ];
}

function chain(hook: "input" | "prerouting" | "output", why: Origin, rules: readonly Rule[]): BaseChain {
  return baseChain({ name: hook, type: "filter", hook, priority: RAW_PRIORITY, policy: "accept", origin: why, rules });
}

function strangers(family: Family, protocol: number, port: number | undefined, why: Origin): Rule {
  return rule(
    why,
    ...carried(family, protocol, port),
    notInSet(ADDRESS[family].source, TUNNEL_SENDERS[family].set),
    COUNTER,
    verdict(DROP),
  );
}

function carried(family: Family, protocol: number, port: number | undefined): readonly Expression[] {
  return [
    equal(meta("nfproto"), number(NFPROTO[family])),
    equal(meta("l4proto"), number(protocol)),
    ...(port === undefined ? [] : [equal(payload("th dport"), number(port))]),
  ];
}
