import type { Address } from "@ocicat/net";
import { ct, type Operand } from "./operand.ts";
import type { Value } from "./value.ts";
import type { Verdict } from "./verdict.ts";

export type LimitUnit = "second" | "minute" | "hour" | "day" | "week";

export interface Compare {
  readonly kind: "compare";
  readonly left: Operand;
  readonly negated: boolean;
  readonly right: Value;
}

/** `left & mask` against a value. */
export interface Bits {
  readonly kind: "bits";
  readonly left: Operand;
  readonly mask: number;
  readonly negated: boolean;
  readonly value: number;
}

export interface Lookup {
  readonly kind: "lookup";
  /** Several: a concatenated key. */
  readonly keys: readonly Operand[];
  readonly negated: boolean;
  readonly set: string;
}

/** The verdict that the map holds for the key; none: the next rule. */
export interface VerdictLookup {
  readonly kind: "verdictLookup";
  readonly keys: readonly Operand[];
  readonly map: string;
}

export interface VerdictStatement {
  readonly kind: "verdict";
  readonly verdict: Verdict;
}

/** Counts what reaches it. What it has counted is not part of the model (see RuleState). */
export interface Counter {
  readonly kind: "counter";
}

/** True for what stays within the rate, or with `over` for what exceeds it. */
export interface Limit {
  readonly kind: "limit";
  /** Per unit. */
  readonly rate: bigint;
  readonly unit: LimitUnit;
  readonly of: "packets" | "bytes";
  readonly burst: number;
  readonly over: boolean;
}

export interface Masquerade {
  readonly kind: "masquerade";
  /** The source port is drawn at random instead of kept where free: no collisions between connections that race for it. */
  readonly fullyRandom: boolean;
}

/** `mark = (mark & keep) | value`, of the packet or of its connection. No bit is in both. */
export interface SetMark {
  readonly kind: "setMark";
  readonly of: "meta" | "ct";
  readonly keep: number;
  readonly value: number;
}

/** Writes the packet's DSCP. */
export interface SetDscp {
  readonly kind: "setDscp";
  readonly field: "ip dscp" | "ip6 dscp";
  /** 0 to 63. */
  readonly value: number;
}

/** Tells of the packet, and goes on. */
export interface Log {
  readonly kind: "log";
  /** Printable ASCII, 127 characters at most. */
  readonly prefix: string;
  readonly to: LogTarget;
}

export type LogTarget =
  /** The kernel's own log. */
  | { readonly kind: "kernel"; readonly level: LogLevel }
  /** Whoever has bound the NFLOG group. */
  | {
      readonly kind: "group";
      /** 0 to 65535. */
      readonly group: number;
      /** How many bytes of the packet are handed over; undefined: all. */
      readonly snaplen: number | undefined;
      /** How many packets are handed over at once; undefined: one. */
      readonly queueThreshold: number | undefined;
    };

/** syslog(3)'s, in its order. */
export const LOG_LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The connection is not tracked. */
export interface NoTrack {
  readonly kind: "notrack";
}

/** Drops the packet and tells its sender. */
export type Reject =
  | { readonly kind: "reject"; readonly with: "tcp reset" }
  /** `code` is one of REJECT_CODES; icmpx: what the packet's family calls so. */
  | { readonly kind: "reject"; readonly with: RejectFamily; readonly code: string };

export type RejectFamily = "icmp" | "icmpv6" | "icmpx";

/** Names as nft's; numbers: codes of ICMP's and ICMPv6's "destination unreachable" (RFC 792, RFC 4443), NFT_REJECT_ICMPX_*. */
export const REJECT_CODES: Readonly<Record<RejectFamily, Readonly<Record<string, number>>>> = {
  icmp: {
    "net-unreachable": 0,
    "host-unreachable": 1,
    "prot-unreachable": 2,
    "port-unreachable": 3,
    "net-prohibited": 9,
    "host-prohibited": 10,
    "admin-prohibited": 13,
  },
  icmpv6: { "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4 },
  icmpx: { "no-route": 0, "port-unreachable": 1, "host-unreachable": 2, "admin-prohibited": 3 },
};

/** True while this rule has met no more than `count` connections that live, or with `over` when it has met more. */
export interface CtCount {
  readonly kind: "ctCount";
  readonly count: number;
  readonly over: boolean;
}

/** Another address for the connection's first packet, and so for all of them. Final, as a verdict is. */
export interface Translate {
  readonly kind: "translate";
  readonly end: "source" | "destination";
  readonly address: Address;
}

/** An expression of the kernel that this model does not know, as it came. */
export interface Opaque {
  readonly kind: "opaque";
  readonly name: string;
  /** The attributes inside NFTA_EXPR_DATA. */
  readonly data: Uint8Array;
}

/** A step of a rule: a match (which may end the rule) or a statement (which does something). They run in order. */
export type Expression =
  | Compare
  | Bits
  | Lookup
  | VerdictLookup
  | VerdictStatement
  | Counter
  | Limit
  | Masquerade
  | Translate
  | SetMark
  | SetDscp
  | Log
  | NoTrack
  | Reject
  | CtCount
  | Opaque;

export function equal(left: Operand, right: Value): Compare {
  return Object.freeze({ kind: "compare", left, negated: false, right });
}

export function notEqual(left: Operand, right: Value): Compare {
  return Object.freeze({ kind: "compare", left, negated: true, right });
}

/** `(left & mask) == value`, or `!=` with negated. Masks and values are unsigned 32-bit. */
export function bits(left: Operand, mask: number, value: number, negated = false): Bits {
  return Object.freeze({ kind: "bits", left, mask: mask >>> 0, negated, value: value >>> 0 });
}

/** NF_CT_STATE_BIT. */
export const CT_STATES = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;
export type CtState = keyof typeof CT_STATES;

/** IPS_*, of those that nft has a name for. */
export const CT_STATUS = {
  expected: 1,
  "seen-reply": 2,
  assured: 4,
  confirmed: 8,
  snat: 16,
  dnat: 32,
  dying: 512,
} as const;

/** The bits of `tcp flags`. */
export const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 } as const;

/** True for a connection in any of the states. */
export function ctState(...states: readonly CtState[]): Bits {
  return bits(
    ct("state"),
    states.reduce((mask, state) => mask | CT_STATES[state], 0),
    0,
    true,
  );
}

export function inSet(keys: Operand | readonly Operand[], set: string): Lookup {
  return Object.freeze({ kind: "lookup", keys: keyOf(keys), negated: false, set });
}

export function notInSet(keys: Operand | readonly Operand[], set: string): Lookup {
  return Object.freeze({ kind: "lookup", keys: keyOf(keys), negated: true, set });
}

export function verdictFrom(keys: Operand | readonly Operand[], map: string): VerdictLookup {
  return Object.freeze({ kind: "verdictLookup", keys: keyOf(keys), map });
}

export function verdict(of: Verdict): VerdictStatement {
  return Object.freeze({ kind: "verdict", verdict: of });
}

export const COUNTER: Counter = Object.freeze({ kind: "counter" });

export function limit(
  rate: bigint,
  unit: LimitUnit,
  options: Partial<Pick<Limit, "of" | "burst" | "over">> = {},
): Limit {
  return Object.freeze({ kind: "limit", rate, unit, of: "packets", burst: 5, over: false, ...options });
}

export function masquerade(options: { readonly fullyRandom: boolean }): Masquerade {
  return Object.freeze({ kind: "masquerade", fullyRandom: options.fullyRandom });
}

/** `dnat to`, `snat to`. */
export function translate(end: Translate["end"], address: Address): Translate {
  return Object.freeze({ kind: "translate", end, address });
}

/** Sets the bits of `mask` to `value`'s and leaves the others; `value` has no bit outside the mask. Unsigned 32-bit. */
export function setMark(of: SetMark["of"], value: number, mask = 0xffff_ffff): SetMark {
  return Object.freeze({ kind: "setMark", of, keep: ~mask >>> 0, value: (value & mask) >>> 0 });
}

export function setDscp(field: SetDscp["field"], value: number): SetDscp {
  return Object.freeze({ kind: "setDscp", field, value });
}

/** To the kernel's own log. */
export function log(prefix: string, level: LogLevel = "warn"): Log {
  return Object.freeze({ kind: "log", prefix, to: Object.freeze({ kind: "kernel", level }) });
}

/** To whoever has bound the NFLOG group. */
export function logTo(
  group: number,
  prefix: string,
  options: { readonly snaplen?: number | undefined; readonly queueThreshold?: number | undefined } = {},
): Log {
  const { snaplen, queueThreshold } = options;
  return Object.freeze({ kind: "log", prefix, to: Object.freeze({ kind: "group", group, snaplen, queueThreshold }) });
}

export const NOTRACK: NoTrack = Object.freeze({ kind: "notrack" });

export const TCP_RESET: Reject = Object.freeze({ kind: "reject", with: "tcp reset" });

export function reject(how: RejectFamily, code: string): Reject {
  return Object.freeze({ kind: "reject", with: how, code });
}

export function ctCount(count: number, options: { readonly over: boolean }): CtCount {
  return Object.freeze({ kind: "ctCount", count, over: options.over });
}

export function opaque(name: string, data: Uint8Array): Opaque {
  return Object.freeze({ kind: "opaque", name, data });
}

function keyOf(keys: Operand | readonly Operand[]): readonly Operand[] {
  return Object.freeze("kind" in keys ? [keys] : [...keys]);
}
