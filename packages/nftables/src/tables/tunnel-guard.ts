import { type Origin, origin } from "@ocicat/kit";
import { type Address, type Family, familyOf, Prefix } from "@ocicat/net";
import { baseChain } from "../ir/chain.ts";
import { COUNTER, equal, notInSet, verdict } from "../ir/expression.ts";
import { meta, payload } from "../ir/operand.ts";
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

const ADDRESS = {
  4: { type: "ipv4_addr", source: payload("ip saddr") },
  6: { type: "ipv6_addr", source: payload("ip6 saddr") },
} as const;

/**
 * A tunnel carries what it is handed: whoever can send to this node could put packets with any address into any pod. Only
 * nodes may.
 *
 *     input    ip protocol ipip  ip saddr != @nodes4 drop
 *              udp dport 4789    ip saddr != @nodes4 drop     the same for IPv6
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
      chains: [
        baseChain({
          name: "input",
          type: "filter",
          hook: "input",
          priority: RAW_PRIORITY,
          policy: "accept",
          origin: why,
          rules,
        }),
      ],
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

function strangers(family: Family, protocol: number, port: number | undefined, why: Origin): Rule {
  return rule(
    why,
    equal(meta("nfproto"), number(NFPROTO[family])),
    equal(meta("l4proto"), number(protocol)),
    ...(port === undefined ? [] : [equal(payload("th dport"), number(port))]),
    notInSet(ADDRESS[family].source, TUNNEL_SENDERS[family].set),
    COUNTER,
    verdict(DROP),
  );
}
