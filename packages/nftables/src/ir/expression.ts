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

export function opaque(name: string, data: Uint8Array): Opaque {
  return Object.freeze({ kind: "opaque", name, data });
}

function keyOf(keys: Operand | readonly Operand[]): readonly Operand[] {
  return Object.freeze("kind" in keys ? [keys] : [...keys]);
}
