import { type Origin, origin } from "@ocicat/kit";
import { type Address, type Family, familyOf, Prefix } from "@ocicat/net";
import { baseChain } from "../ir/chain.ts";
import type { DataType } from "../ir/data-type.ts";
import { COUNTER, inSet, masquerade, notEqual, notInSet } from "../ir/expression.ts";
import { meta, payload } from "../ir/operand.ts";
import { rule } from "../ir/rule.ts";
import { element, type SetElement, set } from "../ir/set.ts";
import { type SetRef, type Table, type TableRef, table } from "../ir/table.ts";
import { interfacePrefix, prefixValue } from "../ir/value.ts";
import { type AttributedPrefix, disjoint } from "./disjoint.ts";
import { workloadPrefixes } from "./interface-prefix.ts";

/** What natOutgoing may make: the names to give to NftReconciler.setTables. */
export const NAT_TABLES: Readonly<Record<Family, TableRef>> = Object.freeze({
  4: Object.freeze({ family: "ip", name: "ocicat-nat" }),
  6: Object.freeze({ family: "ip6", name: "ocicat-nat" }),
});

export interface NatPool {
  readonly cidr: Prefix;
  /** The IPPool's natOutgoing: whether what comes from here is masqueraded. A disabled pool counts as any other. */
  readonly natOutgoing: boolean;
  readonly origin: Origin;
}

export interface NatOutgoingOptions {
  /** All of them: what goes to one without natOutgoing is not masqueraded either. */
  readonly pools: readonly NatPool[];
  /** FelixConfiguration's natOutgoingExclusions. */
  readonly exclusions: "IPPoolsOnly" | "IPPoolsAndHostIPs";
  /** Of all nodes; used with IPPoolsAndHostIPs. */
  readonly hostAddresses: ReadonlyMap<Address, Origin>;
  /** FelixConfiguration's interfacePrefix. */
  readonly interfacePrefix: string;
}

/** NF_IP_PRI_NAT_SRC. */
const SRCNAT_PRIORITY = 100;

const POOLS = "pools";
const NAT_POOLS = "nat-pools";
const HOSTS = "hosts";

/**
 * Packets from a pool with natOutgoing to an address outside every pool get the node's own address:
 *
 *     ip saddr @nat-pools ip daddr != @pools ip daddr != @hosts oifname != "cali*" masquerade fully-random
 *                                            └ IPPoolsAndHostIPs┘
 *
 * One table a family, and none for a family without such a pool: a NAT hook switches connection tracking on.
 */
export function natOutgoing(options: NatOutgoingOptions): readonly Table[] {
  return ([4, 6] as const).flatMap((family) => {
    const pools = options.pools.filter(({ cidr }) => cidr.family === family);
    const sources = pools.filter((pool) => pool.natOutgoing);
    return sources.length === 0 ? [] : [natTable(family, pools, sources, options)];
  });
}

/** The set of node addresses of a family, for NftReconciler.putElement; it is there with IPPoolsAndHostIPs. */
export function hostAddressSet(family: Family): SetRef {
  return { table: NAT_TABLES[family], set: HOSTS };
}

export function hostAddress(address: Address, why: Origin): SetElement {
  return element(why, prefixValue(Prefix.host(address)));
}

function natTable(
  family: Family,
  pools: readonly NatPool[],
  sources: readonly NatPool[],
  options: NatOutgoingOptions,
): Table {
  const key = ADDRESS_TYPES[family];
  const [source, destination] = ADDRESS_FIELDS[family];
  const sparesHosts = options.exclusions === "IPPoolsAndHostIPs";
  const hosts = [...options.hostAddresses].filter(([address]) => familyOf(address) === family);
  const why = origin(`from a pool with natOutgoing to outside every pool${sparesHosts ? " and no node" : ""}`);
  return table({
    ...NAT_TABLES[family],
    origin: origin("masquerade for IP pools with natOutgoing"),
    sets: [
      poolSet(POOLS, key, pools, origin("all IP pools")),
      poolSet(NAT_POOLS, key, sources, origin("IP pools with natOutgoing")),
      ...(sparesHosts
        ? [
            set({
              name: HOSTS,
              key,
              origin: origin("addresses of the nodes"),
              elements: hosts.map(([address, host]) => hostAddress(address, host)),
            }),
          ]
        : []),
    ],
    chains: [
      baseChain({
        name: "postrouting",
        type: "nat",
        hook: "postrouting",
        priority: SRCNAT_PRIORITY,
        policy: "accept",
        origin: why,
        rules: [
          rule(
            why,
            inSet(source, NAT_POOLS),
            notInSet(destination, POOLS),
            ...(sparesHosts ? [notInSet(destination, HOSTS)] : []),
            ...workloadPrefixes(options.interfacePrefix).map((prefix) =>
              notEqual(meta("oifname"), interfacePrefix(prefix)),
            ),
            COUNTER,
            masquerade({ fullyRandom: true }),
          ),
        ],
      }),
    ],
  });
}

const ADDRESS_TYPES: Readonly<Record<Family, DataType>> = { 4: "ipv4_addr", 6: "ipv6_addr" };

const ADDRESS_FIELDS = {
  4: [payload("ip saddr"), payload("ip daddr")],
  6: [payload("ip6 saddr"), payload("ip6 daddr")],
} as const;

function poolSet(name: string, key: DataType, pools: readonly NatPool[], why: Origin) {
  const prefixes = disjoint(pools.map(({ cidr, origin }): AttributedPrefix => ({ prefix: cidr, origin })));
  return set({
    name,
    key,
    interval: true,
    origin: why,
    elements: prefixes.map(({ prefix, origin }) => element(origin, prefixValue(prefix))),
  });
}
