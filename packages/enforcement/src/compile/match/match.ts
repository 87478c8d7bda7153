import type { Expression } from "@ocicat/nftables";

/** All of it has to hold. Empty: always. */
export type Match = readonly Expression[];

/** One of them has to hold. Empty: never. */
export type AnyOf = readonly Match[];

export const ALWAYS: AnyOf = [[]];
export const NEVER: AnyOf = [];

/** All of it at once. */
export function all(...matches: readonly Match[]): AnyOf {
  return [matches.flat()];
}

/** Every choice of one of each, in the order in which they are given: a rule knows no "or". */
export function product(parts: readonly AnyOf[]): AnyOf {
  return parts.reduce<AnyOf>((left, right) => left.flatMap((one) => right.map((other) => [...one, ...other])), ALWAYS);
}
