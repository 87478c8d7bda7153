import { Prefix } from "@ocicat/net";

/** The same addresses without overlap, in order, as interval sets want them: a block inside another is left out. */
export function maximal(networks: Iterable<Prefix>): readonly Prefix[] {
  const out: Prefix[] = [];
  for (const network of [...networks].sort((a, b) => Prefix.compare(a, b))) {
    // Sorted by address, then the shorter first: what covers a block is the last one kept, if any does.
    if (out.at(-1)?.covers(network) !== true) out.push(network);
  }
  return out;
}
