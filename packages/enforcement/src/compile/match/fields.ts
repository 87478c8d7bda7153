import type { Family } from "@ocicat/net";
import { type DataType, type Operand, payload } from "@ocicat/nftables";

export type Side = "source" | "destination";

/** NFPROTO_*. */
export const NFPROTO: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };

const ADDRESSES: Readonly<Record<Family, Readonly<Record<Side, Operand>>>> = {
  4: { source: payload("ip saddr"), destination: payload("ip daddr") },
  6: { source: payload("ip6 saddr"), destination: payload("ip6 daddr") },
};

const PORTS: Readonly<Record<Side, Operand>> = { source: payload("th sport"), destination: payload("th dport") };

const ADDRESS_TYPES: Readonly<Record<Family, DataType>> = { 4: "ipv4_addr", 6: "ipv6_addr" };

export function addressField(family: Family, side: Side): Operand {
  return ADDRESSES[family][side];
}

export function portField(side: Side): Operand {
  return PORTS[side];
}

export function addressTypeOf(family: Family): DataType {
  return ADDRESS_TYPES[family];
}
