import { mergeOrigins, type Origin } from "@ocicat/kit";
import { Prefix } from "@ocicat/net";

export interface AttributedPrefix {
  readonly prefix: Prefix;
  readonly origin: Origin;
}

/**
 * The same addresses without overlap, as interval sets want them: a block inside another is left out, and its resources
 * are named with the other's.
 */
export function disjoint(prefixes: readonly AttributedPrefix[]): readonly AttributedPrefix[] {
  const out: AttributedPrefix[] = [];
  for (const one of prefixes.toSorted((a, b) => Prefix.compare(a.prefix, b.prefix))) {
    const last = out.at(-1);
    // Sorted by address, then shortest first: what covers a block is the last one kept, if any does.
    if (last?.prefix.covers(one.prefix)) {
      out[out.length - 1] = { prefix: last.prefix, origin: mergeOrigins(last.origin, one.origin) };
    } else {
      out.push(one);
    }
  }
  return out;
}
