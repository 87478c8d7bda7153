import type { DataType } from "./data-type.ts";

export type MetaKey = "iifname" | "oifname" | "iifgroup" | "oifgroup" | "nfproto" | "l4proto" | "mark";
export type PayloadField = "ip saddr" | "ip daddr" | "ip6 saddr" | "ip6 daddr" | "th sport" | "th dport";
export type CtKey = "state" | "mark";

/** What is looked at in a packet: the left side of a comparison, a field of a look-up's key. */
export type Operand =
  | { readonly kind: "meta"; readonly key: MetaKey }
  | { readonly kind: "payload"; readonly field: PayloadField }
  | { readonly kind: "ct"; readonly key: CtKey };

export function meta(key: MetaKey): Operand {
  return Object.freeze({ kind: "meta", key });
}

export function payload(field: PayloadField): Operand {
  return Object.freeze({ kind: "payload", field });
}

export function ct(key: CtKey): Operand {
  return Object.freeze({ kind: "ct", key });
}

/** NFT_META_*. */
export const META_KEYS: Readonly<Record<MetaKey, { readonly key: number; readonly type: DataType }>> = {
  mark: { key: 3, type: "mark" },
  iifname: { key: 6, type: "ifname" },
  oifname: { key: 7, type: "ifname" },
  nfproto: { key: 15, type: "nf_proto" },
  l4proto: { key: 16, type: "inet_proto" },
  iifgroup: { key: 21, type: "devgroup" },
  oifgroup: { key: 22, type: "devgroup" },
};

/** NFT_CT_*. */
export const CT_KEYS: Readonly<Record<CtKey, { readonly key: number; readonly type: DataType }>> = {
  state: { key: 0, type: "ct_state" },
  mark: { key: 3, type: "mark" },
};

export const NETWORK_HEADER = 1;
export const TRANSPORT_HEADER = 2;

export interface PayloadFacts {
  /** NFT_PAYLOAD_*_HEADER. */
  readonly base: number;
  /** Bytes from there. */
  readonly offset: number;
  readonly type: DataType;
  /**
   * What must be known of a packet before these bytes mean this field. In an inet table `ip saddr` of an IPv6 packet
   * would be four bytes out of the middle of an address; ports of a packet that is neither TCP nor UDP are anything.
   */
  readonly needs: "ipv4" | "ipv6" | "ports";
}

export const PAYLOAD_FIELDS: Readonly<Record<PayloadField, PayloadFacts>> = {
  "ip saddr": { base: NETWORK_HEADER, offset: 12, type: "ipv4_addr", needs: "ipv4" },
  "ip daddr": { base: NETWORK_HEADER, offset: 16, type: "ipv4_addr", needs: "ipv4" },
  "ip6 saddr": { base: NETWORK_HEADER, offset: 8, type: "ipv6_addr", needs: "ipv6" },
  "ip6 daddr": { base: NETWORK_HEADER, offset: 24, type: "ipv6_addr", needs: "ipv6" },
  "th sport": { base: TRANSPORT_HEADER, offset: 0, type: "inet_service", needs: "ports" },
  "th dport": { base: TRANSPORT_HEADER, offset: 2, type: "inet_service", needs: "ports" },
};

export function typeOf(operand: Operand): DataType {
  switch (operand.kind) {
    case "meta":
      return META_KEYS[operand.key].type;
    case "payload":
      return PAYLOAD_FIELDS[operand.field].type;
    case "ct":
      return CT_KEYS[operand.key].type;
  }
}
