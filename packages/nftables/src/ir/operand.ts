import type { DataType } from "./data-type.ts";

export type MetaKey = "iifname" | "oifname" | "iifgroup" | "oifgroup" | "nfproto" | "l4proto" | "mark";
export type PayloadField =
  | "ip saddr"
  | "ip daddr"
  | "ip dscp"
  | "ip6 saddr"
  | "ip6 daddr"
  | "ip6 dscp"
  | "th sport"
  | "th dport"
  | "tcp flags"
  | "icmp type"
  | "icmp code"
  | "icmpv6 type"
  | "icmpv6 code";
export type CtKey = "state" | "direction" | "status" | "mark";
export type FibKey = "saddr . iif oif" | "saddr . mark . iif oif" | "daddr type";

/** What is looked at in a packet: the left side of a comparison, a field of a look-up's key. */
export type Operand =
  | { readonly kind: "meta"; readonly key: MetaKey }
  | { readonly kind: "payload"; readonly field: PayloadField }
  | { readonly kind: "ct"; readonly key: CtKey }
  /** What the routing table says of the packet. */
  | { readonly kind: "fib"; readonly key: FibKey };

export function meta(key: MetaKey): Operand {
  return Object.freeze({ kind: "meta", key });
}

export function payload(field: PayloadField): Operand {
  return Object.freeze({ kind: "payload", field });
}

export function ct(key: CtKey): Operand {
  return Object.freeze({ kind: "ct", key });
}

export function fib(key: FibKey): Operand {
  return Object.freeze({ kind: "fib", key });
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
  direction: { key: 1, type: "ct_dir" },
  status: { key: 2, type: "ct_status" },
  mark: { key: 3, type: "mark" },
};

export interface FibFacts {
  /** NFT_FIB_RESULT_*. */
  readonly result: number;
  /** NFTA_FIB_F_*. */
  readonly flags: number;
  readonly type: DataType;
}

const BY = { saddr: 1, daddr: 2, mark: 4, iif: 8, present: 32 } as const;
const RESULT = { oif: 1, type: 3 } as const;

/**
 * `saddr . iif oif`: is there a route back to the source by the interface it came by? 1 exists, 0 missing. A number is what
 * the kernel gives for `daddr type`: RTN_*, 2 is local.
 */
export const FIB_KEYS: Readonly<Record<FibKey, FibFacts>> = {
  "saddr . iif oif": { result: RESULT.oif, flags: BY.saddr | BY.iif | BY.present, type: "boolean" },
  "saddr . mark . iif oif": { result: RESULT.oif, flags: BY.saddr | BY.mark | BY.iif | BY.present, type: "boolean" },
  "daddr type": { result: RESULT.type, flags: BY.daddr, type: "fib_addrtype" },
};

export const NETWORK_HEADER = 1;
export const TRANSPORT_HEADER = 2;

/** What must be known of a packet before bytes mean a field. */
export type PacketKind = "ipv4" | "ipv6" | "ports" | "tcp" | "icmp" | "icmpv6";

export interface PayloadFacts {
  /** NFT_PAYLOAD_*_HEADER. */
  readonly base: number;
  /** Bytes from there. */
  readonly offset: number;
  readonly type: DataType;
  /** Where it begins or ends within a byte. */
  readonly within?: BitField;
  /**
   * In an inet table `ip saddr` of an IPv6 packet would be four bytes out of the middle of an address; ports of a packet that
   * is neither TCP nor UDP are anything.
   */
  readonly needs: PacketKind;
}

/** Some bits in the middle of a few bytes, highest byte first. */
export interface BitField {
  readonly bytes: number;
  /** How many bits are below it. */
  readonly shift: number;
}

/*
 * The first two bytes of either header. DSCP is six bits of them; the two below it are ECN's.
 *
 *     IPv4   |version| length|    DSCP   |ECN|
 *     IPv6   |version|    DSCP   |ECN|  flow label …
 */
export const PAYLOAD_FIELDS: Readonly<Record<PayloadField, PayloadFacts>> = {
  "ip saddr": { base: NETWORK_HEADER, offset: 12, type: "ipv4_addr", needs: "ipv4" },
  "ip daddr": { base: NETWORK_HEADER, offset: 16, type: "ipv4_addr", needs: "ipv4" },
  "ip dscp": { base: NETWORK_HEADER, offset: 1, type: "dscp", within: { bytes: 1, shift: 2 }, needs: "ipv4" },
  "ip6 saddr": { base: NETWORK_HEADER, offset: 8, type: "ipv6_addr", needs: "ipv6" },
  "ip6 daddr": { base: NETWORK_HEADER, offset: 24, type: "ipv6_addr", needs: "ipv6" },
  "ip6 dscp": { base: NETWORK_HEADER, offset: 0, type: "dscp", within: { bytes: 2, shift: 6 }, needs: "ipv6" },
  "th sport": { base: TRANSPORT_HEADER, offset: 0, type: "inet_service", needs: "ports" },
  "th dport": { base: TRANSPORT_HEADER, offset: 2, type: "inet_service", needs: "ports" },
  "tcp flags": { base: TRANSPORT_HEADER, offset: 13, type: "tcp_flag", needs: "tcp" },
  "icmp type": { base: TRANSPORT_HEADER, offset: 0, type: "icmp_type", needs: "icmp" },
  "icmp code": { base: TRANSPORT_HEADER, offset: 1, type: "icmp_code", needs: "icmp" },
  "icmpv6 type": { base: TRANSPORT_HEADER, offset: 0, type: "icmpv6_type", needs: "icmpv6" },
  "icmpv6 code": { base: TRANSPORT_HEADER, offset: 1, type: "icmpv6_code", needs: "icmpv6" },
};

export function typeOf(operand: Operand): DataType {
  switch (operand.kind) {
    case "meta":
      return META_KEYS[operand.key].type;
    case "payload":
      return PAYLOAD_FIELDS[operand.field].type;
    case "ct":
      return CT_KEYS[operand.key].type;
    case "fib":
      return FIB_KEYS[operand.key].type;
  }
}
