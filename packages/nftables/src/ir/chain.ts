import type { Origin } from "@ocicat/kit";
import type { Rule } from "./rule.ts";

export type ChainType = "filter" | "nat" | "route";
export type Hook = "prerouting" | "input" | "forward" | "output" | "postrouting";
export type ChainPolicy = "accept" | "drop";

/** Called from rules. */
export interface RegularChain {
  readonly kind: "chain";
  readonly name: string;
  readonly origin: Origin;
  readonly rules: readonly Rule[];
}

/** Called by the kernel at a hook. */
export interface BaseChain {
  readonly kind: "baseChain";
  readonly name: string;
  readonly type: ChainType;
  readonly hook: Hook;
  /** Smaller runs earlier: -300 raw, -200 connection tracking, -150 mangle, -100 dstnat, 0 filter, 100 srcnat. */
  readonly priority: number;
  readonly policy: ChainPolicy;
  readonly origin: Origin;
  readonly rules: readonly Rule[];
}

export type Chain = RegularChain | BaseChain;

export function chain(options: {
  readonly name: string;
  readonly origin: Origin;
  readonly rules: Iterable<Rule>;
}): RegularChain {
  return Object.freeze({
    kind: "chain",
    name: options.name,
    origin: options.origin,
    rules: Object.freeze([...options.rules]),
  });
}

export function baseChain(options: Omit<BaseChain, "kind" | "rules"> & { readonly rules: Iterable<Rule> }): BaseChain {
  return Object.freeze({ kind: "baseChain", ...options, rules: Object.freeze([...options.rules]) });
}
